"""Trees, cacti, flowers and grass on the island. Pure: blocks in, blocks out."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import AIR, block_id
from envs.voxel.ground import DESERT, FOREST, MEADOW, NX, NY, NZ, SEA, SNOW, Ground
from envs.voxel.noise import uniform

_DENSITY = {MEADOW: 0.018, FOREST: 0.16, SNOW: 0.05, DESERT: 0.05}
"""Chance of a tree (a cactus in the desert) on a column that may have one."""


def _put(blocks: np.ndarray, x: int, y: int, z: int, block: int) -> None:
    if 0 <= x < NX and 0 <= y < NY and 0 <= z < NZ and blocks[x, y, z] == AIR:
        blocks[x, y, z] = block


def plant_oak(blocks: np.ndarray, x: int, y: int, z: int, seed: int) -> None:
    """A leafy tree whose trunk starts at (x, y, z), in place."""
    top = z + 5 + int(uniform(seed + 51, x, y) < 0.4)
    for height in range(z, top):
        blocks[x, y, height] = block_id("log")
    for dz, radius in ((-2, 2), (-1, 2), (0, 1), (1, 1)):
        for dx in range(-radius, radius + 1):
            for dy in range(-radius, radius + 1):
                corner = abs(dx) == radius and abs(dy) == radius
                if corner and (dz == 1 or uniform(seed + 52, x + dx, y + dy, top + dz) < 0.5):
                    continue
                _put(blocks, x + dx, y + dy, top + dz, block_id("leaves"))


def plant_pine(blocks: np.ndarray, x: int, y: int, z: int, seed: int) -> None:
    """A pointed dark tree whose trunk starts at (x, y, z), in place."""
    top = min(z + 5 + int(uniform(seed + 53, x, y) < 0.5), NZ - 2)
    for height in range(z, top):
        blocks[x, y, height] = block_id("log")
    for layer, height in enumerate(range(top, z + 1, -1)):
        radius = (0, 1, 1, 2, 1, 2)[min(layer, 5)]
        for dx in range(-radius, radius + 1):
            for dy in range(-radius, radius + 1):
                if abs(dx) + abs(dy) <= max(1, radius):
                    _put(blocks, x + dx, y + dy, height, block_id("pine_leaves"))
    _put(blocks, x, y, top + 1, block_id("pine_leaves"))


def plant(blocks: np.ndarray, ground: Ground, free: np.ndarray, seed: int) -> np.ndarray:
    """`blocks` with plants on the columns where `free` (48, 48) bool allows; trees stand two blocks apart at least."""
    blocks = blocks.copy()
    x, y = np.meshgrid(np.arange(NX), np.arange(NY), indexing="ij")
    chance = uniform(seed + 54, x, y)
    padded = np.pad(chance, 2, constant_values=1.0)
    rivals = np.minimum.reduce([padded[2 + i : 2 + i + NX, 2 + j : 2 + j + NY] for i in range(-2, 3) for j in range(-2, 3)])
    wild = uniform(seed + 55, x, y)
    grass, snowy, sand = block_id("grass"), block_id("snowy_grass"), block_id("sand")
    flower = np.where(uniform(seed + 56, x // 6, y // 6) < 0.5, block_id("red_flower"), block_id("yellow_flower"))
    for cx in range(3, NX - 3):
        for cy in range(3, NY - 3):
            z, region = int(ground.height[cx, cy]), int(ground.region[cx, cy])
            soil = blocks[cx, cy, z - 1]
            if not free[cx, cy] or z <= SEA or z > NZ - 9 or blocks[cx, cy, z] != AIR:
                continue
            tree = chance[cx, cy] == rivals[cx, cy] and chance[cx, cy] < _DENSITY.get(region, 0.015)
            if tree and soil in (grass, snowy):
                (plant_pine if region == SNOW else plant_oak)(blocks, cx, cy, z, seed)
            elif tree and soil == sand and region == DESERT:
                blocks[cx, cy, z : z + 2 + int(wild[cx, cy] < 0.5)] = block_id("cactus")
            elif soil == grass and wild[cx, cy] < 0.045:
                blocks[cx, cy, z] = flower[cx, cy]
            elif soil == grass and wild[cx, cy] > 0.93:
                blocks[cx, cy, z] = block_id("tall_grass")
    return blocks
