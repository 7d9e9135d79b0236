"""What a ray does at each kind of block: a textured cube, two crossed pictures, or water. Compiled."""

from __future__ import annotations

import numpy as np

from envs.voxel.compiled import inlined
from envs.voxel.shade import FOG_FAR, FOG_NEAR, Scene, light_on
from envs.voxel.sky import Sky
from envs.voxel.textures import LEVEL_START, SIDE

FACE_LIGHT = (0.76, 0.88, 0.58, 1.0)
"""Share of light on faces to east and west, to north and south, under a block and on top."""


@inlined
def _texel(u: float, v: float, level: int) -> int:
    """Index of the texel at (u, v) in [0, 1] of copy `level`: v grows upwards, rows downwards."""
    side = SIDE >> level
    column, row = min(int(u * side), side - 1), min(int((1.0 - v) * side), side - 1)
    return LEVEL_START[level] + max(column, 0) * side + max(row, 0)


@inlined
def _level(t: float, pixel: float) -> int:
    """Which copy of a texture to use `t` blocks away: the finest whose texels are not smaller than a pixel."""
    footprint = t * pixel * SIDE
    level = 0
    while level < 4 and footprint > 1.4:
        footprint *= 0.5
        level += 1
    return level


@inlined
def _haze(t: float) -> float:
    """Share of the horizon's colour in what is `t` blocks away."""
    fog = min(max((t - FOG_NEAR) / (FOG_FAR - FOG_NEAR), 0.0), 1.0)
    return 0.9 * fog * fog * (3.0 - 2.0 * fog)


@inlined
def _mark(scene: Scene, x: int, y: int, z: int, u: float, v: float, edge: float) -> float:
    """How much darker a texel of the block in the cross is drawn: its outline, and cracks while it is mined."""
    if x != scene.target[0] or y != scene.target[1] or z != scene.target[2]:
        return 1.0
    if u < edge or v < edge or u > 1.0 - edge or v > 1.0 - edge:
        return 0.35
    if scene.cracked > 0.0:
        cell = (int(u * 8) * 73856093 ^ int(v * 8) * 19349663 ^ 0x9E3779) * 0x5BD1E995 & 0xFFFFFFFF
        if (cell >> 13) % 100 < 12 + 60 * scene.cracked:
            return 0.42
    return 1.0


@inlined
def cube(
    out: np.ndarray, work: np.ndarray, scene: Scene, sky: Sky, eye: np.ndarray, dx: float, dy: float, dz: float,
    x: int, y: int, z: int, t: float, axis: int, pixel: float, through: float,
) -> bool:  # fmt: skip
    """Add to `out` the face of the cube at (x, y, z) that the ray enters at `t` across `axis`; False where it is a hole."""
    block = scene.blocks[x, y, z]
    hit_x, hit_y, hit_z = eye[0] + t * dx - x, eye[1] + t * dy - y, eye[2] + t * dz - z
    face, shade, a, b, c = 1, FACE_LIGHT[0], x, y, z
    along, upward = hit_x, hit_z
    if axis == 0:
        along = hit_y
        u, v = (1.0 - hit_y if dx < 0 else hit_y), hit_z
        a += 1 if dx < 0 else -1
    elif axis == 1:
        u, v = (hit_x if dy < 0 else 1.0 - hit_x), hit_z
        b += 1 if dy < 0 else -1
        shade = FACE_LIGHT[1]
    else:
        upward = hit_y
        u, v = hit_x, hit_y
        c += 1 if dz < 0 else -1
        face, shade = (0, FACE_LIGHT[3]) if dz < 0 else (2, FACE_LIGHT[2])
    texture, spot = scene.faces[block, face], _texel(u, v, _level(t, pixel))
    if scene.texels[texture, spot, 3] == 0:
        return False
    if scene.light_of[block] > 0:
        work[0], work[1], work[2] = 1.0, 1.0, 1.0
    else:
        light_on(scene, sky.table, work, a, b, c, axis, along, upward)
        shade *= _mark(scene, x, y, z, u, v, max(1.0 / SIDE, t * pixel * 0.9))
        work[0], work[1], work[2] = work[0] * shade, work[1] * shade, work[2] * shade
    fog = _haze(t)
    for k in range(3):
        seen = scene.texels[texture, spot, k] * work[k]
        out[k] += through * (seen + fog * (sky.horizon[k] - seen))
    return True


@inlined
def cross(
    out: np.ndarray, scene: Scene, sky: Sky, eye: np.ndarray, dx: float, dy: float, dz: float,
    x: int, y: int, z: int, t: float, t_out: float, pixel: float, through: float,
) -> bool:  # fmt: skip
    """Add to `out` the plant or torch at (x, y, z), two pictures on the diagonals; False where the ray passes by."""
    block = scene.blocks[x, y, z]
    texture = scene.faces[block, 1]
    best, spot = t_out + 1e-9, -1
    lx, ly = eye[0] - x, eye[1] - y
    for plane in range(2):
        slope = dx - dy if plane == 0 else dx + dy
        gap = ly - lx if plane == 0 else 1.0 - lx - ly
        if abs(slope) < 1e-9 or gap / slope < t or gap / slope > best:
            continue
        s = gap / slope
        across, height = lx + s * dx, eye[2] + s * dz - z
        if 0.0 <= across < 1.0 and 0.0 <= height < 1.0:
            here = _texel(across, height, _level(s, pixel))
            if scene.texels[texture, here, 3] > 0:
                best, spot = s, here
    if spot < 0:
        return False
    shade = 0.7 if x == scene.target[0] and y == scene.target[1] and z == scene.target[2] else 1.0
    fog = _haze(best)
    for k in range(3):
        light = 1.0 if scene.light_of[block] > 0 else sky.table[scene.light[x, y, z], k]
        seen = scene.texels[texture, spot, k] * light * shade
        out[k] += through * (seen + fog * (sky.horizon[k] - seen))
    return True


@inlined
def wade(
    out: np.ndarray, scene: Scene, sky: Sky, eye: np.ndarray, dx: float, dy: float, dz: float,
    x: int, y: int, z: int, t: float, t_out: float, enters: bool, through: float,
) -> float:  # fmt: skip
    """Add to `out` the water in cell (x, y, z) between `t` and `t_out`, with its surface where the ray `enters` it.

    Returns the share of light that still comes through from behind.
    """
    level = scene.light[x, y, z]
    far = min(t / FOG_FAR, 1.0)
    if enters:
        hit_x, hit_y = eye[0] + t * dx, eye[1] + t * dy
        spot = _texel(hit_x - np.floor(hit_x), hit_y - np.floor(hit_y), 0) if t < 10.0 else LEVEL_START[4]
        flat = 1.0 - abs(dz)
        glance = 0.42 + 0.3 * flat * flat * flat
        for k in range(3):
            tone = scene.texels[scene.faces[scene.blocks[x, y, z], 0], spot, k]
            shine = 0.5 * sky.table[level, k] * (tone + sky.horizon[k] * flat)
            out[k] += through * glance * (shine + far * (sky.horizon[k] - shine))
        through *= 1.0 - glance
    clear = 1.0 / (1.0 + 0.28 * (t_out - t))
    for k in range(3):
        murk = sky.water[k] * (0.35 + 0.65 * (level // 16) / 15.0)
        out[k] += through * (1.0 - clear) * (murk + far * (sky.horizon[k] - murk))
    return through * clear
