"""Which block face every pixel of the view shows, and which cells are in sight: what a memory of the island is held to."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from envs.voxel import hands, hotbar
from envs.voxel.blocks import CUBE, LEAVES, LIQUID, SHAPE_OF, SOLID
from envs.voxel.compiled import compiled
from envs.voxel.ground import NX, NY, NZ
from envs.voxel.physics import TO_EYE
from envs.voxel.raycast import march, visible
from envs.voxel.render import FAR, HALF_WIDTH
from envs.voxel.state import State

N_FACES = NX * NY * NZ * 6
NO_FACE = -1
_CORNER = 1.0 / np.sqrt(1.0 + HALF_WIDTH**2 * (1.0 + (hotbar.VIEW_ROWS / hotbar.UNIT) ** 2))
"""Cosine between the middle and a corner of the view."""
FILLED = np.isin(SHAPE_OF, (CUBE, LEAVES, LIQUID))
"""bool (n_blocks,): fills its cube, so that nothing behind it is seen."""
_INSET, _DEEP = 0.02, 0.2
"""Blocks: how far inside a cell its corners are looked for, and through how much of what is solid they still show."""
_POINTS = np.array([[0.5, 0.5, 0.5], *itertools.product((_INSET, 1 - _INSET), repeat=3)])


@compiled
def _meet(
    blocks: np.ndarray, stops: np.ndarray, eye: np.ndarray, forward: np.ndarray, right: np.ndarray, up: np.ndarray,
    seen: np.ndarray, away: np.ndarray,
) -> None:  # fmt: skip
    """Write into `seen` int32 (rows, columns) the face that the ray of each pixel meets, and into `away` float32 how far away it
    meets something, with the camera of `render.draw`."""
    n_rows, width = seen.shape
    pixel = 2.0 * HALF_WIDTH / width
    for row in range(n_rows):
        py = (n_rows / 2 - row - 0.5) * pixel
        for column in range(width):
            px = (column + 0.5 - width / 2) * pixel
            dx = forward[0] + px * right[0] + py * up[0]
            dy = forward[1] + px * right[1] + py * up[1]
            dz = forward[2] + py * up[2]
            norm = 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz)
            x, y, z, face, far = march(blocks, stops, eye[0], eye[1], eye[2], dx * norm, dy * norm, dz * norm, FAR)
            seen[row, column] = ((x * NY + y) * NZ + z) * 6 + face if face >= 0 else -1
            away[row, column] = far if x >= 0 else np.inf


def _met(state: State, stops: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces and distances (rows, resolution) of what `stops` the rays of the view above the hotbar, as `_meet` writes them."""
    size = hotbar.VIEW_ROWS * (resolution // hotbar.UNIT), resolution
    seen, away = np.empty(size, np.int32), np.empty(size, np.float32)
    axes = hands.view_axes(state.eye_heading, state.eye_pitch)
    _meet(state.blocks, stops, state.body[:3] + TO_EYE, *axes, seen, away)
    return seen, away


def distances(state: State, resolution: int) -> np.ndarray:
    """float32 (rows, resolution) of the view above the hotbar: blocks from the eye to what the ray of each pixel meets first.

    Infinite where it meets nothing (sky, open sea). Flowers and beams are looked through, water is not.
    """
    return _met(state, FILLED, resolution)[1]


class Met(NamedTuple):
    """What the rays of the view above the hotbar meet first, (rows, columns) each."""

    kind: np.ndarray  # uint8, which block; 0 where there is none
    face: np.ndarray  # int8, which of its faces 0 .. 5, as in `envs.voxel.raycast`; -1 where there is none
    away: np.ndarray  # float32, as `distances` has it


def met(state: State, resolution: int) -> Met:
    """What the view above the hotbar shows, flowers and beams looked through, water not."""
    seen, away = _met(state, FILLED, resolution)
    cell = np.maximum(seen, 0) // 6
    kind = state.blocks[cell // NZ // NY, cell // NZ % NY, cell % NZ]
    return Met(np.where(seen >= 0, kind, 0), np.where(seen >= 0, seen % 6, -1).astype(np.int8), away)


def face_numbers(cells: np.ndarray) -> np.ndarray:
    """int64 (n, 6): the numbers of the six faces of each of `cells` (n, 3)."""
    x, y, z = np.moveaxis(np.asarray(cells, np.int64), -1, 0)
    return (((x * NY + y) * NZ + z) * 6)[:, None] + np.arange(6)


def faces(state: State, resolution: int) -> np.ndarray:
    """int32 (rows, resolution) of the view above the hotbar: the number of the first solid face behind each pixel.

    NO_FACE where there is none (sky, open sea) and where the own hand or the cross hides it. Flowers, water and glass beams
    are looked through. Faces are numbered 0 .. N_FACES - 1 by cell and side.
    """
    seen, _ = _met(state, SOLID, resolution)
    seen[overlay(state, resolution)] = NO_FACE
    return seen


def overlay(state: State, resolution: int) -> np.ndarray:
    """bool (rows, resolution): where hand and cross are drawn over the view."""
    unit = resolution // hotbar.UNIT
    pictures = [np.full((hotbar.VIEW_ROWS * unit, resolution, 3), grey, np.uint8) for grey in (0, 255)]
    for picture in pictures:
        hotbar.draw_hand(picture, hands.held(state), 1 + state.t % 2 if state.mining[3] else 0, np.ones(3), unit)
        hotbar.draw_cross(picture, unit)
    return np.asarray(((pictures[0] != 0) | (pictures[1] != 255)).any(axis=-1))


def in_sight(state: State, cells: np.ndarray) -> np.ndarray:
    """bool (n,): which of `cells` (n, 3), solid or empty, have their middle or a corner in the view with nothing before it."""
    points = (np.asarray(cells, np.float64)[:, None] + _POINTS).reshape(-1, 3)
    forward, _, _ = hands.view_axes(state.eye_heading, state.eye_pitch)
    seen = visible(state.blocks, SOLID, state.body[:3] + TO_EYE, points, forward, _CORNER, _DEEP)
    return np.asarray(seen.reshape(-1, len(_POINTS)).any(axis=1))
