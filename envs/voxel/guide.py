"""A scripted pair of legs and hands: small routines that yield one action after another until something is done.

The guide knows the island from its seed and keeps its map true by the changes `info` reports; it sees no more than that.
Every routine is a generator of action ids; where it can fail, it returns whether it succeeded.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from envs.pose import wrap
from envs.voxel.blocks import (
    AIR,
    BLOCKS,
    DROP_OF,
    ITEMS,
    LIQUID,
    N_BLOCKS,
    NOTHING,
    SHAPE_OF,
    block_id,
    item_id,
    mining_steps,
)
from envs.voxel.hands import WORKPLACE
from envs.voxel.inventory import N_HOTBAR
from envs.voxel.moves import ACTIONS
from envs.voxel.navigate import AT, BEFORE, UNREACHED, cell_of, stands_with_view, steps_to, view_onto, walkable
from envs.voxel.physics import EYE
from envs.voxel.recipes import RECIPES
from envs.voxel.state import N_HEADINGS, N_PITCHES, STEP
from envs.voxel.terrain import Terrain, generate

Cell = tuple[int, int, int]
Routine = Generator[int, None, bool]
A = {name: i for i, name in enumerate(ACTIONS.names)}
"""Action ids by name."""
PATIENCE = 30
"""Steps without getting nearer after which a walk is given up."""
_PICKAXES = tuple(sorted((i for i, item in enumerate(ITEMS) if item.tier), key=lambda i: ITEMS[i].tier))


class Guide:
    """Walks, looks, mines, places and crafts on one island. `see(info)` must be called with each step's info first."""

    def __init__(self, seed: int) -> None:
        self.terrain: Terrain = generate(seed)
        self.blocks = self.terrain.blocks.copy()
        self.edits: dict[Cell, int] = {}
        self.info: dict[str, Any] = {}

    def see(self, info: dict[str, Any]) -> None:
        """Take in one step's `info`."""
        self.info = info
        t, x, y, z, block = (int(v) for v in info["last_change"])
        if t == info["t"] and t > 0:
            self.blocks[x, y, z] = block
            self.edits[x, y, z] = block
            if block == AIR and z + 1 < self.blocks.shape[2] and BLOCKS[self.blocks[x, y, z + 1]].name in _FRAIL:
                self.blocks[x, y, z + 1] = AIR

    # -- what it knows ------------------------------------------------------------------------------------------------

    @property
    def position(self) -> np.ndarray:
        return np.asarray(self.info["pose"][:3])

    @property
    def cell(self) -> Cell:
        return cell_of(self.position)

    @property
    def heading(self) -> int:
        return int(np.round(self.info["pose"][3] / STEP)) % N_HEADINGS

    @property
    def pitch(self) -> int:
        return int(np.round(self.info["pose"][4] / STEP))

    @property
    def swimming(self) -> bool:
        return bool(SHAPE_OF[self.blocks[self.cell]] == LIQUID)

    def has(self, item: int) -> int:
        """How many of `item` are carried."""
        return int(self.info["inventory"][item])

    def _view(self, cell: Cell, mode: int) -> tuple[int, int] | None:
        return view_onto(self.blocks, self.position + (0.0, 0.0, EYE), cell, mode)

    # -- legs ---------------------------------------------------------------------------------------------------------

    def turn_to(self, heading: int, pitch: int = 0) -> Routine:
        """Turn and nod, the shorter way round."""
        while (gap := (heading - self.heading + N_HEADINGS // 2) % N_HEADINGS - N_HEADINGS // 2) != 0:
            yield A["left"] if gap > 0 else A["right"]
        pitch = min(max(pitch, -N_PITCHES), N_PITCHES)
        while self.pitch != pitch:
            yield A["look_up"] if self.pitch < pitch else A["look_down"]
        return True

    def face(self, x: float, y: float, z: float) -> Routine:
        """Look towards a point."""
        away = np.array([x, y, z]) - self.position - (0.0, 0.0, EYE)
        heading = int(np.round(np.arctan2(away[1], away[0]) / STEP)) % N_HEADINGS
        return (yield from self.turn_to(heading, int(np.round(np.arctan2(away[2], np.hypot(away[0], away[1])) / STEP))))

    def _towards(self, x: float, y: float, jump: bool) -> int:
        """The action that brings the feet nearer to (x, y)."""
        angle = float(wrap(np.arctan2(y - self.position[1], x - self.position[0]) - self.info["pose"][3]))
        side = "" if abs(angle) < 0.2 else ("_left" if angle > 0 else "_right")
        if abs(angle) > 0.75 and not self.swimming:
            return A[side[1:]]
        return A[("forward_jump" if jump or self.swimming else "forward") + side]

    def walk(self, goals: np.ndarray | Iterable[Cell], near: int = 0) -> Routine:
        """Walk until at most `near` steps from one of the goal cells (n, 3); swims only where there is no dry way."""
        goals = np.asarray(list(goals) if not isinstance(goals, np.ndarray) else goals, np.int16).reshape(-1, 3)
        if not len(goals):
            return False
        steps = steps_to(self.blocks, goals)
        if steps[self.cell] == UNREACHED:
            steps = steps_to(self.blocks, goals, swim=True)
        best, patience = UNREACHED, PATIENCE
        target: Cell | None = None
        while patience > 0:
            x, y, z = self.cell
            here = int(steps[x, y, z])
            if here <= near:
                return True
            if here < UNREACHED:
                target = self._next(steps, (x, y, z))
            if target is None:
                return False
            patience = PATIENCE if here < best else patience - 1
            best = min(best, here)
            gap = np.hypot(target[0] + 0.5 - self.position[0], target[1] + 0.5 - self.position[1])
            yield self._towards(target[0] + 0.5, target[1] + 0.5, jump=target[2] > self.position[2] + 0.1 and gap < 1.3)
        return False

    @staticmethod
    def _next(steps: np.ndarray, cell: Cell) -> Cell | None:
        """The neighbour of `cell` from which the goal is nearest."""
        x, y, z = cell
        best: tuple[int, int, Cell] | None = None
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            for c in range(z + 1, max(z - 4, 0), -1) if dx * dy == 0 else (z,):
                a, b = x + dx, y + dy
                if not (0 <= a < steps.shape[0] and 0 <= b < steps.shape[1] and c < steps.shape[2]):
                    continue
                if dx * dy != 0 and max(steps[a, y, z], steps[x, b, z]) == UNREACHED:
                    continue
                if steps[a, b, c] < steps[x, y, z] and (best is None or (steps[a, b, c], dx * dy != 0) < best[:2]):
                    best = int(steps[a, b, c]), int(dx * dy != 0), (a, b, c)
        return None if best is None else best[2]

    def settle(self) -> Routine:
        """Come to rest in the middle of the cell, so that what is planned from there holds."""
        for _ in range(8):
            x, y, _ = self.cell
            off = np.array([x + 0.5, y + 0.5]) - self.position[:2]
            if np.abs(off).max() < 0.3:
                return True
            c, s = np.cos(self.info["pose"][3]), np.sin(self.info["pose"][3])
            ahead, aside = off @ (c, s), off @ (s, -c)
            if abs(ahead) >= abs(aside):
                yield A["forward"] if ahead > 0 else A["back"]
            else:
                yield A["strafe_right"] if aside > 0 else A["strafe_left"]
            yield A["noop"]
        return True

    # -- hands --------------------------------------------------------------------------------------------------------

    def aim(self, cells: np.ndarray, mode: int = AT) -> Generator[int, None, Cell | None]:
        """Go where one of `cells` (n, 3) can be aimed at (or placed into), and aim; which one, None where it cannot be."""
        for _ in range(2):
            stands = stands_with_view(self.blocks, cells, mode)
            if not (yield from self.walk(stands)):
                return None
            yield from self.settle()
            nearest = sorted((tuple(int(v) for v in c) for c in cells), key=lambda c: float(np.abs(self.position - c).sum()))
            for cell in nearest:
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

    def _take_tool(self, block: int) -> Routine:
        """Hold the best pickaxe for `block`, or anything for what needs none; False where the drop would be lost."""
        owned = [item for item in _PICKAXES if self.has(item)]
        if not BLOCKS[block].tool or not owned:
            return BLOCKS[block].tier == 0
        yield from self.hold(owned[-1])
        return ITEMS[owned[-1]].tier >= BLOCKS[block].tier

    def mine(self, cells: np.ndarray) -> Routine:
        """Mine one of `cells` (n, 3), whichever is nearest on foot."""
        cell = yield from self.aim(cells)
        if cell is None:
            return False
        block = int(self.blocks[cell])
        yield from self._take_tool(block)
        held = int(self.info["hotbar"][self.info["selected"], 0])
        for _ in range(mining_steps(block, held) + 2):
            if self.blocks[cell] != block:
                return True
            yield A["mine"]
        return bool(self.blocks[cell] != block)

    def place(self, cell: Cell, item: int) -> Routine:
        """Put a block `item` into `cell`."""
        if not (yield from self.hold(item)) or (yield from self.aim(np.array([cell]), BEFORE)) is None:
            return False
        yield A["place"]
        return bool(self.blocks[cell] == item)

    # -- wants --------------------------------------------------------------------------------------------------------

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
                if not (yield from self._workplace(recipe.near, depth)):
                    return False
            else:
                break
        before = self.has(recipe.makes)
        yield A[f"craft_{recipe.name}"]
        return self.has(recipe.makes) > before

    def _near(self, block: int) -> bool:
        """Whether `block` stands close enough to work at it; NOTHING always does."""
        return block == NOTHING or bool((np.abs(np.argwhere(self.blocks == block) - np.array(self.cell)).max(axis=1) < WORKPLACE).any())

    def _workplace(self, block: int, depth: int) -> Routine:
        """Stand by a `block`: go to a known one if it is not far, else put up a new one here."""
        known = np.argwhere(self.blocks == block)
        if len(known):
            close = np.abs(known - np.array(self.cell)).max(axis=1)
            if close.min() < 14 or self.has(block) == 0:
                return (yield from self.walk(stands_with_view(self.blocks, known)))
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
        if tier > max((ITEMS[p].tier for p in _PICKAXES if self.has(p)), default=0):
            better = next((p for p in _PICKAXES if ITEMS[p].tier >= tier), None)
            if better is None or not (yield from self.obtain(better, 1, depth + 1)):
                return False
        cells = np.argwhere(np.isin(self.blocks, sources))
        cells = cells[~self._of_landmark(cells)] if len(cells) else cells
        away = np.abs(cells - np.array(self.cell)).sum(axis=1)
        for group in np.array_split(cells[np.argsort(away, kind="stable")][:160], 4):
            if len(group) and (yield from self.mine(group)):
                return True
        return False

    def _of_landmark(self, cells: np.ndarray) -> np.ndarray:
        """bool (n,): cells that belong to a landmark, which the guide leaves standing."""
        marks = np.array([(mark.x, mark.y) for mark in self.terrain.landmarks])
        return np.asarray((np.abs(cells[:, None, :2] + 0.5 - marks[None]).max(axis=-1) < 4.0).any(axis=1))

    def open_ground(self, nearest: int, farthest: int) -> list[Cell]:
        """Standable cells between `nearest` and `farthest` blocks away on the own level, nearest first."""
        cells = walkable(self.blocks).astype(int)
        away = np.abs(cells[:, :2] - np.array(self.cell[:2])).max(axis=1)
        level = np.abs(cells[:, 2] - self.cell[2])
        keep = (away >= nearest) & (away <= farthest) & (level <= 1)
        order = np.argsort(away[keep] + level[keep], kind="stable")
        return [(int(x), int(y), int(z)) for x, y, z in cells[keep][order]]

    def find(self, name: str) -> np.ndarray:
        """int (n, 3): all cells of the block called `name`."""
        return np.argwhere(self.blocks == block_id(name))

    @staticmethod
    def named(name: str) -> int:
        return item_id(name)


_FRAIL = frozenset(block.name for block in BLOCKS if SHAPE_OF[block_id(block.name)] == 3)
