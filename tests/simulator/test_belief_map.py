"""The map is drawn where things are: y upwards, walls dark, balls in their colours, the path cut at the ring's seam."""

from __future__ import annotations

import numpy as np
import pytest

from envs.pose import Pose
from simulator.belief_map import FREE, PATH, PLAYER, WALL, Chart, draw_chart, true_chart
from simulator.evaluation.balls import BALL_COLOURS

SIDE, CELL = 360, 60  # five cells of the ring and its last one again


def chart(walls=None, balls=None, path=(), pose=None):
    walls = np.zeros((5, 5)) if walls is None else walls
    balls = np.zeros((5, 5, len(BALL_COLOURS))) if balls is None else balls
    return Chart(walls, balls, np.array(path).reshape(-1, 2), pose)


def pixel(picture, x, y):
    """The pixel at (x, y) in cells, -1 .. 5."""
    return picture[SIDE - 1 - int((y + 1) * CELL), int((x + 1) * CELL)].astype(int)


def near(a, b, off=4):
    return np.abs(np.asarray(a) - np.asarray(b)).max() <= off


def test_walls_are_as_dark_as_they_are_sure_and_lie_where_they_are():
    walls = np.zeros((5, 5))
    walls[3, 1], walls[0, 2] = 1.0, 0.5
    picture = draw_chart(chart(walls), SIDE)
    assert picture.shape == (SIDE, SIDE, 3)
    assert near(pixel(picture, 1.5, 3.5), WALL)
    assert near(pixel(picture, 2.5, 0.5), (WALL + FREE) / 2)
    assert near(pixel(picture, 3.5, 1.5), FREE)


def test_the_last_cells_of_the_ring_are_shown_on_both_sides():
    walls = np.zeros((5, 5))
    walls[2, 4] = 1.0
    picture = draw_chart(chart(walls), SIDE)
    assert near(pixel(picture, 4.5, 2.5), WALL)
    assert near(pixel(picture, -0.5, 2.5), WALL)


def test_a_ball_stands_where_it_is_likeliest_as_solid_as_it_is_sure():
    balls = np.zeros((5, 5, len(BALL_COLOURS)))
    balls[1, 3, 2], balls[4, 0, 2] = 0.9, 0.1
    balls[2, 2, 0] = 0.01
    picture = draw_chart(chart(balls=balls), SIDE)
    assert near(pixel(picture, 3.5, 1.5), 0.9 * BALL_COLOURS[2] + 0.1 * FREE)
    assert near(pixel(picture, 0.5, 4.5), FREE), "a ball of a colour is one ball"
    assert near(pixel(picture, 2.5, 2.5), FREE), "hardly believed"


def test_the_player_stands_on_the_path_walked():
    picture = draw_chart(chart(path=[(0.5, 1.5), (2.0, 1.5), (3.5, 1.5)], pose=Pose(3.5, 1.5).array()), SIDE)
    assert near(pixel(picture, 2.0, 1.5), PATH, 40)
    assert near(pixel(picture, 3.55, 1.5), PLAYER, 40)
    assert near(pixel(picture, 2.0, 2.5), FREE)


def test_a_path_over_the_seam_is_not_drawn_across_the_map():
    picture = draw_chart(chart(path=[(4.0, 2.5), (4.8, 2.5), (5.2, 2.5), (6.0, 2.5)]), SIDE)
    assert near(pixel(picture, 4.4, 2.5), PATH, 40)
    assert near(pixel(picture, 0.7, 2.5), PATH, 40)
    assert near(pixel(picture, 2.5, 2.5), FREE)


def test_the_truth_is_certain_and_walled_in():
    truth = true_chart(np.array([[1, 0], [1, 1]]), np.array([[0.5, 1.5]]), (5, 5), np.zeros((0, 2)), None)
    assert truth.walls.sum() == 25 - 3
    assert np.argwhere(truth.balls).tolist() == [[1, 0, 0]]
    with pytest.raises(ValueError, match=r"a maze of \(9, 9\) cells does not fit a memory of \(5, 5\)"):
        true_chart(np.ones((9, 9)), np.zeros((0, 2)), (5, 5), np.zeros((0, 2)), None)
