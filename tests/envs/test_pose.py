"""The arithmetic of small motions."""

from __future__ import annotations

import numpy as np
import pytest

from envs import pose as poses
from envs.pose import Pose

RNG = np.random.default_rng(0)


def some(n):
    found = RNG.uniform(-10, 10, (n, 5))
    found[:, 3:] = RNG.uniform(-3.1, 3.1, (n, 2))
    return found


def test_moving_inverts_the_motion_between():
    before, after = some(200), some(200)
    again = poses.move(before, poses.motion_between(before, after))
    np.testing.assert_allclose(again[:, [0, 1, 2, 4]], after[:, [0, 1, 2, 4]], atol=1e-12)
    np.testing.assert_allclose(poses.wrap(again[:, 3] - after[:, 3]), 0, atol=1e-12)


def test_the_motion_between_inverts_moving():
    before, motion = some(200), some(200)
    np.testing.assert_allclose(poses.motion_between(before, poses.move(before, motion)), motion, atol=1e-12)


def test_forward_goes_along_the_heading_and_leftward_to_its_left():
    north = Pose(x=1, y=2, heading=np.pi / 2).array()
    np.testing.assert_allclose(poses.move(north, np.array([1.0, 0, 0, 0, 0]))[:2], [1, 3], atol=1e-12)
    np.testing.assert_allclose(poses.move(north, np.array([0, 1.0, 0, 0, 0]))[:2], [0, 2], atol=1e-12)


def test_turning_left_raises_the_heading_and_wraps():
    west = Pose(heading=3.0).array()
    assert poses.move(west, np.array([0, 0, 0, 0.3, 0]))[3] == pytest.approx(3.3 - 2 * np.pi)
    assert poses.motion_between(Pose(heading=3.0).array(), Pose(heading=-3.0).array())[3] == pytest.approx(2 * np.pi - 6)


def test_angles_are_wrapped_into_half_open_turns():
    angles = np.linspace(-20, 20, 1001)
    wrapped = poses.wrap(angles)
    assert wrapped.min() >= -np.pi
    assert wrapped.max() < np.pi
    np.testing.assert_allclose(np.exp(1j * wrapped), np.exp(1j * angles), atol=1e-9)


def test_poses_from_the_public_schema_have_their_heading():
    angle = RNG.uniform(-3, 3, 50)
    pose = poses.from_maze(RNG.uniform(0, 9, (50, 2)), np.stack([np.cos(angle), np.sin(angle)], axis=1))
    np.testing.assert_allclose(pose[:, 3], angle, atol=1e-12)
    assert not pose[:, [2, 4]].any()


def test_nothing_handed_in_is_written_to():
    before, after = some(3), some(3)
    kept = before.copy(), after.copy()
    poses.motion_between(before, after)
    poses.move(before, after)
    assert np.array_equal(before, kept[0])
    assert np.array_equal(after, kept[1])
