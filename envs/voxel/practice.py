"""The scripted player at its bench: with full pockets it crafts, digs and builds most of the time, and learns what hands do."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import BLOCKS, ITEMS, NOTHING
from envs.voxel.guide import Guide
from envs.voxel.player import VoxelTour
from envs.voxel.recipes import RECIPES
from envs.voxel.walker import A, Routine
from envs.voxel.worker import PICKAXES

NEAR = 4
"""Blocks around the feet in which it looks for something to dig."""


class VoxelPractice(VoxelTour):
    """As `VoxelTour`, for islands where one begins with full pockets (`VoxelEnv(provided=True)`).

    On a tour something is made, taken or put somewhere in one frame of 39; here in one of ten, in the first two hundred.
    """

    ERRANDS = {  # noqa: RUF012  (weights, never written)
        "craft": 0.46, "dig": 0.14, "build": 0.14, "knock_down": 0.04, "fiddle": 0.12, "changed": 0.04, "look_away": 0.04,
        "explore": 0.02,
    }  # fmt: skip

    def _craft(self, guide: Guide) -> Routine:
        """Go through recipes, mostly those that the pockets allow, with the workplaces it carries put up first."""
        for block in {recipe.near for recipe in RECIPES} - {NOTHING}:
            if guide.has(block) and self._rng.random() < 0.6:
                yield from guide.workplace(block, 0)
        for _ in range(int(self._rng.integers(3, 13))):
            possible = [n for n, recipe in enumerate(RECIPES) if guide.can_craft(recipe)]
            wanted = possible if possible and self._rng.random() < 0.8 else range(len(RECIPES))
            yield A[f"craft_{RECIPES[int(self._rng.choice(wanted))].name}"]
            yield from self._wait(0, 2)
        return True

    def _dig(self, guide: Guide) -> Routine:
        """Take out a few blocks close by, of any kind that the pickaxe at hand is good for."""
        tier = max((ITEMS[item].tier for item in PICKAXES if guide.has(item)), default=0)
        takes = [number for number, block in enumerate(BLOCKS) if block.work > 0 and block.tier <= tier]
        low = np.maximum(np.array(guide.cell) - NEAR, 0)
        high = np.array(guide.cell) + NEAR + 1
        box = guide.blocks[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        cells = np.argwhere(np.isin(box, takes)) + low
        if not len(cells):
            return (yield from self._explore(guide))
        for _ in range(int(self._rng.integers(1, 5))):
            some = cells[self._rng.permutation(len(cells))[:12]]
            if not (yield from guide.mine(some)):
                return False
            yield from self._wait(0, 2)
        return True
