"""The picture: one ray a pixel through the blocks until something stops it. Pure, compiled, one core."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import BEAM, CROSS, LIQUID
from envs.voxel.compiled import inlined
from envs.voxel.ground import NX, NY, NZ
from envs.voxel.shade import Scene, background
from envs.voxel.sky import Sky
from envs.voxel.surfaces import cross, cube, wade
from envs.voxel.textures import LEVEL_START

HALF_WIDTH = 0.84
"""Tangent of half the horizontal field of view: 80 degrees."""
FAR = 90.0
"""Blocks after which a ray is sky."""
_TINY = 1e-12


@inlined
def _trace(
    out: np.ndarray, work: np.ndarray, scene: Scene, sky: Sky, eye: np.ndarray, dx: float, dy: float, dz: float, pixel: float
) -> None:
    """Write into `out` (3,) the colour seen from `eye` along the unit ray.

    work: (3,) scratch space. pixel: width of a pixel at a distance of one block.
    """
    x, y, z = int(np.floor(eye[0])), int(np.floor(eye[1])), int(np.floor(eye[2]))
    sx, sy, sz = (1 if dx > 0 else -1), (1 if dy > 0 else -1), (1 if dz > 0 else -1)
    ix, iy, iz = abs(1.0 / dx), abs(1.0 / dy), abs(1.0 / dz)
    tx = ((x + 1 - eye[0]) if dx > 0 else (eye[0] - x)) * ix
    ty = ((y + 1 - eye[1]) if dy > 0 else (eye[1] - y)) * iy
    tz = ((z + 1 - eye[2]) if dz > 0 else (eye[2] - z)) * iz
    t, axis, through, previous = 0.0, 2, 1.0, 0
    out[0], out[1], out[2] = 0.0, 0.0, 0.0
    while True:
        if x < 0 or y < 0 or z < 0 or x >= NX or y >= NY or (z >= NZ and dz > 0) or t > FAR:
            background(work, eye, dx, dy, dz, sky, scene.cover)
            for c in range(3):
                out[c] += through * work[c]
            return
        block = scene.blocks[x, y, z] if z < NZ else 0
        if block != 0:
            shape = scene.shape_of[block]
            t_out = min(tx, min(ty, tz))
            if shape == LIQUID:
                through = wade(out, scene, sky, eye, dx, dy, dz, x, y, z, t, t_out, previous != block and t > 0.0, through)
            elif shape == BEAM:
                for c in range(3):
                    out[c] += through * 0.34 * scene.texels[scene.faces[block, 1], LEVEL_START[4], c]
                through *= 0.66
            elif shape == CROSS:
                if cross(out, scene, sky, eye, dx, dy, dz, x, y, z, t, t_out, pixel, through):
                    return
            elif cube(out, work, scene, sky, eye, dx, dy, dz, x, y, z, t, axis, pixel, through):
                return
            if through < 0.02:
                return
        previous = block
        if tx <= ty and tx <= tz:
            t, axis = tx, 0
            x += sx
            tx += ix
        elif ty <= tz:
            t, axis = ty, 1
            y += sy
            ty += iy
        else:
            t, axis = tz, 2
            z += sz
            tz += iz


@inlined
def draw(
    image: np.ndarray, n_rows: int, scene: Scene, sky: Sky, eye: np.ndarray,
    forward: np.ndarray, right: np.ndarray, up: np.ndarray, colour: np.ndarray, work: np.ndarray,
) -> None:  # fmt: skip
    """Draw the view from `eye` into the first `n_rows` rows of `image` (H, W, 3) uint8.

    forward, right, up: float64 (3,) unit vectors of the eye. colour, work: float64 (3,), scratch space that is overwritten.
    """
    width = image.shape[1]
    pixel = 2.0 * HALF_WIDTH / width
    for row in range(n_rows):
        py = (n_rows / 2 - row - 0.5) * pixel
        for column in range(width):
            px = (column + 0.5 - width / 2) * pixel
            dx = forward[0] + px * right[0] + py * up[0]
            dy = forward[1] + px * right[1] + py * up[1]
            dz = forward[2] + py * up[2]
            norm = 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx * norm, dy * norm, dz * norm
            dx = dx if dx != 0.0 else _TINY
            dy = dy if dy != 0.0 else _TINY
            dz = dz if dz != 0.0 else _TINY
            _trace(colour, work, scene, sky, eye, dx, dy, dz, pixel)
            for c in range(3):
                image[row, column, c] = np.uint8(min(max(colour[c], 0.0), 255.0))
