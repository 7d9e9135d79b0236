"""Colours along one ray: texels, soft light in the corners, water, fog, and the sky behind everything. Compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.voxel.compiled import inlined
from envs.voxel.ground import NX, NY, NZ, SEA
from envs.voxel.sky import Sky


class Scene(NamedTuple):
    """What there is to see, whatever the hour.

    blocks, light: uint8 SHAPE. shape_of, light_of, opaque: (n_blocks,). texels: uint8 (n_textures, 341, 4) and
    faces: int16 (n_blocks, 3) as in `envs.voxel.textures`. cover: float64 (64, 64), the clouds.
    target: int (3,), the block that gets an outline, x = -1 for none; cracked: share of its mining that is done, 0..1.
    """

    blocks: np.ndarray
    light: np.ndarray
    shape_of: np.ndarray
    light_of: np.ndarray
    opaque: np.ndarray
    texels: np.ndarray
    faces: np.ndarray
    cover: np.ndarray
    target: np.ndarray
    cracked: float


FOG_NEAR, FOG_FAR = 22.0, 62.0
"""Blocks at which the air begins to hide things and at which it hides them."""
CLOUD_HEIGHT, CLOUD_CELL = 44.0, 4.0


@inlined
def _level(scene: Scene, x: int, y: int, z: int, own: int) -> tuple[int, float]:
    """Index into the lamp table and weight of the light in cell (x, y, z): `own` beyond the world, half of it inside blocks."""
    if x < 0 or y < 0 or z < 0 or x >= NX or y >= NY or z >= NZ:
        return own, 1.0
    if scene.opaque[scene.blocks[x, y, z]]:
        return own, 0.5
    return scene.light[x, y, z], 1.0


@inlined
def light_on(scene: Scene, table: np.ndarray, out: np.ndarray, x: int, y: int, z: int, axis: int, u: float, v: float) -> None:
    """Write into `out` (3,) the light on a face looked at from cell (x, y, z), at (u, v) of the face in [0, 1).

    Blends the light of the cell with that of its three neighbours nearest to (u, v): soft shadows, dark corners.
    u runs along y for faces across x and along x otherwise; v along z for upright faces and along y otherwise.
    """
    own = 0
    if z >= NZ:
        own = 15 * 16
    elif 0 <= x < NX and 0 <= y < NY and z >= 0:
        own = int(scene.light[x, y, z])
    su, sv = (1 if u >= 0.5 else -1), (1 if v >= 0.5 else -1)
    fu, fv = abs(u - 0.5), abs(v - 0.5)
    ux, uy = (0, su) if axis == 0 else (su, 0)
    vy, vz = (sv, 0) if axis == 2 else (0, sv)
    level_u, share_u = _level(scene, x + ux, y + uy, z, own)
    level_v, share_v = _level(scene, x, y + vy, z + vz, own)
    level_c, share_c = _level(scene, x + ux, y + uy + vy, z + vz, own)
    share_u, share_v, share_c = share_u * fu * (1 - fv), share_v * fv * (1 - fu), share_c * fu * fv
    share = (1 - fu) * (1 - fv)
    for c in range(3):
        out[c] = share * table[own, c] + share_u * table[level_u, c] + share_v * table[level_v, c] + share_c * table[level_c, c]


@inlined
def background(out: np.ndarray, eye: np.ndarray, dx: float, dy: float, dz: float, sky: Sky, cover: np.ndarray) -> None:
    """Write into `out` (3,) what lies behind the island along the unit ray: sky, sun, moon, stars, clouds or the open sea."""
    ox, oy, oz = eye[0], eye[1], eye[2]
    zenith, horizon, sun, water = sky.zenith, sky.horizon, sky.sun, sky.water
    if dz < 0.0 and oz > SEA:
        t = (SEA - oz) / dz
        fade = min(t / FOG_FAR, 1.0)
        for c in range(3):
            out[c] = water[c] + fade * (horizon[c] - water[c])
        return
    if dz <= 0.0:
        for c in range(3):
            out[c] = water[c] if oz <= SEA else horizon[c]
        return
    rise = min(dz * 1.6, 1.0)
    towards_sun = dx * sun[0] + dy * sun[1] + dz * sun[2]
    for c in range(3):
        out[c] = horizon[c] + rise * (zenith[c] - horizon[c])
    if towards_sun > 0.988:
        out[0], out[1], out[2] = 255.0, 246.0, 206.0
    elif towards_sun > 0.90:
        glow = (towards_sun - 0.90) / 0.09 * 0.45
        out[0] += glow * (255.0 - out[0])
        out[1] += glow * (226.0 - out[1])
        out[2] += 0.5 * glow * (170.0 - out[2])
    elif towards_sun < -0.991:
        out[0], out[1], out[2] = 214.0, 220.0, 232.0
    elif sky.stars > 0.0:
        h = np.uint32(int(np.floor(dx * 60)) * 73856093 ^ int(np.floor(dy * 60)) * 19349663 ^ int(np.floor(dz * 60)) * 83492791)
        h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0x5BD1E995))
        if (h ^ (h >> np.uint32(15))) % np.uint32(211) == 0:
            for c in range(3):
                out[c] += sky.stars * 0.7 * (230.0 - out[c])
    if oz < CLOUD_HEIGHT:
        t = (CLOUD_HEIGHT - oz) / dz
        if t < 190.0:
            a = int(np.floor((ox + t * dx) / CLOUD_CELL)) % cover.shape[0]
            b = int(np.floor((oy + t * dy) / CLOUD_CELL)) % cover.shape[1]
            if cover[a, b] > 0.5:
                share = 0.72 * (1.0 - t / 190.0)
                for c in range(3):
                    out[c] += share * (sky.cloud[c] - out[c])
