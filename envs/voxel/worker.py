"""A scripted pair of hands on scripted legs: it aims, mines, places, and digs its way to what cannot be walked to."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from envs.voxel.blocks import BLOCKS, ITEMS, LIQUID, SHAPE_OF, SOLID, mining_steps
from envs.voxel.inventory import N_HOTBAR
from envs.voxel.navigate import AT, BEFORE, UNREACHED, cell_of, stands_with_view, steps_to, view_onto
from envs.voxel.physics import TO_EYE
from envs.voxel.walker import A, Cell, Routine, Walker

PICKAXES = tuple(sorted((i for i, item in enumerate(ITEMS) if item.tier), key=lambda i: ITEMS[i].tier))
"""Item ids of the tools, the best last."""


class Worker(Walker):
    """Mines and places on one island; the routines walk where they have to."""

    def _view(self, cell: Cell, mode: int) -> tuple[int, int] | None:
        return view_onto(self.blocks, self.position + TO_EYE, cell, mode)

    def aim(self, cells: np.ndarray, mode: int = AT) -> Generator[int, None, Cell | None]:
        """Go where one of `cells` (n, 3) can be aimed at (or placed into), and aim; which one, None where it cannot be."""
        for _ in range(2):
            stands = stands_with_view(self.blocks, cells, mode)
            if not (yield from self.walk(stands)):
                return None
            yield from self.settle()
            nearest = sorted((tuple(int(v) for v in c) for c in cells), key=lambda c: float(np.abs(self.position - c).sum()))
            for cell in nearest:
                if tuple(cell[:2]) == self.cell[:2] and cell[2] < self.cell[2]:
                    continue  # never dig away the ground under the own feet
                view = self._view(cell, mode)  # type: ignore[arg-type]
                if view is not None:
                    yield from self.turn_to(*view)
                    return cell  # type: ignore[return-value]
        return None

    def hold(self, item: int) -> Routine:
        """Bring `item` into the hand: choose its slot, or cycle the backpack through the last slot."""
        for _ in range(40):
            slots = self.info["hotbar"][:, 0]
            if slots[self.info["selected"]] == item:
                return True
            if self.has(item) == 0:
                return False
            if item in slots:
                yield A[f"slot_{int(np.flatnonzero(slots == item)[0]) + 1}"]
            elif int(self.info["selected"]) != N_HOTBAR - 1:
                yield A[f"slot_{N_HOTBAR}"]
            else:
                yield A["cycle"]
        return False

    def take_tool(self, block: int) -> Routine:
        """Hold the best pickaxe for `block`, or anything for what needs none; False where the drop would be lost."""
        owned = [item for item in PICKAXES if self.has(item)]
        if not BLOCKS[block].tool or not owned:
            return BLOCKS[block].tier == 0
        yield from self.hold(owned[-1])
        return ITEMS[owned[-1]].tier >= BLOCKS[block].tier

    def mine(self, cells: np.ndarray) -> Routine:
        """Mine one of `cells` (n, 3), whichever is nearest on foot."""
        cell = yield from self.aim(cells)
        return False if cell is None else (yield from self._strike(cell))

    def _strike(self, cell: Cell) -> Routine:
        """Mine `cell`, which is in the cross."""
        block = int(self.blocks[cell])
        yield from self.take_tool(block)
        held = int(self.info["hotbar"][self.info["selected"], 0])
        for _ in range(mining_steps(block, held) + 2):
            if self.blocks[cell] != block:
                return True
            yield A["mine"]
        return bool(self.blocks[cell] != block)

    def _hew(self, cell: Cell) -> Routine:
        """Clear `cell` from where the feet are; True where nothing solid is left in it."""
        for _ in range(3):
            if not SOLID[self.blocks[cell]]:
                return True
            view = self._view(cell, AT)
            if view is None or BLOCKS[self.blocks[cell]].work == 0:
                return False
            yield from self.turn_to(*view)
            yield from self._strike(cell)
        return not SOLID[self.blocks[cell]]

    def _stair(self, goal: Cell) -> Routine:
        """Dig and walk one step towards `goal`; False at water, bedrock or the end of the world."""
        yield from self.settle()
        x, y, z = self.cell
        away = np.array(goal) - (x, y, z)
        axis = int(abs(away[1]) > abs(away[0]))
        side = int(np.sign(away[axis])) or 1
        a, b = (x + side, y) if axis == 0 else (x, y + side)
        rise = int(np.sign(away[2])) if abs(away[2]) > 1 or not away[:2].any() else 0
        c = z + rise
        if not (0 < a < self.blocks.shape[0] - 1 and 0 < b < self.blocks.shape[1] - 1 and 1 <= c < self.blocks.shape[2] - 2):
            return False
        way = [(x, y, z + 2)] if rise > 0 else []
        way += [(a, b, over) for over in range(max(z, c) + 1, c - 1, -1)]
        if any(SHAPE_OF[self.blocks[cell]] == LIQUID for cell in (*way, (a, b, c - 1))):
            return False
        for cell in way:
            if not (yield from self._hew(cell)):
                return False
        return bool(SOLID[self.blocks[a, b, c - 1]]) and (yield from self.walk([(a, b, c)]))

    def dig_to(self, goal: Cell, limit: int = 24) -> Routine:
        """Dig a stair until `goal` can be mined from where the feet are; False where that fails within `limit` steps."""
        for _ in range(limit):
            if self._view(goal, AT) is not None:
                return True
            if not (yield from self._stair(goal)):
                return False
        return False

    def climb_out(self, limit: int = 20) -> Routine:
        """Get back to where one can walk home, by digging a stair up in whichever direction that works."""
        home = cell_of(np.array(self.terrain.spawn))
        for _ in range(limit):
            if steps_to(self.blocks, np.array([home]), swim=True)[self.cell] < UNREACHED:
                return True
            x, y, z = self.cell
            for goal in (home, (x + 9, y, 0), (x - 9, y, 0), (x, y + 9, 0), (x, y - 9, 0)):
                if (yield from self._stair((goal[0], goal[1], z + 9))):
                    break
            else:
                return False
        return False

    def place(self, cell: Cell, item: int) -> Routine:
        """Put a block `item` into `cell`."""
        if not (yield from self.hold(item)) or (yield from self.aim(np.array([cell]), BEFORE)) is None:
            return False
        yield A["place"]
        return bool(self.blocks[cell] == item)
