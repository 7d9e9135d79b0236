"""The whole island as a pure function of its seed: ground, caves, landmarks, plants and the place where the player starts."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from envs.voxel.blocks import AIR, block_id
from envs.voxel.caves import carve
from envs.voxel.flora import plant, plant_oak
from envs.voxel.ground import MEADOW, NX, NY, NZ, SEA, Ground, make_ground
from envs.voxel.landmarks import Landmark, build
from envs.voxel.noise import hashed, uniform

N_SEEDS = 2**31 - 1
"""Seeds are 0 .. N_SEEDS - 1."""


@dataclass(frozen=True)
class Terrain:
    """blocks: uint8 (48, 48, 24), read-only. spawn: x, y, z of the feet in blocks. heading: radians, towards the hut."""

    seed: int
    blocks: np.ndarray
    landmarks: tuple[Landmark, ...]
    spawn: tuple[float, float, float]
    heading: float


def check_seed(seed: int) -> int:
    """`seed` as an int, or ValueError with the range."""
    if not 0 <= int(seed) < N_SEEDS:
        raise ValueError(f"seed {seed} is outside 0..{N_SEEDS - 1}; choose another for the voxel world")
    return int(seed)


@functools.lru_cache(maxsize=8)
def generate(seed: int) -> Terrain:
    """The island of `seed`. Raises ValueError where the seed is out of range."""
    seed = check_seed(seed)
    salt = int(hashed(0x5EED, seed))
    ground = make_ground(salt)
    blocks, landmarks = build(carve(ground, salt), ground, salt)
    start_x, start_y = _start(ground)
    free = np.ones((NX, NY), bool)
    for mark in landmarks:
        free[int(mark.x) - 4 : int(mark.x) + 5, int(mark.y) - 4 : int(mark.y) + 5] = False
    free[start_x - 4 : start_x + 5, start_y - 4 : start_y + 5] = False
    hut = next(mark for mark in landmarks if mark.name == "hut")
    towards = float(np.arctan2(hut.y - start_y - 0.5, hut.x - start_x - 0.5))
    blocks = _welcome(blocks, ground, free, (start_x, start_y), towards, salt)
    blocks = plant(blocks, ground, free, salt)
    blocks.flags.writeable = False
    spawn = (start_x + 0.5, start_y + 0.5, float(ground.height[start_x, start_y]))
    return Terrain(seed, blocks, landmarks, spawn, towards)


def _start(ground: Ground) -> tuple[int, int]:
    """The column nearest to the middle of the meadow with dry, level ground around it."""
    middle = ground.sites[MEADOW]
    best, best_cost = (NX // 2, NY // 2), np.inf
    for x in range(14, NX - 14):
        for y in range(14, NY - 14):
            patch = ground.height[x - 1 : x + 2, y - 1 : y + 2]
            cost = np.hypot(x + 0.5 - middle[0], y + 0.5 - middle[1]) + 3.0 * np.ptp(patch) + 9.0 * (patch <= SEA).sum()
            if cost < best_cost:
                best, best_cost = (x, y), float(cost)
    return best


def _welcome(
    blocks: np.ndarray, ground: Ground, free: np.ndarray, start: tuple[int, int], towards: float, salt: int
) -> np.ndarray:
    """`blocks` with what a first minute needs near `start`: two trees and a boulder that shows coal; narrows `free` in place."""
    blocks = blocks.copy()
    side = 1.0 if uniform(salt + 61, 0) < 0.5 else -1.0
    wanted = [("tree", 4.6, 0.75), ("tree", 5.6, 1.25), ("rock", 6.0, -0.9)]
    for what, distance, angle in wanted:
        gx = start[0] + 0.5 + distance * np.cos(towards + side * angle)
        gy = start[1] + 0.5 + distance * np.sin(towards + side * angle)
        reach = 1 if what == "rock" else 0
        spots = [
            (np.hypot(x + 0.5 - gx, y + 0.5 - gy), x, y)
            for x in range(4, NX - 4)
            for y in range(4, NY - 4)
            if free[x - reach : x + reach + 1, y - reach : y + reach + 1].all()
            and SEA < ground.height[x, y] < NZ - 8
            and blocks[x, y, ground.height[x, y]] == AIR
            and blocks[x, y, ground.height[x, y] - 1] != AIR
        ]
        _, x, y = min(spots)
        z = int(ground.height[x, y])
        if what == "tree":
            plant_oak(blocks, x, y, z, salt)
            free[x - 2 : x + 3, y - 2 : y + 3] = False
        else:
            _boulder(blocks, x, y, z, salt)
            free[x - 2 : x + 3, y - 2 : y + 3] = False
    return blocks


def _boulder(blocks: np.ndarray, x: int, y: int, z: int, salt: int) -> None:
    """A rock of 3 x 3 x 2 blocks around (x, y), sunk into the ground, with coal on its sides and iron on top, in place."""
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for height in range(z - 2, z + 2):
                upper = height == z + 1
                if upper and abs(dx) + abs(dy) == 2:
                    continue
                coal = height == z and abs(dx) + abs(dy) == 1
                blocks[x + dx, y + dy, height] = block_id("coal_ore" if coal else "stone")
    blocks[x, y, z + 1] = block_id("iron_ore")
    blocks[x + 1, y, z + 1] = block_id("cobblestone")
    if uniform(salt + 62, 0) < 0.5:
        blocks[x, y + 1, z + 1] = block_id("iron_ore")
