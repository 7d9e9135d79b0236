"""Caves under the mountain and the ores on their walls. Pure: blocks in, blocks out."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import AIR, block_id
from envs.voxel.ground import NX, NY, NZ, SEA, SNOW, Ground
from envs.voxel.noise import hashed, smooth, uniform

ORES = (("diamond_ore", 6, 0.05, 3), ("gold_ore", 7, 0.06, 4), ("iron_ore", 13, 0.08, 8), ("coal_ore", 24, 0.10, 10))
"""Name, height it stays below, share of the cave walls it covers, and how many walls show it at least."""


def _path(ground: Ground, seed: int) -> list[tuple[float, float, float]]:
    """Points of the main tunnel: in at the foot of the mountain, down below its peak, and on to a deep chamber."""
    start, peak = ground.sites[0], ground.sites[SNOW]
    for step in np.linspace(0.35, 0.95, 25):
        mouth = start + step * (peak - start)
        foot = int(ground.height[int(mouth[0]), int(mouth[1])])
        ahead = mouth + 4.0 * (peak - start) / np.hypot(*(peak - start))
        if ground.height[int(ahead[0]), int(ahead[1])] >= foot + 3 and foot > SEA:
            break
    along = (peak - start) / np.hypot(*(peak - start))
    across = np.array([-along[1], along[0]]) * (1.0 if uniform(seed + 21, 0) < 0.5 else -1.0)
    chamber = peak + 5.5 * across - 1.0 * along
    knots = [(*(mouth - 2.5 * along), foot + 1.0), (*mouth, foot + 1.0), (*peak, 5.5), (*chamber, 3.5)]
    points = []
    for (x0, y0, z0), (x1, y1, z1) in zip(knots[:-1], knots[1:], strict=True):
        n = max(2, int(2.5 * np.hypot(x1 - x0, y1 - y0)))
        points += [(x0 + (x1 - x0) * i / n, y0 + (y1 - y0) * i / n, z0 + (z1 - z0) * i / n) for i in range(n)]
    sway = 1.6 * (smooth(seed + 22, 6.0, np.arange(len(points))) - 0.5)
    return [(x + across[0] * s, y + across[1] * s, z) for (x, y, z), s in zip(points, sway, strict=True)]


def _near(mask: np.ndarray) -> np.ndarray:
    """`mask` grown by one cell along every axis."""
    grown = mask.copy()
    for axis in range(3):
        for shift in (1, -1):
            edge = [slice(None)] * 3
            edge[axis] = slice(0, 1) if shift == 1 else slice(-1, None)
            rolled = np.roll(mask, shift, axis)
            rolled[tuple(edge)] = False
            grown |= rolled
    return grown


def carve(ground: Ground, seed: int) -> np.ndarray:
    """uint8 blocks with the tunnel, its chamber and winding side caves hollowed out; water never runs into them."""
    x, y, z = np.meshgrid(np.arange(NX), np.arange(NY), np.arange(NZ), indexing="ij")
    hollow = np.zeros(ground.blocks.shape, bool)
    path = _path(ground, seed)
    for i, (px, py, pz) in enumerate(path):
        radius = 2.9 if i >= len(path) - 3 else 1.7
        hollow |= (x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2 + 1.4 * (z + 0.5 - pz) ** 2 <= radius**2
    worm = (np.abs(smooth(seed + 23, 7.0, x, y, z) - 0.5) < 0.055) & (np.abs(smooth(seed + 24, 7.0, x, y, z) - 0.5) < 0.055)
    hollow |= worm & (z < ground.height[:, :, None] - 2)
    water = np.isin(ground.blocks, (block_id("water"), block_id("ice")))
    hollow &= ~_near(_near(water)) & (z >= 1) & (ground.blocks != AIR)
    blocks = ground.blocks.copy()
    blocks[hollow] = AIR
    return _with_ores(blocks, hollow, seed)


def _with_ores(blocks: np.ndarray, hollow: np.ndarray, seed: int) -> np.ndarray:
    """Ores in the stone: on the cave walls by height, and in pockets inside the rock."""
    stone = block_id("stone")
    x, y, z = np.meshgrid(np.arange(NX), np.arange(NY), np.arange(NZ), indexing="ij")
    pocket = smooth(seed + 31, 2.2, x, y, z)
    for number, (name, below, share, at_least) in enumerate(ORES):
        buried = (blocks == stone) & (z < below) & (pocket > 0.88) & (hashed(seed + 32, x // 3, y // 3, z // 3) % 4 == number)
        blocks[buried] = block_id(name)
        walls = np.argwhere((blocks == stone) & _near(hollow) & (z < below))
        if len(walls):
            chance = uniform(seed + 33 + number, *walls.T)
            n_shown = max(at_least, int(share * len(walls)))
            blocks[tuple(walls[np.argsort(chance, kind="stable")[:n_shown]].T)] = block_id(name)
    return blocks
