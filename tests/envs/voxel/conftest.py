"""A flat world of stone in which every test builds what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")

from envs.voxel import inventory
from envs.voxel.blocks import block_id, item_id
from envs.voxel.env import advance_state
from envs.voxel.moves import ACTIONS, MOVES
from envs.voxel.physics import spawn_body
from envs.voxel.state import State, start
from envs.voxel.terrain import generate

GROUND = 8


@pytest.fixture
def flat() -> State:
    """Standing in the middle of a plain whose top is at height 8, looking east, with empty hands."""
    state = start(generate(0))
    blocks = np.zeros_like(state.blocks)
    blocks[:, :, 0] = block_id("bedrock")
    blocks[:, :, 1:GROUND] = block_id("stone")
    return replace(state, blocks=blocks, body=spawn_body(24.5, 24.5, float(GROUND)), heading=0, pitch=0)


@pytest.fixture
def play() -> Callable[..., State]:
    """play(state, "forward", 3, "jump"): names of actions, each followed by how often, once where no number follows."""

    def run(state: State, *script: str | int) -> State:
        for i, word in enumerate(script):
            if isinstance(word, str):
                n = script[i + 1] if i + 1 < len(script) and isinstance(script[i + 1], int) else 1
                for _ in range(int(n)):
                    state = advance_state(state, MOVES[ACTIONS.id_of(word)])
        return state

    return run


@pytest.fixture
def give() -> Callable[..., State]:
    """give(state, log=3, stick=2): the state with these in its inventory, in this order."""

    def run(state: State, **items: int) -> State:
        slots = state.slots
        for name, count in items.items():
            added = inventory.add(slots, item_id(name), count)
            assert added is not None
            slots = added
        return replace(state, slots=slots)

    return run


@pytest.fixture
def put() -> Callable[..., State]:
    """put(state, (x, y, z), "stone"): the state with a block there."""

    def run(state: State, cell: tuple[int, int, int], name: str) -> State:
        blocks = state.blocks.copy()
        blocks[cell] = block_id(name)
        return replace(state, blocks=blocks)

    return run
