"""The bare island of a seed: five regions, their heights and what they are made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.voxel.blocks import block_id
from envs.voxel.noise import FloatArray, smooth, uniform

NX, NY, NZ = SHAPE = (48, 48, 24)
"""Blocks along x (east), y (north) and z (up)."""
SEA = 8
"""Cells below this height are water where there is no ground."""

MEADOW, FOREST, DESERT, SNOW, LAKE = range(5)
_RING = 14.0
"""Blocks from the middle of the island to the middles of the outer regions."""


@dataclass(frozen=True)
class Ground:
    """height: int (48, 48), the ground's top surface; region: int (48, 48); sites: (5, 2) middle of each region; blocks."""

    height: np.ndarray
    region: np.ndarray
    sites: FloatArray
    blocks: np.ndarray


def _sites(seed: int) -> FloatArray:
    """(5, 2) x, y of the regions' middles: the meadow inside, the others around it in an order and turn of the seed."""
    order = np.argsort(uniform(seed + 11, np.arange(4)))
    angle = 2 * np.pi * (uniform(seed + 12, 0) + (order + 0.5 * uniform(seed + 13, np.arange(4))) / 4)
    ring = np.stack([NX / 2 + _RING * np.cos(angle), NY / 2 + _RING * np.sin(angle)], axis=1)
    return np.concatenate([[[NX / 2, NY / 2]], ring])


def _bump(distance: FloatArray, radius: float) -> FloatArray:
    """1 at distance 0, falling smoothly to 0 at `radius`."""
    t = np.clip(1.0 - distance / radius, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def make_ground(seed: int) -> Ground:
    """The island of `seed` before caves, plants and buildings."""
    x, y = np.meshgrid(np.arange(NX), np.arange(NY), indexing="ij")
    warp_x = x + 7.0 * (smooth(seed + 1, 9.0, x, y) - 0.5)
    warp_y = y + 7.0 * (smooth(seed + 2, 9.0, x, y) - 0.5)
    sites = _sites(seed)
    away = np.hypot(warp_x[None] - sites[:, 0, None, None], warp_y[None] - sites[:, 1, None, None])
    region = away.argmin(axis=0)
    hills = 5.0 * smooth(seed + 3, 11.0, x, y) + 2.0 * smooth(seed + 4, 5.0, x, y)
    rough = np.array([1.0, 0.9, 0.45, 1.0, 0.5])[region]
    land = SEA + 1.6 + _blur(rough) * hills
    land += 10.5 * _bump(away[SNOW], 14.0) * (0.7 + 0.6 * smooth(seed + 5, 4.0, x, y)) - 8.5 * _bump(away[LAKE], 9.5)
    outwards = (np.abs(x + 0.5 - NX / 2) ** 3 + np.abs(y + 0.5 - NY / 2) ** 3) ** (1 / 3)
    shore = NX / 2 - outwards + 4.0 * (smooth(seed + 6, 6.0, x, y) - 0.6)
    t = np.clip((shore - 0.5) / 5.0, 0.0, 1.0)
    height = 3.0 + (land - 3.0) * (t * t * (3.0 - 2.0 * t))
    height_blocks = np.clip(np.floor(height), 3, 20).astype(int)
    return Ground(height_blocks, region, sites, _fill(height_blocks, region))


def _blur(value: FloatArray) -> FloatArray:
    """`value` (48, 48) blurred over five blocks, so that regions meet without a cliff."""
    padded = np.pad(value, 2, mode="edge")
    return np.mean([padded[i : i + NX, j : j + NY] for i in range(5) for j in range(5)], axis=0)


def _fill(height: np.ndarray, region: np.ndarray) -> np.ndarray:
    """uint8 SHAPE: stone, soil and surface below `height`, water up to the sea."""
    z = np.arange(NZ)[None, None, :]
    top = height[:, :, None]
    r = region[:, :, None]
    depth = top - 1 - z
    padded = np.pad(height, 1, mode="edge")
    lowest = np.minimum.reduce([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    steep = (height - lowest)[:, :, None] >= 3
    beach = (top <= SEA + 1) & (r != SNOW)
    names = ("bedrock", "stone", "dirt", "grass", "snowy_grass", "snow", "sand", "sandstone", "water", "ice")
    b = {name: block_id(name) for name in names}
    blocks = np.full(SHAPE, b["stone"], np.uint8)
    soil = (depth >= 0) & (depth <= 2) & ~steep
    blocks[soil] = b["dirt"]
    blocks[(depth == 0) & ~steep & (top > SEA)] = b["grass"]
    cold = (r == SNOW) & (top > SEA)
    blocks[(depth == 0) & ~steep & cold] = b["snowy_grass"]
    blocks[(depth <= 1) & cold & (top >= 16)] = b["snow"]
    sandy = ((r == DESERT) | beach) & (depth >= 0)
    blocks[sandy & (depth <= 2)] = b["sand"]
    blocks[(r == DESERT) & (depth >= 3) & (depth <= 4)] = b["sandstone"]
    blocks[(depth < 0)] = 0
    blocks[(depth < 0) & (z < SEA)] = b["water"]
    blocks[(depth < 0) & (z == SEA - 1) & (r == SNOW) & (np.minimum(lowest, height)[:, :, None] > 4)] = b["ice"]
    blocks[:, :, 0] = b["bedrock"]
    return blocks
