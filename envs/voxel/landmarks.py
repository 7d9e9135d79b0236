"""Buildings that tell places apart: tower, hut, well, coloured beacon and arch, stamped onto the island. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from envs.voxel.blocks import AIR, block_id
from envs.voxel.ground import DESERT, FOREST, LAKE, MEADOW, NX, NY, NZ, SEA, SNOW, Ground
from envs.voxel.noise import hashed, uniform

NAMES = ("tower", "hut", "well", "beacon", "arch")
COLOURS = ("red", "blue", "yellow", "purple")
_KEEP = 255
"""Stamp cells that leave the world as it is."""


@dataclass(frozen=True)
class Landmark:
    """A building: its name, the middle of its footprint at ground level in blocks, and its height in blocks."""

    name: str
    x: float
    y: float
    z: float
    height: int


def _stamp(*layers: str) -> np.ndarray:
    """uint8 (x, y, z) from layers, bottom first: rows along y (the front first) of letters along x, see LEGEND."""
    return np.array([[[LEGEND[c] for c in row] for row in layer.split()] for layer in layers], np.uint8).transpose(2, 1, 0)


LEGEND = {".": AIR, "_": _KEEP} | {
    letter: block_id(name)
    for letter, name in {
        "s": "stone_bricks", "c": "cobblestone", "p": "planks", "l": "log", "r": "roof", "t": "torch", "~": "water",
        "w": "white_wool", "R": "red_wool", "L": "red_lamp", "B": "red_beam",
    }.items()
}  # fmt: skip

_TOWER_DOOR = "ss.ss s...s s...s s...s sssss"
_TOWER_WALL = "sssss s...s s...s s...s sssss"
_TOWER_WINDOW = "ss.ss s...s ....s s...s ss.ss"
_HUT_DOOR = "lp.pl p...p p...p p...p lpppl"
_ARCH = "_______ {} _______"

STAMPS = {
    "tower": _stamp(_TOWER_DOOR, _TOWER_DOOR, _TOWER_WALL, _TOWER_WALL, _TOWER_WINDOW, _TOWER_WALL,
                    "sssss sssss sssss sssss sssss", "s.s.s ..... s...s ..... s.s.s"),
    "hut": _stamp(_HUT_DOOR, "lp.pl p...p ..... p..tp lpppl", "lpppl ppppp ppppp ppppp lpppl", "rrrrr rrrrr rrrrr rrrrr rrrrr",
                  "..... .rrr. .rrr. .rrr. ....."),
    "well": _stamp("ccc c~c ccc", "l.l ... l.l", "l.l ... l.l", "rrr rrr rrr", "... .r. ..."),
    "beacon": _stamp("www www www", "... .L. ...", "... .L. ...", "... .L. ...", *["_" * 3 + " _B_ " + "_" * 3] * 20),
    "arch": _stamp(_ARCH.format("RR___RR"), _ARCH.format("ww___ww"), _ARCH.format("RR___RR"), _ARCH.format("ww___ww"),
                   _ARCH.format("_RRwRR_"), _ARCH.format("__RwR__")),
}  # fmt: skip
_HEIGHT = {"tower": 8, "hut": 5, "well": 5, "beacon": 4, "arch": 6}
_FLOOR = {"tower": "stone_bricks", "hut": "planks", "well": "cobblestone", "beacon": "stone_bricks", "arch": "grass"}
_REGION = {"tower": FOREST, "hut": MEADOW, "well": DESERT, "beacon": SNOW, "arch": LAKE}


def _spot(ground: Ground, name: str, size: tuple[int, int], taken: Iterable[tuple[float, float]], seed: int) -> tuple[int, int]:
    """Corner (x, y) of the flattest dry footprint near the middle of the landmark's region and away from the others."""
    goal = ground.sites[_REGION[name]]
    if name == "hut":  # the player starts in the middle of the meadow and should see it from there
        angle = 2 * np.pi * uniform(seed + 41, 0)
        goal = goal + 8.0 * np.array([np.cos(angle), np.sin(angle)])
    best, best_cost = (NX // 2, NY // 2), np.inf
    for x in range(4, NX - 4 - size[0]):
        for y in range(4, NY - 4 - size[1]):
            patch = ground.height[x : x + size[0], y : y + size[1]]
            middle = np.array([x + size[0] / 2, y + size[1] / 2])
            crowded = sum(max(0.0, 9.0 - np.hypot(*(middle - other))) for other in taken)
            wet = (patch <= SEA).sum()
            too_high = max(0, int(patch.max()) + _HEIGHT[name] - NZ + 1)
            at_start = max(0.0, 6.0 - np.hypot(*(middle - ground.sites[MEADOW])))
            cost = np.hypot(*(middle - goal)) + 2.0 * np.ptp(patch) + 4.0 * crowded + 6.0 * wet + 20.0 * too_high + 9.0 * at_start
            if cost < best_cost:
                best, best_cost = (x, y), float(cost)
    return best


def build(blocks: np.ndarray, ground: Ground, seed: int) -> tuple[np.ndarray, tuple[Landmark, ...]]:
    """`blocks` with the five landmarks on them, each with its front towards the middle of the island, and where they are."""
    blocks = blocks.copy()
    colour = COLOURS[int(hashed(seed + 42, 0)) % len(COLOURS)]
    repaint = {block_id("red_lamp"): block_id(f"{colour}_lamp"), block_id("red_beam"): block_id(f"{colour}_beam")}
    landmarks: list[Landmark] = []
    for name in NAMES:
        stamp = STAMPS[name]
        x, y = _spot(ground, name, stamp.shape[:2], [(mark.x, mark.y) for mark in landmarks], seed)
        to_middle = ground.sites[MEADOW] - (x + stamp.shape[0] / 2, y + stamp.shape[1] / 2)
        quarter = int(np.round(np.arctan2(to_middle[1], to_middle[0]) / (np.pi / 2))) % 4
        stamp = np.rot90(stamp, quarter + 1, axes=(0, 1)).copy()  # the front is at low y, that is -90 degrees
        for red, other in repaint.items():
            stamp[stamp == red] = other
        nx, ny, _ = stamp.shape
        floor = int(np.median(ground.height[x : x + nx, y : y + ny]))
        floor = max(floor, SEA + 1)
        soil = blocks[x : x + nx, y : y + ny, :floor]
        soil[np.arange(floor) >= ground.height[x : x + nx, y : y + ny, None]] = block_id("dirt")
        soil[:, :, floor - 1] = block_id(_FLOOR[name])
        above = blocks[x : x + nx, y : y + ny, floor:]
        above[:] = AIR
        part = stamp[:, :, : above.shape[2]]
        np.copyto(above[:, :, : part.shape[2]], part, where=part != _KEEP)
        landmarks.append(Landmark(name, x + nx / 2, y + ny / 2, float(floor), _HEIGHT[name]))
    return blocks, tuple(landmarks)
