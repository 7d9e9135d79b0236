"""Caves under the mountain and the ores on their walls. Pure: blocks in, blocks out."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import AIR, block_id
from envs.voxel.ground import NX, NY, NZ, SEA, SNOW, Ground
from envs.voxel.noise import FloatArray, hashed, smooth, uniform

ORES = (("diamond_ore", 6, 0.05, 3), ("gold_ore", 7, 0.06, 4), ("iron_ore", 13, 0.08, 8), ("coal_ore", 24, 0.10, 10))
"""Name, height it stays below, share of the cave walls it covers, and how many walls show it at least."""

_BEND, _SLOPE, _DEEP = 4.0, 0.55, 4.0
"""Blocks: radius of the tunnel's bend, fall for each block along it, height of its middle at the bottom."""


def _mouth(ground: Ground) -> tuple[FloatArray, FloatArray, int]:
    """Where the tunnel enters the mountain: x, y; the unit vector into it; and the height of its floor there."""
    start, peak = ground.sites[0], ground.sites[SNOW]
    along = (peak - start) / np.hypot(*(peak - start))
    for away in np.arange(5.0, 8.5, 0.5):
        mouth = start + away * along
        ahead = mouth + 3.0 * along
        floor = int(ground.height[int(mouth[0]), int(mouth[1])])
        if ground.height[int(ahead[0]), int(ahead[1])] >= floor + 3:
            break
    return mouth, along, max(min(floor, SEA + 6), SEA + 1)


def _path(ground: Ground, seed: int) -> list[tuple[float, float, float]]:
    """Points of the main tunnel, three a block: in at the foot of the mountain, down in a bend never steeper than one can
    climb, and into a deep chamber below the peak."""
    mouth, along, floor = _mouth(ground)
    centre = ground.sites[SNOW] - 0.5 * along
    side = 1.0 if uniform(seed + 21, 0) < 0.5 else -1.0
    entry = centre - _BEND * along
    n_ahead = max(2, int(3 * np.hypot(*(entry - mouth + 1.0 * along))))
    points = [(*(mouth - 1.0 * along + (entry - mouth + 1.0 * along) * i / n_ahead), floor + 1.0) for i in range(n_ahead)]
    n_bend = int(3 * (floor + 1.0 - _DEEP) / _SLOPE)
    angle = np.arctan2(-along[1], -along[0]) + side * np.arange(n_bend + 1) / (3 * _BEND)
    sway = 1.0 + 0.25 * (smooth(seed + 22, 6.0, np.arange(n_bend + 1)) - 0.5)
    bend_x, bend_y = centre[0] + _BEND * sway * np.cos(angle), centre[1] + _BEND * sway * np.sin(angle)
    points += [(float(x), float(y), floor + 1.0 - i * _SLOPE / 3) for i, (x, y) in enumerate(zip(bend_x, bend_y, strict=True))]
    last_x, last_y, _ = points[-1]
    shares = [i / 12 for i in range(1, 13)]
    return points + [(last_x + (centre[0] - last_x) * s, last_y + (centre[1] - last_y) * s, _DEEP) for s in shares]


def _lead_in(blocks: np.ndarray, ground: Ground) -> None:
    """A cobbled way up or down to the mouth of the tunnel, never steeper than a step, in place; `ground.height` follows it."""
    mouth, along, floor = _mouth(ground)
    x, y = np.meshgrid(np.arange(NX) + 0.5, np.arange(NY) + 0.5, indexing="ij")
    level = float(floor)
    for away in range(12):
        spot = mouth - away * along
        outside = int(ground.height[int(spot[0]), int(spot[1])])
        if away > 2 and abs(outside - level) <= 1:
            break
        level += float(np.sign(outside - level)) if away > 1 else 0.0
        for cx, cy in np.argwhere(np.hypot(x - spot[0], y - spot[1]) < 1.2):
            blocks[cx, cy, min(int(ground.height[cx, cy]), int(level) - 1) : int(level)] = block_id("cobblestone")
            blocks[cx, cy, int(level) :] = AIR
            ground.height[cx, cy] = int(level)


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
    a, b, c = 0.8 * x + 0.6 * y, 0.8 * y - 0.6 * x + 0.5 * z, 1.3 * z - 0.4 * x + 100.0  # off the axes of noise and blocks
    worm = (np.abs(smooth(seed + 23, 7.0, a, b, c) - 0.5) < 0.055) & (np.abs(smooth(seed + 24, 6.0, c, a, b) - 0.5) < 0.055)
    hollow |= worm & (z < ground.height[:, :, None] - 2)
    water = np.isin(ground.blocks, (block_id("water"), block_id("ice")))
    hollow &= ~_near(_near(water)) & (z >= 1) & (ground.blocks != AIR)
    blocks = ground.blocks.copy()
    blocks[hollow] = AIR
    _lead_in(blocks, ground)
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
