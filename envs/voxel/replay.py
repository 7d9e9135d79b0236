"""A recorded episode's world, frame by frame: worked out again from the seed and the actions, which decide everything."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from envs.episode import Episode, EpisodeError
from envs.voxel.env import advance_state
from envs.voxel.moves import ACTIONS, MOVES
from envs.voxel.state import State, start
from envs.voxel.terrain import generate

SAME = 1e-3
"""Blocks and radians by which a pose that is played again may differ from the recorded one, a float32."""


def seed_of(name: str) -> int:
    """The island of an episode's file, as `collect` names files; EpisodeError where `name` tells none."""
    found = re.search(r"(\d+)\.npz$", name)
    if found is None:
        raise EpisodeError(f"{name}: the name tells no seed; expected voxel-SEED.npz, as `collect` names files")
    return int(found[1])


def replay(seed: int, actions: Sequence[int] | np.ndarray) -> tuple[State, ...]:
    """The state at every frame: `actions[0]` is the no-op before the first, as in an episode; `actions[i]` led to state i.

    Kinds ever carried (`State.had`) are left out: only rewards depend on them. Raises ValueError for a seed out of range or
    an unknown action.
    """
    states = [start(generate(seed))]
    for action in actions[1:]:
        states.append(advance_state(states[-1], MOVES[ACTIONS.check(int(action))]))
    return tuple(states)


def replayed(episode: Episode, seed: int) -> tuple[State, ...]:
    """As `replay`, of a recorded episode; EpisodeError where it is not of the island of `seed`."""
    states = replay(seed, episode.action)
    if episode.pose is None or np.abs(states[-1].pose - episode.pose[-1]).max() > SAME:
        raise EpisodeError(f"not the island of seed {seed}, which the file's name tells")
    return states
