"""Ways around: through free cells only, home to the very pose they left, and not back by the same way where there is another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from envs import pose as poses
from simulator.evaluation import circuit, maze, on_keys, routes
from simulator.evaluation.onestep import start
from tests.simulator.evaluation import fakes

CORRIDOR = np.array([[1, 1, 1, 1]], np.uint8)
TURN = np.radians(18.0)


def test_a_loop_is_gone_round_and_a_dead_end_there_and_back():
    ring = circuit.loop(fakes.LAYOUT, (0, 0))
    assert ring[0] == ring[-1] == (0, 0)
    assert len({frozenset(pair) for pair in pairwise(ring)}) == len(ring) - 1 >= 8, "no passage is used twice"
    assert all(fakes.LAYOUT[y, x] for x, y in ring)
    assert circuit.loop(CORRIDOR, (0, 0)) == [(0, 0), (1, 0), (2, 0), (1, 0), (0, 0)]
    assert circuit.loop(np.array([[1]], np.uint8), (0, 0)) == [(0, 0)]


def test_a_way_is_walked_in_steps_the_body_can_make_and_ends_where_it_began():
    pose = np.array([0.4, 0.7, 0.0, 1.0, 0.0])
    way = circuit.walked(fakes.LAYOUT, pose, TURN)
    stations = np.stack([pose, *(place for _, place in way)])
    assert (way[-1][1] == pose).all()
    steps = np.hypot(*np.diff(stations[:, :2], axis=0).T)
    assert steps.max() <= circuit.STEP + 1e-9
    assert steps.sum() > 6
    headings = np.abs((np.diff(stations[:, 3]) + np.pi) % (2 * np.pi) - np.pi)
    assert headings.max() <= TURN + 1e-9
    assert all(fakes.LAYOUT[int(y), int(x)] for x, y in stations[:, :2]), "never through a wall"
    for (name, _), step, before, after in zip(way, steps, stations[:-1], stations[1:], strict=True):
        assert (step > 1e-9) == (name == "forward")
        if name in ("left", "right"):
            assert (np.sin(after[3] - before[3]) > 0) == (name == "left")
    assert circuit.walked(np.array([[1]], np.uint8), np.array([0.5, 0.5, 0, 0, 0]), TURN) == []


@pytest.fixture(scope="module")
def batch() -> list[maze.MazeScene]:
    return [maze.make_scene(str(seed), fakes.make_episode(70, seed)) for seed in range(2)]


def test_all_rows_come_home_in_the_same_frame(batch: list[maze.MazeScene]):
    way = circuit.around(batch, 60, fakes.ACTIONS)
    assert (way[-1][1] == np.stack([scene.episode.pose[60] for scene in batch])).all()
    assert all(action.shape == (2,) and pose.shape == (2, 5) for action, pose in way)


@pytest.mark.parametrize(("fake", "least", "most"), [(fakes.PerfectMemory, 59.9, 60.1), (fakes.Amnesiac, 0, 20)])
def test_who_remembers_sees_at_the_end_what_was_there_at_the_beginning(
    batch: list[maze.MazeScene], fake: type[fakes.Fake], least: float, most: float
):
    engine = fake([scene.episode for scene in batch])
    moment = start(engine, batch)
    for t in range(1, 64):
        moment = engine.absorb(
            moment,
            np.stack([scene.episode.image[t] for scene in batch]),
            np.zeros(2, int),
            np.stack([scene.episode.pose[t] for scene in batch if scene.episode.pose is not None]),
        )
    found, left_out = routes.routes(engine, batch, moment, 64, 2)
    assert left_out == []
    assert least < found["walk_around"]["psnr"] < most
    assert found["walk_around"]["path_cells"] > 6
    assert set(found) == {"turn_360", "turn_180_and_back", "walk_back_and_return", "walk_around", "self_consistency"}


@pytest.mark.parametrize(("fake", "remembers"), [(fakes.PerfectMemory, True), (fakes.Amnesiac, False)])
def test_on_keys_too_who_remembers_sees_at_home_what_was_there_and_with_the_memory_cut_half_way_does_not(
    batch: list[maze.MazeScene], fake: type[fakes.Fake], remembers: bool
):
    engine = fake([scene.episode for scene in batch])
    keys: list[tuple[np.ndarray | None, int]] = []
    imagine = engine.imagine
    engine.imagine = lambda moment, actions, pose=None: keys.append((pose, int(actions[0]))) or imagine(moment, actions, pose)
    results, left_out = on_keys.walk_around(engine, batch, 64)
    found = results["walk_around"]
    assert left_out == []
    assert (found["psnr"] == 60) == remembers
    assert max(found["psnr_reset"], found["psnr_swapped"]) < 20
    assert found["n_mazes"] == 2
    assert found["path_cells"] > 6
    assert found["off_cells"] < 0.35
    assert found["off_degrees"] < 10
    free = sum(pose is None for pose, _ in keys)
    assert free == pytest.approx(2 * found["n_frames"], abs=1), "every frame of the walk is dreamt on keys"


def test_a_dreamer_that_keys_do_not_move_is_left_out_in_a_line_a_maze(batch: list[maze.MazeScene]):
    class Stiff(fakes.PerfectMemory):
        def imagine(self, moment, actions, pose=None):
            return moment.frame, moment.pose

    results, left_out = on_keys.walk_around(Stiff([scene.episode for scene in batch]), batch, 64)
    assert results == {}
    assert [line.split(": ")[1] for line in left_out] == ["0", "1"]
    assert on_keys.walk_around(Stiff([]), batch, 71)[1] == ["walk around (keys only): needs 71 frames, the episodes have 70"]


def test_who_pushes_on_is_inside_walls_as_often_as_walls_let_him(batch: list[maze.MazeScene]):
    class Ghost(fakes.PerfectMemory):
        belief = object()  # only in name

        def _walked(self, moment, actions):
            stopped = super().imagine(moment, actions)[1]
            return stopped, np.zeros_like(stopped)

        def imagine(self, moment, actions, pose=None):
            frame, stopped = super().imagine(moment, actions, pose)
            through = np.stack([poses.move(here, fakes.MOTIONS[a]) for here, a in zip(moment.pose, actions, strict=True)])
            return frame, stopped if pose is not None else through

    found = on_keys.push_on(Ghost([scene.episode for scene in batch]), batch, 64)[0]["pushing"]
    assert (found["n_mazes"], found["n_frames"]) == (2, 120)
    assert found["inside"] == found["depth_cells"] == 0
    assert found["inside_unstopped"] > 0.5
    assert found["depth_cells_unstopped"] > 1
    assert on_keys.push_on(Ghost([]), batch, 71) == ({}, ["pushing (keys only): needs 71 frames, the episodes have 70"])
