"""Walks on a real island, for tests of what is learned there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from envs.episode import Episode


def walk(keys: Sequence[str], seed: int = 900) -> Episode:
    """The episode of who presses `keys` on the island of `seed`."""
    pytest.importorskip("numba")
    from envs.voxel.env import VoxelEnv
    from envs.voxel.moves import ACTIONS

    env = VoxelEnv()
    frame, info = env.reset(seed=seed)
    frames, pose, action = [frame], [info["pose"]], [0]
    for key in keys:
        action.append(ACTIONS.names.index(key))
        frame, _, _, _, info = env.step(action[-1])
        frames.append(frame)
        pose.append(info["pose"])
    return Episode(np.stack(frames), np.array(action), ACTIONS.n_actions, np.stack(pose))
