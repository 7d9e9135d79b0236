"""What is drawn over the view: nine slots with icons and counts, the hand with what it holds, and the cross in the middle."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import NOTHING
from envs.voxel.icons import scaled
from envs.voxel.inventory import N_HOTBAR, Inventory

UNIT = 64
"""The picture is laid out on 64 x 64 units of `resolution // 64` pixels each."""
VIEW_ROWS, BAR_ROWS = 52, 12
"""Units: the view above, the bar below: seven rows of icons, then five of counts."""
SLOT = 7
_BAR, _SLOT, _CHOSEN, _EDGE = (34, 34, 38), (74, 74, 80), (128, 124, 108), (255, 255, 255)
_ONES, _TENS = (255, 255, 255), (255, 206, 84)
_SKIN = (206, 158, 122)

_DIGITS = tuple(
    np.array([[bit == "#" for bit in row] for row in glyph.split()])
    for glyph in (
        "### #.# #.# #.# ###", ".#. ##. .#. .#. ###", "### ..# ### #.. ###", "### ..# ### ..# ###", "#.# #.# ### ..# ..#",
        "### #.. ### ..# ###", "### #.. ### #.# ###", "### ..# .#. .#. .#.", "### #.# ### #.# ###", "### #.# ### ..# ###",
    )
)  # fmt: skip


def _blend(image: np.ndarray, icon: np.ndarray, row: int, column: int) -> None:
    """Lay a premultiplied icon (h, w, 4) onto `image` with its corner at (row, column), cut at the edges, in place."""
    h, w = min(icon.shape[0], image.shape[0] - row), min(icon.shape[1], image.shape[1] - column)
    if h > 0 and w > 0:
        part = image[row : row + h, column : column + w]
        part[:] = np.round(icon[:h, :w, :3] + part * (1.0 - icon[:h, :w, 3:])).astype(np.uint8)


def _write(bar: np.ndarray, digit: int, row: int, column: int, unit: int, colour: tuple[int, int, int]) -> None:
    mask = _DIGITS[digit].repeat(unit, 0).repeat(unit, 1)
    bar[row : row + mask.shape[0], column : column + mask.shape[1]][mask] = colour


def draw_bar(slots: Inventory, selected: int, resolution: int) -> np.ndarray:
    """uint8 (12 units, resolution, 3): the nine hotbar slots, the selected one framed; tens are amber, ones white."""
    unit = resolution // UNIT
    bar = np.empty((BAR_ROWS * unit, resolution, 3), np.uint8)
    bar[:] = _BAR
    for slot in range(N_HOTBAR):
        left = slot * SLOT * unit
        bar[: SLOT * unit, left : left + SLOT * unit] = _EDGE if slot == selected else _BAR
        inner = slice(unit, (SLOT - 1) * unit), slice(left + unit, left + (SLOT - 1) * unit)
        bar[inner] = _CHOSEN if slot == selected else _SLOT
        item, count = int(slots[slot, 0]), int(slots[slot, 1])
        if item == NOTHING:
            continue
        _blend(bar, scaled(item, 5 * unit), unit, left + unit)
        if count >= 10:
            _write(bar, count // 10, SLOT * unit, left, unit, _TENS)
        if count >= 2:
            _write(bar, count % 10, SLOT * unit, left + (2 if count < 10 else 3) * unit, unit, _ONES)
    return bar


def draw_cross(view: np.ndarray, unit: int) -> None:
    """A small light cross in the middle of the view (h, w, 3), in place: what the hands will act on."""
    row, column = view.shape[0] // 2, view.shape[1] // 2
    thick = max(1, unit // 2)
    for rows, columns in ((thick, 2 * unit + thick), (2 * unit + thick, thick)):
        part = view[row - rows // 2 : row - rows // 2 + rows, column - columns // 2 : column - columns // 2 + columns]
        part[:] = 96 + part // 8 * 5


def draw_hand(view: np.ndarray, item: int, swing: int, brightness: np.ndarray, unit: int) -> None:
    """The held item, or the bare arm, at the lower right of the view, in place. swing: 0 at rest, 1 and 2 while it works."""
    row, column = 35 * unit + swing * 2 * unit, 46 * unit - swing * 3 * unit
    if item == NOTHING:
        arm = view[row + 6 * unit :, column + 6 * unit : column + 13 * unit]
        arm[:] = np.round(np.array(_SKIN) * brightness).astype(np.uint8)
        arm[:, :unit] = np.round(np.array(_SKIN) * brightness * 0.8).astype(np.uint8)
        return
    icon = scaled(item, 18 * unit).copy()
    icon[..., :3] *= brightness
    _blend(view, icon, row, column)
