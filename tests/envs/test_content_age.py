"""Ages of what is seen, on walks whose answer is plain."""

import numpy as np

from envs import content_age, maze_geometry
from envs.pose import Pose

ROOM = np.ones((3, 3))


def turns(degrees: list[float]) -> np.ndarray:
    return np.stack([Pose(1.5, 1.5, heading=np.radians(d)).array() for d in degrees])


def age_of(degrees: list[float], targets: np.ndarray | None = None) -> np.ndarray:
    return content_age.age(maze_geometry.look(ROOM, turns(degrees), targets))


def test_everything_in_the_first_frame_is_first_seen():
    assert np.isinf(age_of([0.0])).all()


def test_standing_still_shows_what_was_there_a_frame_ago():
    assert (age_of([0.0] * 5)[1:] == 1).all()


def test_looking_away_and_back_is_as_old_as_the_time_away():
    ages = age_of([0.0] + [180.0] * 9 + [0.0])
    assert np.isinf(ages[1]).all()
    assert (ages[10] == 10).all()


def test_a_turn_ages_only_the_columns_that_come_in():
    ages = age_of([0.0, 30.0])
    assert np.isinf(ages[1, :10]).all()
    assert (ages[1, -25:] == 1).all()


def test_the_same_face_in_another_column_counts_as_seen():
    ages = age_of([0.0, 20.0, 0.0])
    assert (ages[2, :30] == 1).all()


def test_a_ball_never_seen_makes_its_columns_first_seen_though_the_wall_is_known():
    sight = maze_geometry.look(ROOM, turns([0.0, 0.0]), np.array([[2.5, 1.5]]))
    sight.ball[0] = -1
    ages = content_age.age(sight)
    assert np.isinf(ages[1][sight.ball[1] == 0]).all()
    assert (ages[1][sight.ball[1] == -1] == 1).all()


def test_a_memory_that_begins_later_has_not_seen_what_came_before():
    last = content_age.last_seen(maze_geometry.look(ROOM, turns([0.0, 180.0, 0.0])))
    assert (content_age.age_since(last)[2] == 2).all()
    assert np.isinf(content_age.age_since(last, start=1)[2]).all()


def test_what_a_context_has_shown_is_known_ever_after():
    sight = maze_geometry.look(ROOM, turns([0.0, 180.0, 0.0, 90.0]))
    known = content_age.in_view_before(sight, start=1)
    assert known[2].all()
    assert not known[1].any()
    assert not known[3, 20:44].any()
