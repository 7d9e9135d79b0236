"""The scripted player: does on an island what people do, and above all comes back to what it saw, built and changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from envs.voxel.blocks import AIR, item_id
from envs.voxel.guide import Guide
from envs.voxel.moves import ACTIONS
from envs.voxel.navigate import walkable
from envs.voxel.state import N_HEADINGS
from envs.voxel.walker import A, Cell, Routine

GOALS = ("wooden_pickaxe", "coal", "stone_pickaxe", "torch", "furnace", "iron_ingot", "iron_pickaxe", "diamond", "gold")
"""What the player works towards, in this order."""
MATERIALS = ("cobblestone", "dirt", "sand", "planks", "snow", "log")
"""What it builds with."""
MAX_ERRAND = 260
"""Steps after which an errand is dropped for another."""


class VoxelTour:
    """Plays one island after another (`envs.policies.Policy`): errands drawn one after another, seldom slips of the keys.

    Errands: climb the tree of tools; explore; go back to a landmark, or to a place it changed, and look at it; look away
    and back; walk a loop; build a small mark; knock a mark down; stand; let the keys go astray; try slots and recipes.
    seed: of its choices.
    """

    ERRANDS = {  # noqa: RUF012  (weights, never written)
        "progress": 0.30, "explore": 0.12, "landmark": 0.16, "changed": 0.12, "look_away": 0.12, "loop": 0.07, "build": 0.08,
        "knock_down": 0.03, "stand": 0.02, "stray": 0.04, "fiddle": 0.12,
    }  # fmt: skip

    def __init__(self, seed: int, slip: float = 0.015) -> None:
        self.slip = slip
        self._rng = np.random.default_rng(seed)
        self._guide: Guide | None = None
        self._routine: Routine | None = None
        self._left = 0
        self._goal = 0
        self._marks: list[list[Cell]] = []

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        """The next action; `info` is VoxelEnv's. A new episode (t = 0) makes it forget the old one."""
        if self._guide is None or info["t"] == 0:
            self._guide, self._routine, self._goal, self._marks = Guide(int(info["seed"])), None, 0, []
        self._guide.see(info)
        if self._rng.random() < self.slip:
            return int(self._rng.integers(A["mine"]))  # a slip moves or turns, it never digs
        for _ in range(20):
            if self._routine is None or self._left <= 0:
                self._routine, self._left = self._errand(self._guide), MAX_ERRAND
            self._left -= 1
            try:
                return next(self._routine)
            except StopIteration:
                self._routine = None
        return ACTIONS.noop

    def _errand(self, guide: Guide) -> Routine:
        names = list(self.ERRANDS)
        weights = np.array(list(self.ERRANDS.values()))
        name = str(self._rng.choice(names, p=weights / weights.sum()))
        errand: Callable[[Guide], Routine] = getattr(self, f"_{name}")
        return errand(guide)

    def _some(self, cells: np.ndarray) -> np.ndarray:
        """int (1, 3): one of `cells` (n, 3) by chance."""
        return np.asarray(cells[int(self._rng.integers(len(cells)))]).reshape(1, 3)

    def _progress(self, guide: Guide) -> Routine:
        """Get the next thing on the list; it stays next until it is there, or every now and then."""
        name = GOALS[self._goal % len(GOALS)]
        done = yield from guide.obtain(item_id(name), 1)
        if done or self._rng.random() < 0.25:
            self._goal += 1
        return done

    def _explore(self, guide: Guide) -> Routine:
        """Walk to some far place, looking up or down a little on the way."""
        cells = walkable(guide.blocks)
        far = cells[np.abs(cells[:, :2] - guide.position[:2]).max(axis=1) > 8]
        yield from guide.turn_to(guide.heading, int(self._rng.integers(-1, 1)))
        return (yield from guide.walk(self._some(far if len(far) else cells), near=1))

    def _landmark(self, guide: Guide) -> Routine:
        """Go near a landmark, look at it, perhaps walk around it and look again."""
        mark = guide.terrain.landmarks[int(self._rng.integers(len(guide.terrain.landmarks)))]
        cells = walkable(guide.blocks)
        away = np.hypot(cells[:, 0] + 0.5 - mark.x, cells[:, 1] + 0.5 - mark.y)
        ring = cells[(away > 4.5) & (away < 8.0) & (np.abs(cells[:, 2] - mark.z) <= 2)]
        for _ in range(1 + int(self._rng.random() < 0.3)):
            if not len(ring) or not (yield from guide.walk(self._some(ring))):
                return False
            yield from guide.face(mark.x, mark.y, mark.z + 0.6 * mark.height)
            yield from self._wait(2, 8)
        return True

    def _changed(self, guide: Guide) -> Routine:
        """Go back to something mined or placed a while ago and look at it."""
        places = list(guide.edits)
        if not places:
            return (yield from self._explore(guide))
        x, y, z = places[int(self._rng.integers(len(places)))]
        cells = walkable(guide.blocks)
        away = np.hypot(cells[:, 0] - x, cells[:, 1] - y)
        near = cells[(away > 1.5) & (away < 5.0) & (np.abs(cells[:, 2] - z) <= 2)]
        if not len(near) or not (yield from guide.walk(self._some(near))):
            return False
        yield from guide.face(x + 0.5, y + 0.5, z + 0.5)
        yield from self._wait(2, 6)
        return True

    def _look_away(self, guide: Guide) -> Routine:
        """Turn away, wait, and turn back: by the same way, or on around the circle; sometimes nodding too."""
        heading, pitch = guide.heading, guide.pitch
        n_turns = int(self._rng.choice([3, 6, 8, 12, 12, 16]))
        side = str(self._rng.choice(["left", "right"]))
        for _ in range(n_turns):
            yield A[side]
        if self._rng.random() < 0.3:
            yield from guide.turn_to(guide.heading, pitch + int(self._rng.integers(-4, 4)))
        yield from self._wait(0, 12)
        if self._rng.random() < 0.4:
            for _ in range(N_HEADINGS - n_turns):
                yield A[side]
        yield from guide.turn_to(heading, pitch)
        yield from self._wait(1, 5)
        return True

    def _loop(self, guide: Guide) -> Routine:
        """Walk over two or three places and come back to the first, looking the same way as before."""
        home, heading = guide.cell, guide.heading
        cells = walkable(guide.blocks)
        away = np.abs(cells[:, :2] - guide.position[:2]).max(axis=1)
        around = cells[(away > 3) & (away < 11)]
        for _ in range(int(self._rng.integers(2, 4))):
            if not len(around) or not (yield from guide.walk(self._some(around), near=1)):
                return False
        back = yield from guide.walk([home])
        yield from guide.turn_to(heading)
        yield from self._wait(1, 6)
        return back

    def _build(self, guide: Guide) -> Routine:
        """Put up a small mark of whatever is at hand (digging some up first), look at it, and remember where it is."""
        carried = [item_id(name) for name in MATERIALS if guide.has(item_id(name)) >= 3]
        if not carried:
            carried = [item_id(str(self._rng.choice(["dirt", "sand"])))]
            if not (yield from guide.obtain(carried[0], 3)):
                return False
        item = carried[int(self._rng.integers(len(carried)))]
        ground = guide.open_ground(2, 4)
        if not ground:
            return False
        x, y, z = ground[int(self._rng.integers(len(ground)))]
        shapes = (
            ((0, 0, 0), (0, 0, 1)),
            ((0, 0, 0), (1, 0, 0), (0, 0, 1)),
            ((0, 0, 0), (0, 1, 0), (0, 2, 0)),
            ((0, 0, 0), (0, 0, 1), (0, 0, 2)),
        )
        built: list[Cell] = []
        for dx, dy, dz in shapes[int(self._rng.integers(len(shapes)))]:
            cell = (x + dx, y + dy, z + dz)
            if (yield from guide.place(cell, item)):
                built.append(cell)
        if built:
            self._marks.append(built)
            yield A["back"]
            yield A["back"]
            yield from guide.face(*(v + 0.5 for v in built[-1]))
            yield from self._wait(1, 5)
        return bool(built)

    def _knock_down(self, guide: Guide) -> Routine:
        """Take a mark down again, wholly or in part."""
        if not self._marks:
            return (yield from self._build(guide))
        mark = self._marks.pop(int(self._rng.integers(len(self._marks))))
        for cell in mark[::-1][: int(self._rng.integers(1, len(mark) + 1))]:
            if guide.blocks[cell] != AIR:
                yield from guide.mine(np.array([cell]))
        yield from self._wait(1, 4)
        return True

    def _stand(self, guide: Guide) -> Routine:
        yield from self._wait(4, 20)
        return True

    def _stray(self, guide: Guide) -> Routine:
        """What a hand resting on the keys does: bumping, jumping, turning, choosing slots."""
        for _ in range(int(self._rng.integers(3, 9))):
            action = int(self._rng.integers(ACTIONS.n_actions))
            for _ in range(int(self._rng.geometric(0.3))):
                yield action
        return True

    def _fiddle(self, guide: Guide) -> Routine:
        """Go through the slots, try recipes whether or not they can be made, look at what one holds, use it."""
        tries = [*range(A["cycle"], ACTIONS.n_actions), *range(A["slot_1"], A["slot_9"] + 1), A["place"], A["mine"]]
        for _ in range(int(self._rng.integers(4, 16))):
            yield int(self._rng.choice(tries))
            if self._rng.random() < 0.3:
                yield from self._wait(1, 4)
        return True

    def _wait(self, low: int, high: int) -> Routine:
        for _ in range(int(self._rng.integers(low, high))):
            yield A["noop"]
        return True
