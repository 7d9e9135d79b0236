"""The evaluation evaluated: perfect memory reaches the ceiling, amnesia the floor, copying its known score."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs import episode as episodes
from simulator.evaluation import maze, metrics, rollout
from simulator.evaluation.onestep import OneStep, one_step
from simulator.evaluation.plan import Plan
from simulator.evaluation.run import evaluate, headline
from simulator.evaluation.summary import onestep_summary
from simulator.evaluation.tally import AGE_BINS
from simulator.moment import Moment
from tests.simulator.evaluation import fakes

CEILING = 60.0
PLAN = Plan(
    n_frames=160,
    onestep_frames=160,
    control_every=1,
    reset_every=(3, 9, 25),
    horizon_retrieval=(70, 60),
    horizon_reasoning=(100, 40),
    drift_context=20,
    drift_frames=60,
    standing_frames=10,
    cost_frames=15,
)
OLD = ("age_3_8", "age_9_24", "age_65_256")


@pytest.fixture(scope="module")
def batch() -> list[maze.MazeScene]:
    return [maze.make_scene(str(seed), fakes.make_episode(160, seed)) for seed in range(2)]


def run(
    fake: type[fakes.Fake], batch: list[maze.MazeScene], *, pose_given: bool = True, controls: bool = False
) -> tuple[fakes.Fake, OneStep]:
    engine = fake([scene.episode for scene in batch])
    return engine, one_step(engine, batch, PLAN, pose_given=pose_given, marks=rollout.marks(PLAN), controls=controls)


@pytest.fixture(scope="module")
def perfect(batch: list[maze.MazeScene]) -> tuple[fakes.Fake, OneStep]:
    return run(fakes.PerfectMemory, batch, controls=True)


@pytest.fixture(scope="module")
def amnesiac(batch: list[maze.MazeScene]) -> tuple[fakes.Fake, OneStep]:
    return run(fakes.Amnesiac, batch, controls=True)


def test_perfect_memory_reaches_the_ceiling_on_all_that_was_ever_seen(perfect: tuple[fakes.Fake, OneStep]):
    found = onestep_summary(perfect[1], maze.MazeScene)
    for name in ("age_lt3", *OLD):
        assert found["onestep_psnr"][name] == CEILING
        assert found["onestep_ssim"][name] > 0.8  # its window looks 5 pixels past a column, at grey neighbours too
        assert found["wall_colour_accuracy"][name] == 1.0
    assert found["onestep_psnr"]["first_seen"] < 25
    assert found["ball_hit_rate"] == 1.0


def test_perfect_memory_falls_to_the_floor_with_its_memory_cut_or_exchanged(perfect: tuple[fakes.Fake, OneStep]):
    found = onestep_summary(perfect[1], maze.MazeScene)
    for name in OLD:
        assert found["onestep_psnr_reset"][name] < 30
        assert found["onestep_psnr_swapped"][name] < 30
    assert found["onestep_psnr_reset"]["age_lt3"] is None
    assert found["wall_colour_accuracy_swapped"]["age_65_256"] < 0.5


def test_amnesia_scores_the_same_with_and_without_the_cut_and_no_wall_colour_at_all(amnesiac: tuple[fakes.Fake, OneStep]):
    found = onestep_summary(amnesiac[1], maze.MazeScene)
    for name in OLD:
        assert found["onestep_psnr"][name] == found["onestep_psnr_reset"][name] == found["onestep_psnr_swapped"][name]
        assert found["onestep_psnr"][name] < 25
    assert found["ball_hit_rate"] == 0
    assert found["balls"]["hallucinated_per_frame"] == 0


def test_copying_the_last_frame_scores_what_the_copy_baseline_scores(batch: list[maze.MazeScene]):
    found = onestep_summary(run(fakes.CopyLast, batch)[1], maze.MazeScene)
    assert found["onestep_psnr"] == found["copy_last_psnr_by_age"]
    images = np.stack([scene.episode.image for scene in batch]).astype(float)
    by_hand = metrics.psnr(((images[:, 1:] - images[:, :-1]) ** 2).mean())
    assert found["whole_frame_psnr"] == pytest.approx(by_hand, abs=1e-3)


def test_every_column_has_one_age_bin(perfect: tuple[fakes.Fake, OneStep]):
    share = onestep_summary(perfect[1], maze.MazeScene)["column_share"]
    assert set(share) == set(AGE_BINS)
    assert sum(share.values()) == pytest.approx(1.0, abs=1e-4)


def test_on_keys_only_the_believed_pose_is_used_and_its_error_reported(batch: list[maze.MazeScene]):
    _, found = run(fakes.PerfectMemory, batch, pose_given=False)
    assert onestep_summary(found, maze.MazeScene)["onestep_psnr"]["age_65_256"] == CEILING
    assert (found.pose_error == 0).all()


class Astray(fakes.PerfectMemory):
    """Believes itself a hundredth of a cell and a tenth of a degree further on with every frame it moved on its own."""

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        if pose is None:
            off = moment.t * np.array([0.01, 0, 0, np.radians(0.1), 0])
            pose = np.stack([self.truth[m].pose[moment.t] for m in moment.stream[0][:, 0]]) + off
        return super().imagine(moment, actions, pose)


def test_on_keys_only_a_belief_that_goes_astray_is_told_frame_by_frame_and_given_poses_hide_it(batch: list[maze.MazeScene]):
    given, believed = (onestep_summary(run(Astray, batch, pose_given=told)[1], maze.MazeScene) for told in (True, False))
    assert given["pose_drift"]["after_100"] == {"cells": 0.0, "degrees": 0.0}
    assert believed["pose_drift"]["after_1"] == {"cells": 0.01, "degrees": 0.1}
    assert believed["pose_drift"]["after_100"] == {"cells": 1.0, "degrees": 10.0}
    assert given["onestep_psnr"]["age_lt3"] == CEILING > believed["onestep_psnr"]["age_lt3"]


class Fading(fakes.Fake):
    """Dreams the recorded frame of the moment, wrong by one grey level more with every frame."""

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        truth = np.stack([self.truth[m].image[moment.t] for m in moment.stream[0][:, 0]]).astype(int)
        return np.where(truth < 128, truth + moment.t, truth - moment.t).astype(np.uint8), super().imagine(moment, actions, pose)[
            1
        ]


def test_drift_is_told_by_ten_parts_of_a_dream_that_begins_after_its_context(batch: list[maze.MazeScene]):
    engine = Fading([scene.episode for scene in batch])
    start = PLAN.drift_context
    moment = engine.begin([scene.episode.clip(0, start) for scene in batch], 0)
    found, left_out = rollout.drift(engine, batch, PLAN, {start: moment}, pose_given=True)
    frames = np.arange(start, start + PLAN.drift_frames).reshape(10, -1)
    assert found["drift_psnr"] == pytest.approx((20 * np.log10(255 / frames)).mean(axis=1), abs=2e-3)
    assert found["drift_frames"] == PLAN.drift_frames
    assert left_out == []
    short, left_out = rollout.drift(engine, batch, replace(PLAN, drift_frames=2000), {start: moment}, pose_given=True)
    assert short["drift_frames"] == 160 - start
    assert left_out == ["drift (pose given): 140 of 2000 frames, as long as the episodes are"]


def test_who_remembers_stands_still_without_a_change(batch: list[maze.MazeScene], perfect, amnesiac):
    for (engine, seen), stands in ((perfect, True), (amnesiac, False)):
        for pose_given in (True, False):
            found, _ = rollout.drift(engine, batch, PLAN, seen.marks, pose_given=pose_given)
            assert (min(found["standing_psnr"]) == CEILING) == stands
    assert found["standing_accuracy"] == 1.0


def test_perfect_memory_retrieves_its_own_path_backwards_without_a_fault(batch, perfect):
    engine, seen = perfect
    results, pictures, left_out = rollout.rollouts(engine, batch, PLAN, seen.marks, pose_given=True)
    assert results["retrieval_70_60"]["psnr"] == pytest.approx(CEILING, abs=1.0)
    assert results["continuation_70_60"]["psnr"] == CEILING
    assert results["retrieval_70_60"]["ball_hit_rate"] == 1.0
    assert results["reasoning_100_40"]["psnr"] > results["reasoning_100_40"]["copy_last_psnr"]
    assert not left_out
    assert pictures["retrieval_70_60"][0].shape == (8, 64, 64, 3)


def test_amnesia_retrieves_nothing(batch, amnesiac):
    engine, seen = amnesiac
    assert rollout.rollouts(engine, batch, PLAN, seen.marks, pose_given=True)[0]["retrieval_70_60"]["psnr"] < 20


def test_a_folder_is_evaluated_whatever_its_files_are_called_and_bad_ones_are_named(tmp_path: Path):
    data = fakes.make_folder(tmp_path / "data", 2, 160)
    truth = [episodes.load(path) for path in sorted(data.glob("*.npz"))]
    (data / "a-truncated.npz").write_bytes((data / "x-0.npz").read_bytes()[:5000])
    no_pose = episodes.Episode(truth[0].image, truth[0].action, 6, None, truth[0].extras)
    episodes.save(no_pose, data / "b-no-pose.npz")
    episodes.save(
        episodes.Episode(truth[0].image[:, :32, :32], truth[0].action, 6, truth[0].pose, truth[0].extras), data / "c-small.npz"
    )
    other = episodes.Episode(truth[0].image, truth[0].action, 9, truth[0].pose, truth[0].extras)
    episodes.save(other, data / "d-world.npz")
    results = evaluate(fakes.PerfectMemory(truth), data, tmp_path / "out", PLAN, {"amnesiac": fakes.Amnesiac(truth)}, [])
    assert results["n_mazes"] == 2
    for name in ("a-truncated.npz", "b-no-pose.npz", "c-small.npz", "d-world.npz"):
        assert sum(line.startswith(name) and "\n" not in line for line in results["left_out"]) == 1
    line = json.loads(headline(results))
    for mode in ("pose_given", "keys_only"):
        assert line[mode]["onestep_psnr"]["age_65_256"] == CEILING
        assert len(line[mode]["drift_psnr"]) == 10
        assert line[mode]["routes"]["walk_around"]["psnr"] == CEILING
        assert line[mode]["retrieval_70_60"]["perceptual_net"].startswith("multiscale-gradient")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["baselines"]["amnesiac"]["whole_frame_psnr"] < 30
    assert "gap_curves.png" in (tmp_path / "out" / "report.md").read_text()
    for name in ("gap_curves", "drift", "strips", "dreams", "cost"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 1000


def test_an_engine_without_ego_motion_is_left_out_of_keys_only_and_all_else_goes_on(tmp_path: Path):
    data = fakes.make_folder(tmp_path / "data", 1, 40)
    engine = fakes.Amnesiac([episodes.load(path) for path in sorted(data.glob("*.npz"))])
    engine.has_ego_motion = False
    results = evaluate(engine, data, tmp_path / "out", PLAN, {}, [])
    assert results["keys_only"] is None
    assert results["pose_given"]["whole_frame_psnr"] > 0
    for part in ("keys_only: this checkpoint has no ego-motion", "retrieval_70_60", "swapped control", "beliefs: no probe"):
        assert any(part in line for line in results["left_out"])


def test_a_folder_without_usable_episodes_is_one_clear_line(tmp_path: Path):
    with pytest.raises(ValueError, match="holds no episodes"):
        evaluate(fakes.Amnesiac([]), tmp_path, tmp_path / "out", PLAN, {}, [])
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="no usable episode"):
        evaluate(fakes.Amnesiac([]), tmp_path, tmp_path / "out", PLAN, {}, [])


def test_the_gain_of_memory_is_that_over_its_own_controls_on_the_same_frames(perfect: tuple[fakes.Fake, OneStep]):
    found = onestep_summary(perfect[1], maze.MazeScene)
    for name in OLD:
        assert found["memory_gain_over_reset"][name] == pytest.approx(CEILING - found["onestep_psnr_reset"][name], abs=1e-3)
        assert found["interval95"]["memory_gain_over_swapped"][name][0] > 20
    assert found["memory_gain_over_reset"]["age_lt3"] is None
    assert found["memory_gain_over_reset"]["first_seen"] == 0
