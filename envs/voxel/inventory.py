"""What the player carries: a value of 27 stacks, and pure functions that answer a new one. Stacks 0..8 are the hotbar."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import ITEMS, N_ITEMS, NOTHING
from envs.voxel.recipes import RECIPES, Recipe

N_HOTBAR, N_SLOTS, MAX_STACK = 9, 27, 64

Inventory = np.ndarray
"""int16 (N_SLOTS, 2): item id (NOTHING = empty) and count."""


def empty() -> Inventory:
    slots = np.zeros((N_SLOTS, 2), np.int16)
    slots[:, 0] = NOTHING
    return slots


def provisions(seed: int) -> Inventory:
    """Pockets filled by chance: three to fifteen stacks, most of them small and of what recipes take. A function of `seed`."""
    rng = np.random.default_rng([seed, 27])
    wanted = [item for recipe in RECIPES for item, _ in recipe.needs]
    slots, n = empty(), int(rng.integers(3, 16))
    places = np.arange(n) if rng.random() < 0.7 else np.sort(rng.permutation(N_SLOTS)[:n])
    for place in places:
        item = int(rng.choice(wanted)) if rng.random() < 0.7 else int(rng.integers(N_ITEMS))
        slots[place] = item, 1 if ITEMS[item].tier else min(int(rng.geometric(0.12)), MAX_STACK)
    return slots


def totals(slots: Inventory) -> np.ndarray:
    """int16 (n_items,): how many of each item are carried."""
    held = slots[:, 0] >= 0
    return np.bincount(slots[held, 0], weights=slots[held, 1], minlength=N_ITEMS).astype(np.int16)


def add(slots: Inventory, item: int, count: int) -> Inventory | None:
    """`slots` with `count` more of `item`: onto stacks of its kind, then into the first empty slots. None: no room."""
    after = slots.copy()
    places = [i for i in range(N_SLOTS) if after[i, 0] == item] + [i for i in range(N_SLOTS) if after[i, 0] == NOTHING]
    for i in places:
        moved = min(count, MAX_STACK - int(after[i, 1]))
        if moved > 0:
            after[i] = item, after[i, 1] + moved
            count -= moved
        if count == 0:
            return after
    return None


def remove(slots: Inventory, item: int, count: int, first: int | None = None) -> Inventory | None:
    """`slots` with `count` fewer of `item`, taken from slot `first`, then from the back. None: not enough carried."""
    after = slots.copy()
    order = list(range(N_SLOTS - 1, -1, -1))
    for i in order if first is None else [first, *order]:
        if after[i, 0] == item:
            moved = min(count, int(after[i, 1]))
            count -= moved
            after[i, 1] -= moved
            if after[i, 1] == 0:
                after[i, 0] = NOTHING
        if count == 0:
            return after
    return None


def craft(slots: Inventory, recipe: Recipe) -> Inventory | None:
    """`slots` after `recipe`; None where something is missing or there is no room. The workplace is the env's to check."""
    after: Inventory | None = slots
    for item, count in recipe.needs:
        after = None if after is None else remove(after, item, count)
    return None if after is None else add(after, recipe.makes, recipe.count)


def cycle(slots: Inventory, selected: int) -> Inventory:
    """Swap the selected hotbar stack for the first one in the backpack; what was held goes to the backpack's end."""
    after = slots.copy()
    pack = [row.copy() for row in slots[N_HOTBAR:] if row[0] != NOTHING]
    if not pack:
        return after
    rest = pack[1:] + ([slots[selected].copy()] if slots[selected, 0] != NOTHING else [])
    after[selected] = pack[0]
    after[N_HOTBAR:] = empty()[N_HOTBAR:]
    for i, row in enumerate(rest):
        after[N_HOTBAR + i] = row
    return after
