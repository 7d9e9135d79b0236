"""Read a hotbar back from the picture: which item and how many in every slot, and which slot is chosen."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from envs.voxel import blocks, inventory
from envs.voxel.hotbar import BAR_ROWS, SLOT, UNIT, VIEW_ROWS, draw_bar
from envs.voxel.recipes import RECIPES
from simulator.evaluation.tally import estimate

N_SLOTS = inventory.N_HOTBAR
KINDS = tuple(
    sorted(
        {blocks.NOTHING}
        | {int(blocks.DROP_OF[block]) for block, kind in enumerate(blocks.BLOCKS) if kind.work}
        | {recipe.makes for recipe in RECIPES}
    )
)
"""What can lie in a slot: nothing, what a block drops, what a recipe makes."""
SOFTNESS = (0.0, 0.5, 0.7, 1.0)
"""Standard deviations, in pixels of a picture 64 wide, of the blurs in which a drawing is known too. Dreams are soft, and a soft
icon is most like some duller sharp one."""


class Bar(NamedTuple):
    """items: (9,) item ids, NOTHING = empty. counts: (9,), 0 where empty. selected: slot."""

    items: np.ndarray
    counts: np.ndarray
    selected: int

    def same(self, other: Bar) -> np.ndarray:
        """bool (9,): slots with the same item and count."""
        return np.asarray((self.items == other.items) & (self.counts == other.counts))

    def number_of(self, item: int) -> int:
        """How many of `item` there are in all slots."""
        return int(self.counts[self.items == item].sum())


def bar_of(slots: np.ndarray, selected: int) -> Bar:
    """The hotbar of an inventory (n, 2)."""
    shown = slots[:N_SLOTS].astype(np.int64)
    return Bar(shown[:, 0], np.where(shown[:, 0] == blocks.NOTHING, 0, shown[:, 1]), int(selected))


class _Looks(NamedTuple):
    """float32 drawings by softness and chosen or not: slots (n, 2, kinds, h, w, 3), and the counts 1 .. MAX_STACK that stand
    below them (n, 2, counts, h, w, 3)."""

    slots: np.ndarray
    counts: np.ndarray


@functools.cache
def _looks(resolution: int) -> _Looks:
    side = SLOT * resolution // UNIT
    stack = inventory.empty()

    def drawn(item: int, count: int) -> np.ndarray:
        """(softness, 2, h, w, 3): the second slot, amid empty ones."""
        stack[1] = item, count
        pictures = [draw_bar(stack, selected, resolution) for selected in (0, 1)]
        soft = [[_softened(picture, sigma * resolution / UNIT) for picture in pictures] for sigma in SOFTNESS]
        return np.array(soft)[:, :, :, side : 2 * side]

    slots = np.stack([drawn(kind, 1)[:, :, :side] for kind in KINDS], axis=2)
    counts = np.stack([drawn(KINDS[1], n)[:, :, side:] for n in range(1, inventory.MAX_STACK + 1)], axis=2)
    return _Looks(slots, counts)


def _softened(picture: np.ndarray, sigma: float) -> np.ndarray:
    """`picture` (h, w, 3) as float32 under a Gaussian blur of `sigma` pixels, which stops at its edges."""
    out = picture.astype(np.float32)
    if sigma:
        rows, columns = (np.exp(-np.square(np.subtract.outer(np.arange(n), np.arange(n)) / sigma) / 2) for n in out.shape[:2])
        rows, columns = (weights / weights.sum(axis=1, keepdims=True) for weights in (rows, columns))
        out = np.einsum("ij,jkc,lk->ilc", rows, out, columns, optimize=True).astype(np.float32)
    return out


def read(frame: np.ndarray) -> Bar:
    """The hotbar that uint8 (H, W, 3) shows, every slot as the drawing, sharp or soft, that it is most like. Real frames are
    read without fault."""
    resolution = frame.shape[1]
    unit = resolution // UNIT
    if frame.shape[0] != resolution or resolution % UNIT:
        raise ValueError(f"a frame of {frame.shape[:2]} pixels; expected a square of a multiple of {UNIT} a side")
    looks, side, every = _looks(resolution), SLOT * unit, np.arange(N_SLOTS)
    bar = frame[VIEW_ROWS * unit : (VIEW_ROWS + BAR_ROWS) * unit, : N_SLOTS * side].astype(np.float32)
    places = bar.reshape(BAR_ROWS * unit, N_SLOTS, side, 3).swapaxes(0, 1)
    off = _distances(places[:, :side], looks.slots)
    selected = int((off[:, 1].min(axis=1) - off[:, 0].min(axis=1)).argmin())
    chosen = (every == selected).astype(int)
    inside = np.s_[..., unit : side - unit, unit : side - unit, :]  # what lies around a slot bleeds into its frame
    items = np.array(KINDS)[_distances(places[:, :side][inside], looks.slots[inside])[every, chosen].argmin(axis=1)]
    counts = 1 + _distances(places[:, side:], looks.counts)[every, chosen].argmin(axis=1)
    return Bar(items, np.where(items == blocks.NOTHING, 0, counts), selected)


def _distances(places: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Squared distances (n, 2, m), but for a constant by place, of pictures (n, h, w, 3) from looks (soft, 2, m, h, w, 3), at the
    softness that makes each least."""
    flat = looks.reshape(-1, places[0].size)
    off = (flat**2).sum(axis=1) - 2 * places.reshape(len(places), -1) @ flat.T
    return np.asarray(off.reshape(len(places), *looks.shape[:3]).min(axis=1))


def summary(counts: Mapping[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
    """Shares from counts (b,) of slots and bars, None where there were none; their 95% intervals go into `intervals`."""
    out: dict[str, Any] = {}
    for n, right in (
        ("bars", "bars_right"), ("slots", "icons_right"), ("slots", "counts_right"), ("empty", "empty_right"),
        ("changed", "changed_right"),
    ):  # fmt: skip
        out[f"n_{n}"] = int(counts.get(n, np.zeros(1)).sum())
        out[right], intervals[right] = estimate(counts.get(right, np.zeros(1)), counts.get(n, np.zeros(1)))
    return out
