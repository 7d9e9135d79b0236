"""Ways over the island for the scripted player: steps to a goal from everywhere, and views onto a block. Pure, compiled."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import LIQUID, SHAPE_OF, SOLID, TOUCHABLE
from envs.voxel.compiled import compiled
from envs.voxel.ground import NX, NY, NZ
from envs.voxel.hands import REACH
from envs.voxel.physics import EYE
from envs.voxel.raycast import march
from envs.voxel.state import N_HEADINGS, N_PITCHES, STEP

UNREACHED = 32000
"""Steps to a goal that cannot be walked to."""
MAX_DROP = 3
AT, BEFORE = 0, 1
"""Views that aim at a block, and views whose placed block would land in a cell."""
_LIQUID = SHAPE_OF == LIQUID


@compiled
def _standable(blocks: np.ndarray, solid: np.ndarray, liquid: np.ndarray, swim: bool) -> np.ndarray:
    """bool SHAPE: cells where feet can be: room for the body and ground below, or the top of the water if `swim`."""
    can = np.zeros(blocks.shape, np.bool_)
    nx, ny, nz = blocks.shape
    for x in range(nx):
        for y in range(ny):
            for z in range(1, nz - 1):
                here, above = blocks[x, y, z], blocks[x, y, z + 1]
                if solid[here] or solid[above]:
                    continue
                if liquid[here]:
                    can[x, y, z] = swim and not liquid[above]
                else:
                    can[x, y, z] = solid[blocks[x, y, z - 1]]
    return can


@compiled
def _steps_to(blocks: np.ndarray, solid: np.ndarray, can: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """int16 SHAPE: steps from each cell to the nearest of `goals` (n, 3), found by walking backwards from them."""
    nx, ny, nz = blocks.shape
    steps = np.full(blocks.shape, UNREACHED, np.int16)
    queue = np.zeros((nx * ny * nz, 3), np.int16)
    n, head = 0, 0
    for i in range(len(goals)):
        x, y, z = goals[i]
        if can[x, y, z] and steps[x, y, z] == UNREACHED:
            steps[x, y, z] = 0
            queue[n] = goals[i]
            n += 1
    while head < n:
        x, y, z = queue[head]
        head += 1
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                a, b = x + dx, y + dy
                if (dx == 0 and dy == 0) or a < 0 or b < 0 or a >= nx or b >= ny:
                    continue
                diagonal = dx != 0 and dy != 0
                if diagonal and not (can[a, y, z] and can[x, b, z]):
                    continue
                for rise in range(0 if diagonal else -1, 1 if diagonal else MAX_DROP + 1):
                    c = z + rise  # one walks from (a, b, c) to (x, y, z)
                    if c < 1 or c >= nz - 1 or not can[a, b, c] or steps[a, b, c] != UNREACHED:
                        continue
                    if rise == -1 and c + 2 < nz and solid[blocks[a, b, c + 2]]:
                        continue
                    blocked = False
                    for over in range(z + 2, min(z + rise + 2, nz)):
                        blocked = blocked or solid[blocks[x, y, over]]
                    if blocked:
                        continue
                    steps[a, b, c] = steps[x, y, z] + 1
                    queue[n, 0], queue[n, 1], queue[n, 2] = a, b, c
                    n += 1
    return steps


def steps_to(blocks: np.ndarray, goals: np.ndarray, swim: bool = False) -> np.ndarray:
    """int16 SHAPE: steps from each cell (of the feet) to the nearest of the goal cells (n, 3); UNREACHED where none can be."""
    can = _standable(blocks, SOLID, _LIQUID, swim)
    return np.asarray(_steps_to(blocks, SOLID, can, np.asarray(goals, np.int16).reshape(-1, 3)))


@compiled
def _view_onto(
    blocks: np.ndarray, touchable: np.ndarray, ex: float, ey: float, ez: float, x: int, y: int, z: int, mode: int
) -> tuple[int, int]:
    dx, dy, dz = x + 0.5 - ex, y + 0.5 - ey, z + 0.5 - ez
    if dx * dx + dy * dy + dz * dz > (REACH + 0.8) ** 2:
        return -1, 0
    ideal_heading = int(np.round(np.arctan2(dy, dx) / STEP))
    ideal_pitch = int(np.round(np.arctan2(dz, np.sqrt(dx * dx + dy * dy)) / STEP))
    spread = 1 if mode == AT else 3
    best_heading, best_pitch, best_cost = -1, 0, 1000
    for turn in range(-spread, spread + 1):
        for nod in range(-spread, spread + 1):
            pitch = ideal_pitch + nod
            cost = abs(turn) + abs(nod)
            if cost >= best_cost or abs(pitch) > N_PITCHES:
                continue
            heading, tilt = (ideal_heading + turn) * STEP, pitch * STEP
            fx, fy, fz = np.cos(heading) * np.cos(tilt), np.sin(heading) * np.cos(tilt), np.sin(tilt)
            a, b, c, face, _ = march(blocks, touchable, ex, ey, ez, fx, fy, fz, REACH - 0.1)
            if a < 0 or face < 0:
                continue
            if mode == BEFORE:
                a += (-1 if face == 0 else 1) if face < 2 else 0
                b += (-1 if face == 2 else 1) if 2 <= face < 4 else 0
                c += (-1 if face == 4 else 1) if face >= 4 else 0
            if a == x and b == y and c == z:
                best_heading, best_pitch, best_cost = (ideal_heading + turn) % N_HEADINGS, pitch, cost
    return best_heading, best_pitch


def view_onto(blocks: np.ndarray, eye: np.ndarray, cell: tuple[int, int, int], mode: int = AT) -> tuple[int, int] | None:
    """Heading and pitch steps that aim from `eye` (3,) at `cell` (AT), or place a block into it (BEFORE); None: no view."""
    heading, pitch = _view_onto(blocks, TOUCHABLE, eye[0], eye[1], eye[2], *cell, mode)
    return None if heading < 0 else (int(heading), int(pitch))


@compiled
def _stands_with_view(
    blocks: np.ndarray, touchable: np.ndarray, can: np.ndarray, cells: np.ndarray, mode: int, found: np.ndarray
) -> int:
    nx, ny, nz = blocks.shape
    n = 0
    for i in range(len(cells)):
        x, y, z = cells[i]
        for a in range(max(x - 4, 0), min(x + 5, nx)):
            for b in range(max(y - 4, 0), min(y + 5, ny)):
                for c in range(max(z - 5, 1), min(z + 4, nz - 1)):
                    inside = a == x and b == y and (mode == BEFORE or c > z)  # never dig under the own feet
                    if inside or not can[a, b, c] or n >= len(found):
                        continue
                    good = True
                    for ox, oy in ((0.5, 0.5), (0.25, 0.25), (0.75, 0.75), (0.25, 0.75), (0.75, 0.25)):
                        good = good and _view_onto(blocks, touchable, a + ox, b + oy, c + EYE, x, y, z, mode)[0] >= 0
                    if good:
                        found[n, 0], found[n, 1], found[n, 2] = a, b, c
                        n += 1
    return n


def stands_with_view(blocks: np.ndarray, cells: np.ndarray, mode: int = AT) -> np.ndarray:
    """int16 (n, 3): dry cells from anywhere in which one of `cells` (m, 3) can be aimed at or placed into."""
    found = np.zeros((4096, 3), np.int16)
    can = _standable(blocks, SOLID, _LIQUID, False)
    n = _stands_with_view(blocks, TOUCHABLE, can, np.asarray(cells, np.int16).reshape(-1, 3), mode, found)
    return found[:n]


def walkable(blocks: np.ndarray) -> np.ndarray:
    """int16 (n, 3): every dry cell where one can stand."""
    return np.argwhere(_standable(blocks, SOLID, _LIQUID, False)).astype(np.int16)


def cell_of(position: np.ndarray) -> tuple[int, int, int]:
    """The cell of the feet at `position` (3,), inside the world."""
    x, y, z = np.floor(position + np.array([0.0, 0.0, 0.05])).astype(int)
    return int(np.clip(x, 0, NX - 1)), int(np.clip(y, 0, NY - 1)), int(np.clip(z, 0, NZ - 1))
