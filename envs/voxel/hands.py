"""What the hands do: mine, place, choose a slot, craft. Pure: a State and a Move in, a State out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from envs.voxel import inventory
from envs.voxel.blocks import (
    AIR,
    BEAM,
    CROSS,
    EMPTY,
    LIQUID,
    N_BLOCKS,
    NOTHING,
    SHAPE_OF,
    SOLID,
    TOUCHABLE,
    mining_steps,
    mining_yield,
)
from envs.voxel.ground import NX, NY, NZ
from envs.voxel.moves import Move
from envs.voxel.physics import HEIGHT, TO_EYE, WIDTH
from envs.voxel.raycast import FACES, march
from envs.voxel.recipes import RECIPES
from envs.voxel.state import CRAFTED, MINED, PLACED, State, with_block

REACH = 4.5
"""Blocks from the eye that the hands reach."""
WORKPLACE = 4
"""Blocks along each axis within which a crafting table or furnace can be used."""


class Aim(NamedTuple):
    """The block in the cross: its cell (x = -1: nothing in reach), its id, and the cell before the face looked at."""

    x: int
    y: int
    z: int
    block: int
    before: tuple[int, int, int]


NO_AIM = Aim(-1, -1, -1, -1, (-1, -1, -1))


def view_axes(heading: float, pitch: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (3,) forward, right and up of an eye that looks along `heading` and `pitch` (radians)."""
    ch, sh, cp, sp = np.cos(heading), np.sin(heading), np.cos(pitch), np.sin(pitch)
    return np.array([ch * cp, sh * cp, sp]), np.array([sh, -ch, 0.0]), np.array([-ch * sp, -sh * sp, cp])


def aim_from(blocks: np.ndarray, eye: np.ndarray, heading: float, pitch: float) -> Aim:
    """What an eye at `eye` (3,) looking along `heading` and `pitch` aims at."""
    forward, _, _ = view_axes(heading, pitch)
    x, y, z, face, _ = march(blocks, TOUCHABLE, eye[0], eye[1], eye[2], forward[0], forward[1], forward[2], REACH)
    if x < 0 or face < 0:
        return NO_AIM
    normal = FACES[face]
    return Aim(x, y, z, int(blocks[x, y, z]), (x + normal[0], y + normal[1], z + normal[2]))


def aim(state: State) -> Aim:
    return aim_from(state.blocks, state.body[:3] + TO_EYE, state.eye_heading, state.eye_pitch)


def held(state: State) -> int:
    """Item id in the selected slot, NOTHING for the bare hand."""
    return int(state.slots[state.selected, 0])


def mine(state: State, at: Aim) -> State:
    """One step of mining the block in the cross; the last one takes it out and puts what it drops into the inventory.

    Looking at another block starts afresh. A block whose drop finds no room stays where it is.
    """
    steps = mining_steps(at.block, held(state)) if at.x >= 0 else 0
    if steps == 0:
        return replace(state, mining=(-1, -1, -1, 0))
    cell = (at.x, at.y, at.z)
    done = (state.mining[3] if state.mining[:3] == cell else 0) + 1
    if done < steps:
        return replace(state, mining=(*cell, done))
    item = mining_yield(at.block, held(state))
    slots = state.slots if item == NOTHING else inventory.add(state.slots, item, 1)
    if slots is None:
        return replace(state, mining=(*cell, steps - 1))
    after = replace(with_block(state, cell, _refill(state.blocks, cell)), slots=slots, mining=(-1, -1, -1, 0))
    after = replace(after, event=(MINED, item, int(item != NOTHING)))
    above = (at.x, at.y, at.z + 1)
    if above[2] < NZ and SHAPE_OF[after.blocks[above]] == CROSS and SOLID[at.block]:
        blocks = after.blocks.copy()
        blocks[above] = AIR  # flowers and torches do not float
        blocks.flags.writeable = False
        after = replace(after, blocks=blocks)
    return after


def _refill(blocks: np.ndarray, cell: tuple[int, int, int]) -> int:
    """What takes the place of a mined block: water where water stands beside or above it, air otherwise."""
    x, y, z = cell
    for a, b, c in ((x - 1, y, z), (x + 1, y, z), (x, y - 1, z), (x, y + 1, z), (x, y, z + 1)):
        if 0 <= a < NX and 0 <= b < NY and c < NZ and SHAPE_OF[blocks[a, b, c]] == LIQUID:
            return int(blocks[a, b, c])
    return AIR


def place(state: State, at: Aim) -> State:
    """Put the held block before the face in the cross; nothing happens where there is no block, no room, or the body."""
    item, cell = held(state), at.before
    if at.x < 0 or not 0 <= item < N_BLOCKS or not (0 <= cell[0] < NX and 0 <= cell[1] < NY and 0 <= cell[2] < NZ):
        return state
    if SHAPE_OF[at.block] == CROSS or SHAPE_OF[state.blocks[cell]] not in (EMPTY, LIQUID, BEAM):
        return state
    if SOLID[item] and _in_body(state.body, cell):
        return state
    slots = inventory.remove(state.slots, item, 1, first=state.selected)
    assert slots is not None
    return replace(with_block(state, cell, item), slots=slots, event=(PLACED, item, 1))


def _in_body(body: np.ndarray, cell: tuple[int, int, int]) -> bool:
    """Whether the body (7,) reaches into `cell`."""
    low, high = np.array([-WIDTH / 2, -WIDTH / 2, 0.0]), np.array([WIDTH / 2, WIDTH / 2, HEIGHT])
    return bool((body[:3] + low < np.array(cell) + 1).all() and (body[:3] + high > cell).all())


def near(state: State, block: int) -> bool:
    """Whether `block` stands within WORKPLACE blocks of the feet; NOTHING is always near."""
    if block == NOTHING:
        return True
    x, y, z = (int(np.floor(v)) for v in state.body[:3])
    box = tuple(slice(max(v - WORKPLACE, 0), v + WORKPLACE + 1) for v in (x, y, z))
    return bool((state.blocks[box] == block).any())


def craft(state: State, number: int) -> State:
    """Make recipe `number`; nothing happens where something, the workplace or room is missing."""
    recipe = RECIPES[number]
    slots = inventory.craft(state.slots, recipe) if near(state, recipe.near) else None
    return state if slots is None else replace(state, slots=slots, event=(CRAFTED, recipe.makes, recipe.count))


def act(state: State, move: Move, at: Aim) -> State:
    """The hands' part of one action, aiming at `at`."""
    if move.slot >= 0:
        state = replace(state, selected=move.slot)
    if move.cycle:
        state = replace(state, slots=inventory.cycle(state.slots, state.selected))
    if move.recipe >= 0:
        state = craft(state, move.recipe)
    if move.place:
        state = place(state, at)
    return mine(state, at) if move.mine else replace(state, mining=(-1, -1, -1, 0))
