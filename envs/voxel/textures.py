"""Procedural 16 x 16 pictures of the blocks, as one atlas with four smaller copies of each for the distance. Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from envs.voxel.blocks import BLOCKS, CROSS, LEAVES, nearest
from envs.voxel.noise import smooth, uniform

SIDE = 16
LEVEL_START = (0, 256, 320, 336, 340)
"""Where the copies of side 16, 8, 4, 2 and 1 begin in a texture's 341 texels."""
N_TEXELS = 341

Colour = tuple[int, int, int]
_X, _Y = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
"""Texel coordinates: pictures are indexed [column, row], row 0 at the top."""

Picture = np.ndarray
"""float64 (16, 16, 4): red, green, blue 0..255 and alpha 0 or 255."""


def _grain(colour: Colour, amount: float, salt: int, coarse: float = 0.0) -> Picture:
    """One colour with brightness noise of +-`amount` (share), partly in lumps (`coarse`)."""
    fine = uniform(salt, _X, _Y) - 0.5
    lumps = smooth(salt + 1, 3.0, _X, _Y) - 0.5
    shade = 1.0 + 2.0 * amount * ((1.0 - coarse) * fine + coarse * lumps * 1.6)
    picture = np.full((SIDE, SIDE, 4), 255.0)
    picture[..., :3] = np.array(colour) * shade[..., None]
    return picture


def _paint(picture: Picture, mask: np.ndarray, colour: Colour, salt: int = 0, amount: float = 0.08) -> Picture:
    """`picture` with `colour` (with a little grain) where `mask` (16, 16) is true."""
    after = picture.copy()
    after[mask] = _grain(colour, amount, salt)[mask]
    return after


def _cut(picture: Picture, mask: np.ndarray) -> Picture:
    """`picture` that can be seen through where `mask` is true."""
    after = picture.copy()
    after[mask, 3] = 0.0
    return after


def _bricks(colour: Colour, mortar: Colour, width: int, height: int, salt: int) -> Picture:
    shift = (_Y // height) % 2 * (width // 2)
    tone = uniform(salt, (_X + shift) % SIDE // width, _Y // height)
    picture = _grain(colour, 0.07, salt)
    picture[..., :3] *= (0.88 + 0.24 * tone)[..., None]
    return _paint(picture, ((_X + shift) % width == width - 1) | (_Y % height == height - 1), mortar, salt)


def _cobble() -> Picture:
    seeds = [(x, y) for x in range(-1, 5) for y in range(-1, 5)]
    centres = np.array([(4 * x + 3 * uniform(71, x % 4, y % 4), 4 * y + 3 * uniform(72, x % 4, y % 4)) for x, y in seeds])
    away = np.sort(np.hypot(_X[..., None] - centres[:, 0], _Y[..., None] - centres[:, 1]), axis=-1)
    which = np.hypot(_X[..., None] - centres[:, 0], _Y[..., None] - centres[:, 1]).argmin(axis=-1)
    picture = _grain((132, 132, 134), 0.08, 73)
    picture[..., :3] *= (0.82 + 0.36 * uniform(74, which))[..., None]
    return _paint(picture, away[..., 1] - away[..., 0] < 0.9, (74, 74, 78), 75)


def _ore(colour: Colour, salt: int) -> Picture:
    spots = smooth(salt, 2.6, _X, _Y)
    threshold = np.sort(spots.ravel())[-62]
    picture = _paint(_grain((128, 128, 130), 0.10, 76, 0.5), spots > threshold, colour, salt, 0.12)
    rim = (np.roll(spots, (1, 1), (0, 1)) > threshold) & (spots <= threshold)
    return _paint(picture, rim, (78, 78, 80), salt)


def _log_side() -> Picture:
    picture = _grain((108, 80, 48), 0.10, 81)
    picture[..., :3] *= (0.72 + 0.5 * uniform(82, _X // 2, 0 * _Y))[..., None]
    return _paint(picture, (uniform(83, _X, _Y // 4) < 0.14), (66, 46, 26), 84)


def _log_top() -> Picture:
    ring = np.maximum(np.abs(_X - 7.5), np.abs(_Y - 7.5)).astype(int)
    picture = _paint(_grain((184, 148, 92), 0.06, 85), ring % 2 == 1, (150, 114, 66), 86)
    return _paint(picture, ring == 7, (96, 70, 42), 87)


def _planks() -> Picture:
    picture = _grain((180, 142, 86), 0.07, 88)
    picture[..., :3] *= (0.9 + 0.2 * uniform(89, 0 * _X, _Y // 4))[..., None]
    seam = (_Y % 4 == 3) | (_X == (_Y // 4 * 7 + 4) % SIDE)
    return _paint(picture, seam, (124, 94, 54), 90)


def _fringe(base: Picture, top: Picture, salt: int) -> Picture:
    """`base` with an uneven edge of `top` along its upper side."""
    depth = 3 + (3 * uniform(salt, _X, 0 * _Y)).astype(int)
    after = base.copy()
    after[depth > _Y] = top[depth > _Y]
    return after


def _leaves(colour: Colour, salt: int) -> Picture:
    picture = _grain(colour, 0.30, salt, 0.3)
    return _cut(picture, uniform(salt + 5, _X, _Y) < 0.14)


def _table(top: bool) -> Picture:
    if top:
        grid = (_X % 5 == 0) | (_Y % 5 == 0)
        return _paint(_grain((196, 150, 92), 0.06, 91), grid, (112, 72, 38), 92)
    tools = (np.abs(_X - _Y - 1) < 1) & (_Y > 5) & (_Y < 13) | (_X > 9) & (_X < 13) & (_Y > 6) & (_Y < 9)
    picture = _paint(_planks(), _Y < 4, (120, 78, 40), 93)
    return _paint(picture, tools, (92, 92, 98), 94)


def _furnace_side() -> Picture:
    picture = _paint(_cobble(), (_X > 2) & (_X < 13) & (_Y > 2) & (_Y < 6), (96, 96, 98), 95)
    mouth = (_X > 3) & (_X < 12) & (_Y > 7) & (_Y < 14)
    picture = _paint(picture, mouth, (40, 34, 32), 96)
    return _paint(picture, mouth & (_Y > 10) & (uniform(97, _X, _Y) < 0.7), (240, 130, 40), 98, 0.2)


def _torch() -> Picture:
    picture = _paint(_grain((0, 0, 0), 0.0, 0), (np.abs(_X - 7.5) < 1) & (_Y > 6), (134, 98, 52), 99)
    picture = _paint(picture, (np.abs(_X - 7.5) < 2) & (_Y > 3) & (_Y < 7), (255, 196, 72), 100)
    picture = _paint(picture, (np.abs(_X - 7.5) < 1) & (_Y > 2) & (_Y < 6), (255, 246, 190), 101)
    return _cut(picture, ~((np.abs(_X - 7.5) < 1) & (_Y > 2) | (np.abs(_X - 7.5) < 2) & (_Y > 3) & (_Y < 7)))


def _flower(colour: Colour) -> Picture:
    stem = (_X == 8) & (_Y > 7) | (np.abs(_X - 8) == np.abs(_Y - 13) - 0) & (_Y > 10) & (_Y < 13)
    petals = np.hypot(_X - 8, _Y - 6) < 3.3
    picture = _paint(_grain((0, 0, 0), 0.0, 0), stem, (52, 124, 40), 102)
    picture = _paint(picture, petals, colour, 103, 0.12)
    picture = _paint(picture, np.hypot(_X - 8, _Y - 6) < 1.2, (250, 230, 120), 104)
    return _cut(picture, ~(stem | petals))


def _tall_grass() -> Picture:
    blade_height = 4 + (10 * uniform(105, _X, 0 * _Y)).astype(int)
    blades = (blade_height > SIDE - 1 - _Y) & (uniform(106, _X, 0 * _Y) < 0.62)
    return _cut(_grain((92, 150, 58), 0.22, 107), ~blades)


def _cactus(top: bool) -> Picture:
    stripes = (_X % 4 == 1) if not top else (np.hypot(_X - 7.5, _Y - 7.5) < 4)
    return _paint(_grain((44, 122, 48), 0.10, 108), stripes, (86, 164, 74), 109)


def _lamp(colour: Colour, salt: int) -> Picture:
    edge = (_X % 15 == 0) | (_Y % 15 == 0)
    core = np.maximum(np.abs(_X - 7.5), np.abs(_Y - 7.5)) < 4
    bright = tuple(int(c + 0.55 * (255 - c)) for c in colour)
    return _paint(_paint(_grain(colour, 0.05, salt), core, bright, salt + 1), edge, tuple(c // 2 for c in colour), salt + 2)  # type: ignore[arg-type]


_PAINTERS: dict[str, Callable[[], Picture]] = {
    "air": lambda: _cut(_grain((0, 0, 0), 0, 0), _X >= 0),
    "bedrock": lambda: _grain((70, 70, 72), 0.55, 1, 0.4),
    "stone": lambda: _grain((128, 128, 130), 0.10, 76, 0.5),
    "cobblestone": _cobble,
    "stone_bricks": lambda: _bricks((138, 138, 142), (88, 88, 92), 8, 4, 3),
    "dirt": lambda: _grain((134, 96, 66), 0.17, 4, 0.3),
    "grass_top": lambda: _grain((104, 164, 66), 0.15, 5, 0.35),
    "grass_side": lambda: _fringe(_grain((134, 96, 66), 0.17, 4, 0.3), _grain((104, 164, 66), 0.15, 5), 6),
    "snow": lambda: _grain((240, 246, 250), 0.025, 7, 0.5),
    "snowy_side": lambda: _fringe(_grain((134, 96, 66), 0.17, 4, 0.3), _grain((240, 246, 250), 0.025, 7), 6),
    "sand": lambda: _grain((220, 206, 158), 0.07, 8, 0.3),
    "sandstone": lambda: _paint(_grain((214, 198, 148), 0.05, 9), (_Y % 5 == 4) | (_Y == 0), (186, 166, 116), 10),
    "ice": lambda: _grain((158, 198, 244), 0.06, 11, 0.7),
    "water": lambda: _grain((44, 96, 190), 0.09, 12, 0.7),
    "log": _log_side,
    "log_top": _log_top,
    "leaves": lambda: _leaves((62, 122, 40), 13),
    "pine_leaves": lambda: _leaves((42, 88, 62), 14),
    "planks": _planks,
    "coal_ore": lambda: _ore((34, 34, 36), 15),
    "iron_ore": lambda: _ore((222, 164, 124), 16),
    "gold_ore": lambda: _ore((252, 214, 60), 17),
    "diamond_ore": lambda: _ore((84, 230, 226), 18),
    "table_top": lambda: _table(True),
    "table_side": lambda: _table(False),
    "furnace_top": _cobble,
    "furnace_side": _furnace_side,
    "torch": _torch,
    "red_flower": lambda: _flower((222, 44, 40)),
    "yellow_flower": lambda: _flower((246, 208, 40)),
    "tall_grass": _tall_grass,
    "cactus": lambda: _cactus(False),
    "cactus_top": lambda: _cactus(True),
    "red_wool": lambda: _grain((190, 44, 40), 0.09, 19),
    "white_wool": lambda: _grain((232, 232, 228), 0.05, 20),
    "roof": lambda: _bricks((170, 74, 52), (110, 44, 32), 8, 4, 21),
    "red_lamp": lambda: _lamp((236, 50, 44), 22),
    "blue_lamp": lambda: _lamp((52, 104, 250), 23),
    "yellow_lamp": lambda: _lamp((250, 206, 40), 24),
    "purple_lamp": lambda: _lamp((176, 70, 236), 25),
}


def picture(name: str) -> np.ndarray:
    """uint8 (16, 16, 4) [column, row] of the texture `name`; ValueError with the nearest known name otherwise."""
    if name not in _PAINTERS:
        raise ValueError(f"unknown texture {name!r}; {nearest(name, tuple(_PAINTERS))}")
    return np.clip(np.round(_PAINTERS[name]()), 0, 255).astype(np.uint8)


def _copies(full: np.ndarray, holes: bool) -> np.ndarray:
    """uint8 (341, 4): `full` (16, 16, 4) and its averages by 2, 4, 8, 16. Holes close with distance unless `holes`."""
    rows = [full.reshape(-1, 4)]
    solid = full[..., 3] > 127
    for factor in (2, 4, 8, 16):
        n = SIDE // factor
        weight = solid.reshape(n, factor, n, factor).astype(np.float64)
        colour = full[..., :3].reshape(n, factor, n, factor, 3) * weight[..., None]
        cover = weight.sum(axis=(1, 3))
        mean = colour.sum(axis=(1, 3)) / np.maximum(cover, 1.0)[..., None]
        seen = cover / factor**2 > (0.25 if holes else 0.0)
        copy = np.concatenate([np.round(mean), np.where(seen, 255.0, 0.0)[..., None]], axis=-1)
        rows.append(copy.astype(np.uint8).reshape(-1, 4))
    return np.concatenate(rows)


@functools.cache
def atlas() -> tuple[np.ndarray, np.ndarray]:
    """The textures, uint8 (n_textures, 341, 4), and which each block wears: int16 (n_blocks, 3) for top, side, bottom."""
    names = sorted({name for block in BLOCKS for name in block.textures})
    thin = {name for block in BLOCKS if block.shape == CROSS for name in block.textures}
    leafy = {name for block in BLOCKS if block.shape == LEAVES for name in block.textures}
    texels = np.stack([_copies(picture(name), name in thin and name not in leafy) for name in names])
    return texels, np.array([[names.index(name) for name in block.textures] for block in BLOCKS], np.int16)
