"""A scripted player's wants: to have an item it crafts, gathers what that needs, and climbs the tree of tools by itself."""

from __future__ import annotations

import numpy as np

from envs.voxel.blocks import BLOCKS, DROP_OF, ITEMS, N_BLOCKS, NOTHING
from envs.voxel.hands import WORKPLACE
from envs.voxel.navigate import stands_with_view
from envs.voxel.recipes import RECIPES, Recipe
from envs.voxel.walker import A, Routine
from envs.voxel.worker import PICKAXES, Worker


class Guide(Worker):
    """Obtains items on one island, leaving the landmarks standing."""

    def obtain(self, item: int, count: int = 1, depth: int = 0) -> Routine:
        """Have at least `count` of `item`: craft it if there is a recipe, otherwise find and mine what drops it."""
        recipe = next((number for number, r in enumerate(RECIPES) if r.makes == item), None)
        tries = 0
        while self.has(item) < count:
            tries += 1
            if depth > 8 or tries > 3 * count + 3:
                return False
            if recipe is None:
                if not (yield from self._gather(item, depth)):
                    return False
            elif not (yield from self._craft(recipe, depth)):
                return False
        return True

    def _craft(self, number: int, depth: int) -> Routine:
        recipe = RECIPES[number]
        for _ in range(8):  # making one need, or the workplace, may use up another
            short = next(((item, count) for item, count in recipe.needs if self.has(item) < count), None)
            if short is not None:
                if not (yield from self.obtain(*short, depth + 1)):
                    return False
            elif not self._near(recipe.near):
                if not (yield from self.workplace(recipe.near, depth)):
                    return False
            else:
                break
        before = self.has(recipe.makes)
        yield A[f"craft_{recipe.name}"]
        return self.has(recipe.makes) > before

    def can_craft(self, recipe: Recipe) -> bool:
        """Whether what `recipe` takes is carried and its workplace stands close by."""
        return self._near(recipe.near) and all(self.has(item) >= count for item, count in recipe.needs)

    def _near(self, block: int) -> bool:
        """Whether `block` stands close enough to work at it; NOTHING always does."""
        away = np.abs(np.argwhere(self.blocks == block) - np.array(self.cell)).max(axis=1)
        return block == NOTHING or bool((away < WORKPLACE).any())

    def workplace(self, block: int, depth: int) -> Routine:
        """Stand by a `block`: go to a known one if it is not far, else put up a new one here."""
        known = np.argwhere(self.blocks == block)
        if len(known):
            close = np.abs(known - np.array(self.cell)).max(axis=1)
            if (close.min() < 14 or self.has(block) == 0) and (yield from self.walk(stands_with_view(self.blocks, known))):
                return True
        if not (yield from self.obtain(block, 1, depth + 1)):
            return False
        for cell in self.open_ground(1, 3):
            if (yield from self.place(cell, block)):
                return True
        return False

    def _gather(self, item: int, depth: int) -> Routine:
        """Mine the nearest block that drops `item`, with a pickaxe that is good enough."""
        sources = [b for b in range(1, N_BLOCKS) if DROP_OF[b] == item and BLOCKS[b].work > 0]
        tier = min((BLOCKS[b].tier for b in sources), default=99)
        if tier > max((ITEMS[p].tier for p in PICKAXES if self.has(p)), default=0):
            better = next((p for p in PICKAXES if ITEMS[p].tier >= tier), None)
            if better is None or not (yield from self.obtain(better, 1, depth + 1)):
                return False
        cells = np.argwhere(np.isin(self.blocks, sources))
        cells = cells[~self._of_landmark(cells)] if len(cells) else cells
        away = np.abs(cells - np.array(self.cell)).sum(axis=1)
        for group in np.array_split(cells[np.argsort(away, kind="stable")][:160], 4):
            if len(group) and (yield from self.mine(group)):
                return True
        for _ in range(2):
            away = np.abs(cells - np.array(self.cell)).sum(axis=1)
            buried = cells[away.argsort(kind="stable")][:1]
            if len(buried) and (yield from self.dig_to(tuple(int(v) for v in buried[0]))):  # type: ignore[arg-type]
                return (yield from self.mine(buried))
            if not (yield from self.climb_out()):
                return False
        return False

    def _of_landmark(self, cells: np.ndarray) -> np.ndarray:
        """bool (n,): cells that belong to a landmark, which the guide leaves standing."""
        marks = np.array([(mark.x, mark.y) for mark in self.terrain.landmarks])
        return np.asarray((np.abs(cells[:, None, :2] + 0.5 - marks[None]).max(axis=-1) < 4.0).any(axis=1))
