"""Believed walls stop a believed body; what is not believed stops nobody."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.bumps import RADIUS, STOUT, SURE, among_cubes, stopped


def walls(*cells: tuple[int, int], belief: float = 1.0) -> np.ndarray:
    found = np.zeros((1, 10, 10))
    for x, y in cells:
        found[0, y, x] = belief
    return found


def at(x: float, y: float) -> np.ndarray:
    return np.array([[x, y, 0.0, 0.3, 0.0]])


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        ((4.5, 4.5), (4.7, 4.5), (4.7, 4.5)),  # still in the open
        ((4.8, 4.5), (5.1, 4.5), (5 - RADIUS, 4.5)),  # ahead
        ((6.3, 4.5), (5.9, 4.5), (6 + RADIUS, 4.5)),  # from the other side
        ((5.5, 3.8), (5.5, 4.1), (5.5, 4 - RADIUS)),  # along the other axis
        ((4.85, 4.5), (5.0, 4.7), (5 - RADIUS, 4.7)),  # slides along the face
        ((5.2, 4.5), (5.25, 4.5), (5 - RADIUS, 4.5)),  # in it already: put beside it, the shortest way
        ((5.5, 4.8), (5.5, 4.75), (5.5, 5 + RADIUS)),
        ((4.95, 4.5), (4.95, 4.5), (5 - RADIUS, 4.5)),  # nearer than a body can be
    ],
)
def test_a_wall_stops_a_body_at_its_face(start, end, left):
    np.testing.assert_allclose(stopped(walls((5, 4)), at(*start), at(*end))[0], at(*left)[0])


def test_nobody_gets_through_however_long_he_pushes():
    row, pose = walls(*[(x, 4) for x in range(10)]), at(5.5, 3.5)
    for heading in np.linspace(0.2, np.pi - 0.2, 60):
        pose = stopped(row, pose, pose + 0.25 * np.array([[np.cos(heading), np.sin(heading), 0, 0, 0]]))
        assert pose[0, 1] <= 4 - RADIUS + 1e-9


def test_two_walls_hold_a_body_in_their_corner():
    pose = at(4.5, 4.5)
    for _ in range(8):
        pose = stopped(walls((5, 4), (4, 5), (5, 5)), pose, pose + np.array([0.15, 0.2, 0, 0, 0]))
    np.testing.assert_allclose(pose[0, :2], [5 - RADIUS, 5 - RADIUS])


def test_a_body_slides_past_a_corner_it_meets_off_its_middle():
    pose = at(4.6, 3.95)
    for _ in range(8):
        pose = stopped(walls((5, 4)), pose, pose + np.array([0.2, 0, 0, 0, 0]))
    assert pose[0, 0] > 6
    assert pose[0, 1] < 4


def test_who_is_walled_in_on_all_sides_walks_on():
    everywhere = np.ones((1, 10, 10))
    np.testing.assert_allclose(stopped(everywhere, at(5.5, 5.5), at(5.55, 5.5)), at(5.55, 5.5))


def test_a_doubtful_wall_stops_nobody():
    doubtful = walls((5, 4), belief=SURE - 0.01)
    np.testing.assert_allclose(stopped(doubtful, at(4.8, 4.5), at(5.1, 4.5)), at(5.1, 4.5))


def test_cells_are_found_on_the_ring():
    assert stopped(walls((9, 2)), at(0.2, 2.5), at(-0.1, 2.5))[0, 0] == pytest.approx(RADIUS)
    assert stopped(walls((0, 2)), at(9.8, 2.5), at(10.1, 2.5))[0, 0] == pytest.approx(10 - RADIUS)


def test_rows_have_walls_of_their_own_and_nothing_given_is_written_to():
    both = np.concatenate([walls((5, 4)), walls()])
    before, after = np.repeat(at(4.8, 4.5), 2, axis=0), np.repeat(at(5.1, 4.5), 2, axis=0)
    kept = before.copy(), after.copy()
    np.testing.assert_allclose(stopped(both, before, after)[:, 0], [5 - RADIUS, 5.1])
    np.testing.assert_array_equal((before, after), kept)


def island(*cells: tuple[int, int, int]) -> np.ndarray:
    cubes = np.zeros((1, 10, 10, 6), bool)
    cubes[:, :, :, 0] = True
    for cell in cells:
        cubes[(0, *cell)] = True
    return cubes


LOW = np.array([-2.0, -2.0, 0.0])


@pytest.mark.parametrize(
    ("cell", "x"),
    [((7, 5, 1), 5 - STOUT), ((7, 5, 2), 5 - STOUT), ((7, 5, 3), 5.2), ((7, 6, 1), 5.2)],
    ids=["at the knees", "at the head", "above the head", "beside the way"],
)
def test_nobody_walks_into_what_is_solid(cell, x):
    start, end = (np.array([[x, 3.5, 1.0, 0.3, 0.1]]) for x in (4.6, 5.2))
    found = among_cubes(island(cell), LOW, start, end)
    np.testing.assert_allclose(found, [[x, 3.5, 1.0, 0.3, 0.1]])
    assert end[0, 0] == 5.2


def test_who_slides_along_a_cube_turns_and_falls_as_he_did():
    start, end = np.array([[4.7, 3.5, 1.0, 0.0, 0.0]]), np.array([[4.9, 3.7, 0.9, 0.2, 0.1]])
    np.testing.assert_allclose(among_cubes(island((7, 5, 1), (7, 6, 1)), LOW, start, end), [[5 - STOUT, 3.7, 0.9, 0.2, 0.1]])


def test_who_jumps_gets_onto_a_cube_and_who_is_in_one_gets_out():
    cubes = island((7, 5, 1))
    for x, z in ((4.6, 1.5), (5.5, 1.0)):
        start, end = (np.array([[x + way, 3.5, z, 0, 0]]) for way in (0, 0.4))
        np.testing.assert_allclose(among_cubes(cubes, LOW, start, end), end)
