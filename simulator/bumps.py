"""Walls that are believed in stop a body that is believed in: nobody dreams himself through a wall he remembers (pure)."""

from __future__ import annotations

import numpy as np

SURE = 0.9
"""Belief in a wall from which it stops a body. What was never seen stops nobody. Lower, and walls that are not there stop a
player; higher, and he gets through walls that are."""
RADIUS, STOUT = 0.1, 0.25
"""Cells from the middle of a body to its rim, as in the real maze, and among cubes, where it is square in truth, and wider."""
KNEES, HEAD = 0.6, 1.6
"""Blocks above its feet at which a body is stopped by cubes: by none that it stands on, be that believed a little too high."""
N_PARTS = 3
"""Parts a motion is walked in: none is longer than the body is wide, at a quarter of a cell a frame."""
AROUND = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)])
"""A cell and its neighbours, itself in the middle."""


def stopped(walls: np.ndarray, before: np.ndarray, after: np.ndarray, radius: float = RADIUS) -> np.ndarray:
    """Poses `after` (b, 5), moved to where walls in the way from `before` (b, 5) leave a round body: it slides along them
    and past their corners, and who stands in one (beliefs change) is put beside it.

    walls: (b, n_y, n_x), belief in a wall by cell on a ring, as in `models.belief.Belief`.
    """
    solid = np.asarray(walls) > SURE
    after, here = np.array(after, np.float64), np.array(before[:, :2], np.float64)
    part = (after[:, :2] - here) / N_PARTS
    for _ in range(N_PARTS):
        here += part
        for _ in range(2):  # out of one wall, and out of the one beside it in a corner
            way = _way_out(solid, here, radius)
            if not way.any():
                break
            here += way
    after[:, :2] = here
    return after


def _way_out(solid: np.ndarray, here: np.ndarray, radius: float) -> np.ndarray:
    """The shortest ways (b, 2) that put bodies at `here` (b, 2) beside the wall they are deepest in; 0 for who is in none."""
    rows, shape = np.arange(len(here)), np.array(solid.shape[:0:-1])
    cell = np.floor(here)[:, None] + AROUND
    x, y = np.mod(cell, shape).astype(int).transpose(2, 0, 1)
    wall = solid[rows[:, None], y, x]
    away = here[:, None] - np.clip(here[:, None], cell, cell + 1)
    distance = np.linalg.norm(away, axis=-1)
    depth = np.where(wall & (distance > 0), radius - distance, 0.0)
    deepest = depth.argmax(axis=1)
    reach = np.maximum(depth[rows, deepest], 0.0) / np.maximum(distance[rows, deepest], 1e-9)
    return reach[:, None] * away[rows, deepest] + np.where(wall[:, 4:5], _out_of_cell(wall, here, radius), 0.0)


def _out_of_cell(wall: np.ndarray, here: np.ndarray, radius: float) -> np.ndarray:
    """The shortest ways (b, 2) out of the cells at `here` into one beside them that is no wall (b, 9); 0 where all are."""
    sides = AROUND[1::2]  # below, left, right, above
    inside = here - np.floor(here)
    gap = radius + np.where(sides > 0, 1 - inside[:, None], inside[:, None])
    gap = np.where(wall[:, 1::2], np.inf, (gap * np.abs(sides)).sum(axis=-1))
    nearest = gap.argmin(axis=1)
    shortest = gap[np.arange(len(here)), nearest]
    return sides[nearest] * np.where(np.isfinite(shortest), shortest, 0.0)[:, None]


def among_cubes(cubes: np.ndarray, low: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Poses `after` (b, 5), moved as far as solid `cubes`, bool (b, n_x, n_y, n_z) from the corner `low` (3,) on, let bodies come
    from `before` (b, 5); whoever is in one already gets out as he can."""
    height = [np.clip(np.floor(after[:, 2] - low[2] + part), 0, cubes.shape[3] - 1).astype(int) for part in (KNEES, HEAD)]
    rows, size = np.arange(len(cubes)), np.array(cubes.shape[1:3])
    walls = np.logical_or(*(cubes[rows, :, :, z] for z in height))
    corner = np.array([*low[:2], 0, 0, 0])
    x, y = np.clip(np.floor(before[:, :2] - low[:2]), 0, size - 1).astype(int).T
    kept_out = stopped(walls.transpose(0, 2, 1), before - corner, after - corner, STOUT) + corner
    return np.where(walls[rows, x, y][:, None], after, kept_out)
