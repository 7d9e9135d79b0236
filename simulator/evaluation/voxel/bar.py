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
    """float32 pictures laid flat: of a slot by chosen (2) and kind, and of what stands below it by count 1 .. MAX_STACK."""

    slots: np.ndarray
    counts: np.ndarray


@functools.cache
def _looks(resolution: int) -> _Looks:
    side = SLOT * resolution // UNIT
    stack = inventory.empty()

    def drawn(item: int, count: int, selected: int) -> np.ndarray:
        stack[0] = item, count
        return draw_bar(stack, selected, resolution)[:, :side].astype(np.float32)

    slots = np.stack([[drawn(kind, 1, slot)[:side].ravel() for kind in KINDS] for slot in (1, 0)])
    counts = np.stack([drawn(KINDS[1], n, 1)[side:].ravel() for n in range(1, inventory.MAX_STACK + 1)])
    return _Looks(slots, counts)


def read(frame: np.ndarray) -> Bar:
    """The hotbar that uint8 (H, W, 3) shows, every slot as the drawing it is most like. Real frames are read without fault."""
    resolution = frame.shape[1]
    unit = resolution // UNIT
    if frame.shape[0] != resolution or resolution % UNIT:
        raise ValueError(f"a frame of {frame.shape[:2]} pixels; expected a square of a multiple of {UNIT} a side")
    looks, side = _looks(resolution), SLOT * unit
    bar = frame[VIEW_ROWS * unit : (VIEW_ROWS + BAR_ROWS) * unit, : N_SLOTS * side].astype(np.float32)
    places = bar.reshape(BAR_ROWS * unit, N_SLOTS, side, 3).swapaxes(0, 1)
    off = _distances(places[:, :side].reshape(N_SLOTS, -1), looks.slots.reshape(2 * len(KINDS), -1))
    best = off.reshape(N_SLOTS, 2, len(KINDS))
    selected = int((best[:, 1].min(axis=1) - best[:, 0].min(axis=1)).argmin())
    chosen = (np.arange(N_SLOTS) == selected).astype(int)
    items = np.array(KINDS)[best[np.arange(N_SLOTS), chosen].argmin(axis=1)]
    counts = 1 + _distances(places[:, side:].reshape(N_SLOTS, -1), looks.counts).argmin(axis=1)
    return Bar(items, np.where(items == blocks.NOTHING, 0, counts), selected)


def _distances(pictures: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Squared distances (n, m), but for a constant by row, of flat pictures (n, d) from (m, d)."""
    return (looks**2).sum(axis=1) - 2 * pictures @ looks.T


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
