"""Small pictures of the things one carries: blocks as little cubes, tools and materials as drawings. Pure."""

from __future__ import annotations

import functools

import numpy as np

from envs.voxel.blocks import BLOCKS, CROSS, ITEMS, N_BLOCKS
from envs.voxel.textures import SIDE, picture

_DRAWINGS = {
    "pickaxe": (
        "................ .....######..... ...##########... ..####....#####. .##......oo.###. ........oo...##. .......oo....##. "
        "......oo.....##. .....oo......##. ....oo.......#.. ...oo........... ..oo............ .oo............. oo.............. "
        "................ ................"
    ),
    "stick": (
        "................ ............oo.. ...........ooo.. ..........ooo... .........ooo.... ........ooo..... .......ooo...... "
        "......ooo....... .....ooo........ ....ooo......... ...ooo.......... ..ooo........... .ooo............ .oo............. "
        "................ ................"
    ),
    "lump": (
        "................ ................ ......####...... ....########.... ...###++#####... ..###++########. ..##++#########. "
        ".##############. .##############. .###########oo#. ..#########oo##. ..########oo##.. ...#########o#.. ....########.... "
        "......####...... ................"
    ),
    "bar": (
        "................ ................ ................ .......######... ....#####++++##. ..###++++++###o. .##+++++++##ooo. "
        ".#+++++###ooooo. .#+####ooooooo.. .##oooooooooo... .#ooooooooo..... .#oooooo........ ..ooo........... ................ "
        "................ ................"
    ),
    "gem": (
        "................ ................ ...##########... ..#++##++##++#.. .#++##++++##++#. .##############. .#++##++++##++#. "
        "..#++##++##++#.. ...#++#++#++#... ....#++##++#.... .....#+##+#..... ......#++#...... .......##....... ................ "
        "................ ................"
    ),
}
_WOOD = (124, 88, 48)
_LOOKS = {
    "stick": ("stick", (150, 110, 62), (200, 170, 120), _WOOD),
    "coal": ("lump", (44, 44, 48), (96, 96, 104), (20, 20, 22)),
    "iron_ingot": ("bar", (206, 206, 210), (244, 244, 246), (138, 138, 146)),
    "gold": ("bar", (244, 204, 56), (255, 240, 150), (176, 130, 30)),
    "diamond": ("gem", (60, 196, 200), (176, 250, 246), (40, 140, 150)),
    "wooden_pickaxe": ("pickaxe", (176, 128, 66), (176, 128, 66), _WOOD),
    "stone_pickaxe": ("pickaxe", (136, 138, 142), (136, 138, 142), _WOOD),
    "iron_pickaxe": ("pickaxe", (234, 238, 244), (234, 238, 244), _WOOD),
}
"""Drawing, colour of '#', of '+' and of 'o' for each item that is no block."""


def _drawn(name: str) -> np.ndarray:
    """uint8 (16, 16, 4) [row, column] of an item's drawing; a grey lump where nobody drew it yet."""
    drawing, *colours = _LOOKS.get(name, ("lump", (150, 150, 150), (190, 190, 190), (100, 100, 100)))
    icon = np.zeros((SIDE, SIDE, 4), np.uint8)
    for row, letters in enumerate(_DRAWINGS[drawing].split()):
        for column, letter in enumerate(letters):
            if letter != ".":
                icon[row, column] = (*colours["#+o".index(letter)], 255)
    return icon


def _cube(block: int) -> np.ndarray:
    """uint8 (16, 16, 4) [row, column] of a block seen from a corner: its top and two sides."""
    top, side, _ = (picture(name) for name in BLOCKS[block].textures)
    icon = np.zeros((SIDE, SIDE, 4), np.uint8)
    for row in range(SIDE):
        for column in range(SIDE):
            x, y = (column + 0.5) / 8 - 1.0, (row + 0.5) / 4
            s, t = (y + 2 * x) / 2, (y - 2 * x) / 2  # along the two edges of the top, 0..1 inside it
            if 0 <= s < 1 and 0 <= t < 1:
                texel, shade = top[int(s * SIDE), int(t * SIDE)], 1.0
            else:
                depth = (row + 0.5) - (4.0 + 4.0 * (1 - abs(x)))
                if not 0 <= depth < 8:
                    continue
                texel = side[min(int((x + 1 if x < 0 else x) * SIDE), SIDE - 1), min(int(depth * 2), SIDE - 1)]
                shade = 0.78 if x < 0 else 0.6
            icon[row, column] = (*(texel[:3] * shade).astype(np.uint8), 255)
    return icon


def icon(item: int) -> np.ndarray:
    """uint8 (16, 16, 4) [row, column]: the picture of item `item`."""
    if item >= N_BLOCKS:
        return _drawn(ITEMS[item].name)
    if BLOCKS[item].shape == CROSS:
        return picture(BLOCKS[item].textures[1]).transpose(1, 0, 2)
    return _cube(item)


@functools.lru_cache(maxsize=512)
def scaled(item: int, side: int) -> np.ndarray:
    """float64 (side, side, 4): the icon averaged to `side` pixels, colours premultiplied by alpha in 0..1."""
    small = icon(item).astype(np.float64)
    small[..., 3] /= 255.0
    small[..., :3] *= small[..., 3:]
    fine = small.repeat(side, 0).repeat(side, 1)
    return fine.reshape(side, SIDE, side, SIDE, 4).mean(axis=(1, 3))
