"""Ways around: through free cells only, home to the very pose they left, and not back by the same way where there is another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from simulator.evaluation import circuit, maze, routes
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
