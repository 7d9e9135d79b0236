"""The changing part of the voxel world as a value: what a snapshot keeps and what `info` reports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from envs.voxel import inventory
from envs.voxel.physics import spawn_body
from envs.voxel.terrain import Terrain

SNAPSHOT_VERSION = 2
"""Raised with every change that makes an older snapshot go on differently: rules, data files, terrain or physics."""

N_HEADINGS, N_PITCHES = 24, 5
"""Headings around the circle (15 degrees apart), and steps of 15 degrees up or down from the horizon."""
STEP = 2 * np.pi / N_HEADINGS

NO_EVENT, MINED, PLACED, CRAFTED = range(4)


@dataclass(frozen=True)
class State:
    """Everything that decides the future of one episode; `State`s are never written into once made.

    blocks: uint8 SHAPE. body: float64 (7,) as in `envs.voxel.physics`. heading: 0 .. 23 steps from east, leftwards.
    pitch: -5 .. 5 steps. slots: the inventory. had: bool (n_items,), kinds ever carried. mining: int (4,), the block
    being mined (x = -1: none) and the steps spent on it. last_change: int (5,), step, x, y, z, new block (-1: none yet).
    event: int (3,), what the last action did (NO_EVENT, MINED, PLACED, CRAFTED), to which item, how many.
    """

    seed: int
    t: int
    blocks: np.ndarray
    body: np.ndarray
    heading: int
    pitch: int
    slots: np.ndarray
    selected: int
    had: np.ndarray
    mining: tuple[int, int, int, int] = (-1, -1, -1, 0)
    last_change: tuple[int, int, int, int, int] = (-1, -1, -1, -1, -1)
    event: tuple[int, int, int] = (NO_EVENT, -1, 0)
    n_changes: int = 0
    version: int = field(default=SNAPSHOT_VERSION)

    @property
    def eye_heading(self) -> float:
        return self.heading * STEP

    @property
    def eye_pitch(self) -> float:
        return self.pitch * STEP

    @property
    def pose(self) -> np.ndarray:
        """float64 (5,) as in `envs.pose`: the feet, and where the eye looks."""
        return np.array([*self.body[:3], (self.eye_heading + np.pi) % (2 * np.pi) - np.pi, self.eye_pitch])


def start(terrain: Terrain, slots: inventory.Inventory | None = None) -> State:
    """The first moment on an island: standing at its spawn, facing its hut, with empty hands or with `slots`."""
    heading = int(np.round(terrain.heading / STEP)) % N_HEADINGS
    slots = inventory.empty() if slots is None else slots
    return State(terrain.seed, 0, terrain.blocks, spawn_body(*terrain.spawn), heading, 0, slots, 0, inventory.totals(slots) > 0)


def with_block(state: State, cell: tuple[int, int, int], block: int) -> State:
    """`state` with `block` at `cell`; the other blocks are copied, so older states keep theirs."""
    blocks = state.blocks.copy()
    blocks[cell] = block
    blocks.flags.writeable = False
    return replace(state, blocks=blocks, last_change=(state.t, *cell, block), n_changes=state.n_changes + 1)
