"""Lines of sight through the blocks: what the player aims at, and whether a point can be seen. Pure, compiled."""

from __future__ import annotations

import numpy as np

from envs.voxel.compiled import compiled

FACES = ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))
"""Outward normal of each face number, x, y, z."""


@compiled
def march(
    blocks: np.ndarray, stops: np.ndarray, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, reach: float
) -> tuple[int, int, int, int, float]:
    """The first block with `stops[block]` along a ray: its x, y, z, the face hit and the distance; x = -1 where none.

    (dx, dy, dz) has length 1; `reach` is in blocks. The block the ray starts in counts, with face -1. Grid traversal
    after Amanatides and Woo, 1987.
    """
    nx, ny, nz = blocks.shape
    x, y, z = int(np.floor(ox)), int(np.floor(oy)), int(np.floor(oz))
    sx, sy, sz = (1 if dx > 0 else -1), (1 if dy > 0 else -1), (1 if dz > 0 else -1)
    far = 1e30
    step_x = abs(1 / dx) if dx != 0 else far
    step_y = abs(1 / dy) if dy != 0 else far
    step_z = abs(1 / dz) if dz != 0 else far
    tx = ((x + 1 - ox) if dx > 0 else (ox - x)) * step_x if dx != 0 else far
    ty = ((y + 1 - oy) if dy > 0 else (oy - y)) * step_y if dy != 0 else far
    tz = ((z + 1 - oz) if dz > 0 else (oz - z)) * step_z if dz != 0 else far
    t, face = 0.0, -1
    while t <= reach:
        if x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or (z >= nz and dz >= 0):
            break
        if z < nz and stops[blocks[x, y, z]]:
            return x, y, z, face, t
        if tx <= ty and tx <= tz:
            x += sx
            t = tx
            tx += step_x
            face = 0 if sx > 0 else 1
        elif ty <= tz:
            y += sy
            t = ty
            ty += step_y
            face = 2 if sy > 0 else 3
        else:
            z += sz
            t = tz
            tz += step_z
            face = 4 if sz > 0 else 5
    return -1, -1, -1, -1, reach


@compiled
def visible(
    blocks: np.ndarray, stops: np.ndarray, eye: np.ndarray, points: np.ndarray, forward: np.ndarray, cone: float, slack: float
) -> np.ndarray:
    """bool (n,): which of `points` (n, 3) lie in the cone (cosine) around `forward` with a free line of sight.

    What stands within `slack` blocks of a point belongs to it and does not hide it.
    """
    seen = np.zeros(len(points), np.bool_)
    for i in range(len(points)):
        dx, dy, dz = points[i, 0] - eye[0], points[i, 1] - eye[1], points[i, 2] - eye[2]
        away = np.sqrt(dx * dx + dy * dy + dz * dz)
        if away < 1e-6 or (dx * forward[0] + dy * forward[1] + dz * forward[2]) < cone * away:
            continue
        hit = march(blocks, stops, eye[0], eye[1], eye[2], dx / away, dy / away, dz / away, max(away - slack, 0.0))
        seen[i] = hit[0] < 0
    return seen
