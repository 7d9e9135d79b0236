"""The evaluation evaluated on islands: perfect memory reaches the ceiling, and each known failing fails its own measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs import episode as episodes
from envs.voxel.landmarks import NAMES
from simulator.demo import story as demo
from simulator.evaluation.maze import make_scene as make_maze
from simulator.evaluation.onestep import OneStep, one_step
from simulator.evaluation.plan import Plan
from simulator.evaluation.run import evaluate, headline
from simulator.evaluation.summary import onestep_summary
from simulator.evaluation.voxel import measures, story
from simulator.evaluation.voxel.edits import edits, returns
from simulator.evaluation.voxel.scene import VoxelScene
from tests.simulator.evaluation import fakes as mazes
from tests.simulator.evaluation.voxel import fakes

CEILING = 60.0
PLAN = Plan(
    n_frames=125, onestep_frames=125, score_every=6, control_every=6, reset_every=(9,), horizon_retrieval=(62, 20),
    horizon_reasoning=(62, 10), drift_context=20, drift_frames=10, drift_mazes=1, standing_frames=10, route_mazes=1,
    cost_frames=12, craft_every=40, edit_returns=2, stories=0,
)  # fmt: skip


def run(fake: type[fakes.PerfectMemory], batch: list[VoxelScene], *, probing: bool = False, controls: bool = False) -> Any:
    engine = fake(batch)
    probes = measures.MEASURES.probes(engine, batch, PLAN, True) if probing else []

    def ask(t: int, moment: Any) -> None:
        for probe in probes:
            probe(t, moment)

    seen: OneStep = one_step(engine, batch, PLAN, pose_given=True, marks=(), controls=controls, probe=ask)
    found = onestep_summary(seen, VoxelScene)
    for probe in probes:
        found |= probe.summary()
    return found


@pytest.fixture(scope="module")
def perfect(batch: list[VoxelScene]) -> Any:
    return run(fakes.PerfectMemory, batch, probing=True, controls=True)


def test_perfect_memory_reaches_the_ceiling_on_all_that_was_ever_seen(perfect: Any):
    for age in ("age_lt3", "age_9_24", "age_25_64"):
        assert perfect["onestep_psnr"][age] == CEILING
    assert perfect["onestep_psnr"]["first_seen"] < 25
    assert perfect["inventory"]["bars_right"] == perfect["inventory"]["changed_right"] == 1.0
    assert perfect["edits"]["n"] >= 2
    assert perfect["edits"]["kept"]["right"] == 1.0
    for name in ("possible_at_once", "possible_later", "impossible_at_once", "impossible_later"):
        assert perfect["recipes"][name]["n"] > 0
        assert perfect["recipes"][name]["right"] == 1.0


def test_perfect_memory_falls_to_the_floor_with_its_memory_cut_or_exchanged(perfect: Any):
    assert perfect["onestep_psnr_reset"]["age_25_64"] < 30
    assert perfect["onestep_psnr_swapped"]["age_25_64"] < 30
    assert perfect["edits"]["reset"]["right"] <= 0.5  # this fake needs no memory for the sky where a log was
    assert perfect["edits"]["reset"]["right_by_kind"]["placed"] == 0.0
    assert perfect["memory_gain_over_reset"]["age_25_64"] > 20


def test_pixels_of_sky_and_hotbar_count_for_the_whole_frame_only(perfect: Any):
    assert 0.5 < sum(perfect["column_share"].values()) < 0.8
    assert "wall_colour_accuracy" not in perfect


def test_copying_the_last_frame_scores_what_the_copy_baseline_scores_and_misses_every_change(batch: list[VoxelScene]):
    found = run(fakes.CopyLast, batch)
    assert found["onestep_psnr"] == found["copy_last_psnr_by_age"]
    assert found["inventory"]["bars_right"] > 0.8
    assert found["inventory"]["n_changed"] > 0
    assert found["inventory"]["changed_right"] == 0.0


def test_one_who_never_saw_the_changes_is_wrong_about_every_edit(batch: list[VoxelScene]):
    found = run(fakes.Untouched, batch, probing=True)["edits"]
    assert found["kept"]["wrong"] == found["reset"]["wrong"] == 1.0


def test_one_who_makes_things_from_nothing_is_caught_and_one_who_makes_nothing_too(batch: list[VoxelScene]):
    generous = run(fakes.Generous, batch, probing=True)["recipes"]
    assert generous["impossible_at_once"]["wrong"] == 1.0
    assert generous["possible_at_once"]["right"] == 1.0
    idle = run(fakes.Idle, batch, probing=True)["recipes"]
    assert idle["impossible_at_once"]["right"] == 1.0
    assert idle["possible_at_once"]["wrong"] == 1.0


def test_deeds_are_right_where_blocks_go_and_come_and_wrong_where_nothing_does(batch: list[VoxelScene]):
    done, undone = (run(fake, batch, probing=True)["deeds"] for fake in (fakes.AllKnowing, fakes.Idle))
    for when in ("at_once", "soon"):
        assert min(done[when]["n_by_kind"].values()) >= 2
        assert done[when]["right"] == 1.0
        assert done[when]["right_by_kind"] == {"mined": 1.0, "placed": 1.0}
        assert undone[when]["n"] == done[when]["n"]
        assert undone[when]["wrong"] == 1.0
    assert run(fakes.CopyLast, batch, probing=True)["deeds"]["at_once"]["right"] == 0.0


def test_returns_are_to_blocks_long_out_of_sight_and_change_the_picture(batch: list[VoxelScene]):
    for scene in batch:
        assert {edit.before for edit in edits(scene)} > {0}, "something was dug and something placed"
        found = returns(scene, len(scene), 40)
        assert found
        for one in found:
            assert one.gap >= 9
            assert one.back <= one.clear < one.back + 8
            assert one.views.telling
            assert np.array_equal(one.views.truth, scene.episode.image[one.clear])
            assert one.views.judge(one.views.truth) == "right"
            assert one.views.judge(one.views.other) == "wrong"
            for blank in (0, 128, one.views.truth[one.views.where].mean(axis=0)):
                assert one.views.judge(np.full_like(one.views.truth, blank)) == "neither"
            half = (one.views.truth.astype(int) + one.views.other) // 2
            assert one.views.judge(half.astype(np.uint8)) == "neither"


PLOT = story.Plot(ore=17, tool=30, end=124, own=10, resets=(20, 108))
"""What happens when on the first island of the tests: a log is cut, planks are made, the hut comes back into view."""


def test_the_story_is_kept_by_perfect_memory_and_lost_with_each_reset(batch: list[VoxelScene]):
    scene = batch[0]
    for one in story.appointments(scene, PLOT)[::2]:
        assert one.views is not None
        assert one.views.telling
    last, back = story.out_of_view(scene, PLOT)
    hut = scene.episode.extras["landmarks_in_view"][:, NAMES.index("hut")]
    assert 0 <= last < back < PLOT.end
    assert hut[last]
    assert not hut[last + 1 : back].any()
    dreams, own = story.tell(fakes.PerfectMemory([scene]), scene, 0, plot=PLOT)
    found = story.scores(scene, dreams, own, PLOT)
    for way in ("true_past", "own_dream"):
        for name in ("ore", "tool", "landmark"):
            assert found[way][name]["kept"]["slots_right"] == 9
            assert found[way][name]["kept"]["items_right"]
        assert found[way]["tool"]["kept"]["thing"] is None
        assert found[way]["ore"]["reset at 108"] == found[way]["ore"]["kept"]
        assert found[way]["landmark"]["kept"]["psnr"] > found[way]["landmark"]["reset at 108"]["psnr"]
    assert found["true_past"]["landmark"]["kept"]["thing"] == "right"
    assert found["true_past"]["landmark"]["reset at 108"]["thing"] == "neither"
    assert set(story.means([found, found])["true_past"]["landmark"]) == {"kept", "reset at 20", "reset at 108"}


def test_the_story_is_left_as_videos_a_figure_and_a_table(batch: list[VoxelScene], tmp_path: Path):
    written = demo.run(fakes.CopyLast(batch[:1]), batch[0], tmp_path, 0, 10.0, lambda: None, PLOT)
    for what in ("video", "video_own_dream", "figure", "table"):
        assert Path(written[what]).stat().st_size > 500
    text = (tmp_path / "story.md").read_text()
    assert "ore gone, landmark there" in text
    assert "The landmark was out of view from frame {} to {}.".format(*story.out_of_view(batch[0], PLOT)) in text
    assert written["true_past"]["tool"]["kept"]["items_right"] == 0.0


def test_a_folder_of_islands_is_evaluated_and_the_report_says_what_was_left_out(batch: list[VoxelScene], tmp_path: Path):
    data = tmp_path / "data"
    data.mkdir()
    for scene in batch:
        episodes.save(scene.episode, data / f"voxel-{scene.states[0].seed:08d}.npz")
    episodes.save(mazes.make_episode(20, 0), data / "a-maze.npz")
    episodes.save(batch[0].episode, data / "b-nameless.npz")
    results = evaluate(fakes.PerfectMemory(batch), data, tmp_path / "out", PLAN, {}, [])
    assert results["n_mazes"] == 2
    for line in ("a-maze.npz: 6 actions", "b-nameless.npz: the name tells no seed", "wall colours and balls"):
        assert any(left.startswith(line) for left in results["left_out"])
    found = results["pose_given"]
    assert found["retrieval_62_20"]["psnr"] > found["retrieval_62_20"]["copy_last_psnr"]
    assert found["retrieval_62_20"]["inventory"]["bars_right"] == 1.0
    assert found["routes"]["turn_180_and_back"]["psnr"] == pytest.approx(CEILING, abs=1.0)
    assert results["keys_only"]["edits"]["kept"]["right"] == 1.0
    assert json.loads(headline(results))["pose_given"]["recipes"]["impossible_at_once"]["right"] == 1.0
    text = (tmp_path / "out" / "report.md").read_text()
    for part in ("islands", "hotbar read back", "returns to a block dug or placed", "| impossible, at once |", "another island"):
        assert part in text


def test_a_maze_is_no_island_and_an_island_no_maze(batch: list[VoxelScene]):
    with pytest.raises(episodes.EpisodeError, match="collect --world voxel"):
        measures.MEASURES.make_scene("maze-1.npz", mazes.make_episode(5, 0))
    with pytest.raises(episodes.EpisodeError, match="maze_layout"):
        make_maze("voxel-7.npz", batch[0].episode)
