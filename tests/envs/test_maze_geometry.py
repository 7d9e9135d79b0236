"""The ray cast against mazes small enough to work out by hand."""

import numpy as np
import pytest

from envs import maze_geometry as geometry
from envs.pose import Pose

CORRIDOR = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]])


def stand(x: float, y: float, degrees: float) -> np.ndarray:
    return Pose(x, y, heading=np.radians(degrees)).array()[None]


def test_looking_down_a_corridor_ends_on_the_wall_around_the_maze():
    sight = geometry.look(CORRIDOR, stand(0.5, 1.5, 0.0), n_columns=63)
    assert sight.segment[0, 31, 1] == geometry.segment_id(CORRIDOR, 3, 1, side=1, part=1)
    assert sight.distance[0, 31] == pytest.approx(2.5 - geometry.CAMERA_AHEAD)
    assert sight.facing[0, 31] == pytest.approx(1.0)


def test_image_right_is_clockwise():
    sight = geometry.look(CORRIDOR, stand(0.5, 1.5, 0.0), n_columns=64)
    left_wall = {geometry.segment_id(CORRIDOR, x, 2, side=3, part=p) for x in range(3) for p in (0, 1)}
    right_wall = {geometry.segment_id(CORRIDOR, x, 0, side=2, part=p) for x in range(3) for p in (0, 1)}
    assert set(sight.segment[0, :8].ravel()) <= left_wall
    assert set(sight.segment[0, -8:].ravel()) <= right_wall


def test_halves_of_a_face_are_told_apart():
    sight = geometry.look(np.ones((3, 3)), stand(0.5, 1.5, 0.0), n_columns=64)
    expected = [geometry.segment_id(np.ones((3, 3)), 3, 1, side=1, part=part) for part in (0, 1)]
    assert sight.segment[0, 33, 1] == expected[0]
    assert sight.segment[0, 30, 1] == expected[1]


def test_the_horizon_and_a_wall_two_cells_away_lie_on_the_rows_of_rendered_frames():
    assert abs(geometry.HORIZON * 64 - 28.2) < 0.05
    assert geometry.row_at(np.array(2.0), 0.0, 0.0) * 64 == pytest.approx(36.66, abs=0.05)
    assert geometry.row_at(np.array(2.0), geometry.WALL_HEIGHT, 0.0) * 64 == pytest.approx(22.32, abs=0.05)


def test_a_ball_is_seen_in_front_and_hidden_behind_a_wall():
    layout = np.ones((3, 5))
    layout[1, 3] = 0
    balls = np.array([[2.5, 1.5], [4.5, 1.5]])
    sight = geometry.look(layout, stand(0.5, 1.5, 0.0), balls)
    assert sight.ball[0, 31] == 0
    assert not (sight.ball == 1).any()
    assert (geometry.look(layout, stand(0.5, 1.5, 180.0), balls).ball == -1).all()


def test_the_cells_seen_are_those_a_ray_crossed_and_the_walls_it_ended_at():
    seen = geometry.seen_cells(CORRIDOR, np.concatenate([stand(1.5, 1.5, 0.0), stand(1.5, 1.5, 180.0)]))
    expected = np.zeros((5, 5), bool)
    expected[2, 2:] = True  # from where one stands to the wall around the maze
    expected[1, 3:4] = expected[3, 3:4] = True  # the walls to both sides of the way
    assert seen.shape == (2, 5, 5)
    assert np.array_equal(seen[0], expected)
    assert np.array_equal(seen[1], expected[:, ::-1])


def test_a_pose_outside_the_maze_is_refused_in_one_line():
    with pytest.raises(ValueError, match="do not lie in a maze of"):
        geometry.look(CORRIDOR, stand(9.0, 1.5, 0.0))
