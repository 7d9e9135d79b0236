"""Where the player stands and looks: position, heading, pitch, and the arithmetic of small motions.

A pose is a float64 array `(..., 5)`: x, y, z in cells (blocks), heading and pitch in radians. Heading 0 looks along +x and
grows counter-clockwise seen from above, so turning left increases it. Pitch grows upwards. A motion is the same five
numbers measured in the player's own frame before the move: forward, leftward, up, turn, nod.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
N_POSE = 5


class Pose(NamedTuple):
    """One pose by name; `pose.array()` is the form every batch uses."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    heading: float = 0.0
    pitch: float = 0.0

    def array(self) -> FloatArray:
        return np.array(self, dtype=np.float64)


def from_maze(agent_pos: NDArray[np.floating], agent_dir: NDArray[np.floating]) -> FloatArray:
    """Poses (..., 5) from positions (..., 2) or (..., 3) in cells and unit direction vectors (..., 2)."""
    pos, direction = np.asarray(agent_pos, np.float64), np.asarray(agent_dir, np.float64)
    pose = np.zeros((*pos.shape[:-1], N_POSE))
    pose[..., : pos.shape[-1]] = pos
    pose[..., 3] = np.arctan2(direction[..., 1], direction[..., 0])
    return pose


def wrap(angle: FloatArray) -> FloatArray:
    """The same angle in [-pi, pi)."""
    return (np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi


def _rotate(xy: FloatArray, angle: FloatArray) -> FloatArray:
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * xy[..., 0] - s * xy[..., 1], s * xy[..., 0] + c * xy[..., 1]], axis=-1)


def motion_between(before: FloatArray, after: FloatArray) -> FloatArray:
    """The motion (..., 5), in the frame of `before`, that leads from `before` to `after`."""
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    motion = after - before
    motion[..., :2] = _rotate(motion[..., :2], -before[..., 3])
    motion[..., 3] = wrap(motion[..., 3])
    return motion


def move(pose: FloatArray, motion: FloatArray) -> FloatArray:
    """The pose (..., 5) reached from `pose` by `motion`: the inverse of `motion_between`."""
    pose, motion = np.asarray(pose, np.float64), np.asarray(motion, np.float64)
    after = pose + motion
    after[..., :2] = pose[..., :2] + _rotate(motion[..., :2], pose[..., 3])
    after[..., 3] = wrap(after[..., 3])
    return after
