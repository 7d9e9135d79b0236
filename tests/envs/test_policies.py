"""Tours that come back on purpose, in a maze without a simulator."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from envs import pose as poses
from envs.memory_maze import ACTIONS
from envs.policies import FORWARD, LEFT, RIGHT, MazeTour, RandomPolicy, shortest_path

LAYOUT = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 0, 0, 1, 0, 0, 1],
        [1, 1, 1, 1, 1, 1, 1],
        [0, 0, 1, 0, 0, 1, 0],
        [1, 1, 1, 1, 1, 1, 1],
        [1, 0, 1, 0, 1, 0, 1],
        [1, 1, 1, 1, 1, 1, 1],
    ],
    np.uint8,
)


def tour(policy, n_steps):
    """Cells and actions of a player with the simulator's step sizes, stopped by walls."""
    pose = poses.Pose(0.5, 0.5).array()
    cells, actions = [(0, 0)], []
    for _ in range(n_steps):
        action = policy.act(np.zeros((4, 4, 3), np.uint8), {"pose": pose, "maze_layout": LAYOUT})
        actions.append(action)
        turn = np.radians(18.0) * ((action in (2, 4)) - int(action in (3, 5)))
        turned = poses.move(pose, np.array([0, 0, 0, turn, 0]))
        ahead = poses.move(turned, np.array([0.25 * (action in (1, 4, 5)), 0, 0, 0, 0]))
        x, y = int(np.floor(ahead[0])), int(np.floor(ahead[1]))
        pose = ahead if 0 <= x < 7 and 0 <= y < 7 and LAYOUT[y, x] else turned
        cells.append((int(pose[0]), int(pose[1])))
    return cells, actions


def returns(cells, after):
    """Share of the visited cells that were left and entered again `after` or more steps later."""
    last, again = {}, set()
    for t, cell in enumerate(cells):
        if cell in last and t - last[cell] >= after:
            again.add(cell)
        last[cell] = t
    return len(again) / len(last)


@pytest.mark.parametrize("seed", range(4))
def test_a_tour_sees_most_of_the_maze_and_comes_back_to_most_of_it(seed):
    cells, _ = tour(MazeTour(seed), 1000)
    assert len(set(cells)) > 0.6 * LAYOUT.sum()
    assert returns(cells, after=50) > 0.5


def test_a_tour_returns_more_than_a_hand_resting_on_the_keys_explores():
    tours = [tour(MazeTour(seed), 600)[0] for seed in range(3)]
    hands = [tour(RandomPolicy(ACTIONS, seed), 600)[0] for seed in range(3)]
    came_back = lambda walks: sum(returns(cells, 50) * len(set(cells)) for cells in walks)  # noqa: E731
    assert came_back(tours) > 2 * came_back(hands)


@pytest.mark.parametrize("make", [MazeTour, lambda seed: RandomPolicy(ACTIONS, seed)], ids=["tour", "random"])
def test_actions_are_valid_varied_and_repeat_with_the_seed(make):
    cells, actions = tour(make(3), 500)
    assert set(actions) == set(range(6))
    assert tour(make(3), 500) == (cells, actions)
    assert tour(make(4), 500)[1] != actions


def test_a_tour_also_turns_round_and_leans_on_walls():
    cells, actions = tour(MazeTour(0), 1500)
    assert "22222" in "".join(map(str, actions)) or "33333" in "".join(map(str, actions))
    stuck = [a == FORWARD and here == there for a, here, there in zip(actions, cells, cells[1:], strict=False)]
    assert sum(stuck) > 20


def test_the_shortest_path_is_free_connected_and_shortest():
    path = shortest_path(LAYOUT, (0, 0), (6, 6))
    assert path[0] == (0, 0)
    assert path[-1] == (6, 6)
    assert len(path) == 13
    assert all(LAYOUT[y, x] for x, y in path)
    assert all(abs(a - c) + abs(b - d) == 1 for (a, b), (c, d) in pairwise(path))


def test_there_is_no_path_into_a_wall():
    assert shortest_path(LAYOUT, (0, 0), (1, 1)) == []
    assert shortest_path(LAYOUT, (0, 0), (0, 0)) == [(0, 0)]


def test_a_tour_turns_towards_where_it_goes():
    policy = MazeTour(0)
    ahead = lambda heading: policy._towards(poses.Pose(0.5, 0.5, heading=heading).array(), (1, 0))  # noqa: E731
    assert [ahead(h) for h in (0.0, -1.5, 1.5)] == [FORWARD, LEFT, RIGHT]


def test_a_player_walled_in_on_all_sides_does_not_hang():
    policy, alone = MazeTour(1), np.zeros((3, 3), np.uint8)
    alone[1, 1] = 1
    info = {"pose": poses.Pose(1.5, 1.5).array(), "maze_layout": alone}
    assert all(0 <= policy.act(np.zeros(1), info) < 6 for _ in range(200))
