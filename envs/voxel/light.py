"""Light that reaches each block: from the sky straight down and around corners, and from lamps and torches. Compiled."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import LEAVES, LIGHT_OF, LIQUID, OPAQUE, SHAPE_OF
from envs.voxel.compiled import compiled

FULL = 15


@compiled
def _spread(level: np.ndarray, opaque: np.ndarray, blocks: np.ndarray, queue: np.ndarray, n: int) -> None:
    """Let `level` flow from the `n` queued cells into their neighbours, losing one a cell, in place."""
    nx, ny, nz = level.shape
    head = 0
    size = queue.shape[0]
    while head != n:
        x, y, z = queue[head % size]
        head += 1
        here = level[x, y, z]
        for way in range(6):
            step = 1 if way % 2 == 0 else -1
            a = x + (step if way // 2 == 0 else 0)
            b = y + (step if way // 2 == 1 else 0)
            c = z + (step if way // 2 == 2 else 0)
            if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz or opaque[blocks[a, b, c]]:
                continue
            if level[a, b, c] + 1 < here:
                level[a, b, c] = here - 1
                queue[n % size, 0], queue[n % size, 1], queue[n % size, 2] = a, b, c
                n += 1


@compiled
def _flood(blocks: np.ndarray, opaque: np.ndarray, shape_of: np.ndarray, light_of: np.ndarray) -> np.ndarray:
    nx, ny, nz = blocks.shape
    sky = np.zeros((nx, ny, nz), np.uint8)
    lamp = np.zeros((nx, ny, nz), np.uint8)
    queue = np.zeros((nx * ny * nz, 3), np.int16)
    n = 0
    for x in range(nx):
        for y in range(ny):
            falling = FULL
            for z in range(nz - 1, -1, -1):
                block = blocks[x, y, z]
                if opaque[block]:
                    break
                if shape_of[block] == LEAVES or shape_of[block] == LIQUID:
                    falling = max(falling - 2, 0)
                sky[x, y, z] = falling
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                here = sky[x, y, z]
                if here > 1 and (
                    (x > 0 and sky[x - 1, y, z] + 1 < here)
                    or (x + 1 < nx and sky[x + 1, y, z] + 1 < here)
                    or (y > 0 and sky[x, y - 1, z] + 1 < here)
                    or (y + 1 < ny and sky[x, y + 1, z] + 1 < here)
                    or (z > 0 and sky[x, y, z - 1] + 1 < here)
                ):
                    queue[n, 0], queue[n, 1], queue[n, 2] = x, y, z
                    n += 1
    _spread(sky, opaque, blocks, queue, n)
    n = 0
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if light_of[blocks[x, y, z]] > 0:
                    lamp[x, y, z] = light_of[blocks[x, y, z]]
                    queue[n, 0], queue[n, 1], queue[n, 2] = x, y, z
                    n += 1
    _spread(lamp, opaque, blocks, queue, n)
    return sky * np.uint8(16) + lamp


def flood(blocks: np.ndarray) -> np.ndarray:
    """uint8 of `blocks`' shape: 16 * sky light + lamp light, each 0..15; a pure function of the blocks."""
    return _flood(blocks, OPAQUE, SHAPE_OF, LIGHT_OF)
