"""A scripted pair of legs: it knows the island from its seed, keeps the map true, and walks over it one action at a time.

It sees no more than `info`. Every routine is a generator of action ids; where it can fail, it returns whether it succeeded.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from envs.pose import wrap
from envs.voxel.blocks import AIR, CROSS, LIQUID, SHAPE_OF
from envs.voxel.moves import ACTIONS
from envs.voxel.navigate import UNREACHED, cell_of, steps_to, walkable
from envs.voxel.physics import TO_EYE
from envs.voxel.state import N_HEADINGS, N_PITCHES, STEP
from envs.voxel.terrain import Terrain, generate

Cell = tuple[int, int, int]
Routine = Generator[int, None, bool]
A = {name: i for i, name in enumerate(ACTIONS.names)}
"""Action ids by name."""
PATIENCE = 30
"""Steps without getting nearer after which a walk is given up."""


class Walker:
    """Walks and looks around on one island. `see(info)` must be called with each step's info first."""

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
            if block == AIR and z + 1 < self.blocks.shape[2] and SHAPE_OF[self.blocks[x, y, z + 1]] == CROSS:
                self.blocks[x, y, z + 1] = AIR  # what grew on it fell with it

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
        away = np.array([x, y, z]) - self.position - TO_EYE
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
        if steps[self.cell] == UNREACHED and self._foothold(steps) is None:
            steps = steps_to(self.blocks, goals, swim=True)
        best, patience = UNREACHED, PATIENCE
        target: Cell | None = None
        while patience > 0:
            x, y, z = self.cell
            here = int(steps[x, y, z])
            if here <= near:
                return True
            target = self._next(steps, (x, y, z)) if here < UNREACHED else self._foothold(steps) or target
            if target is None:
                return False
            patience = PATIENCE if here < best else patience - 1
            best = min(best, here)
            gap = np.hypot(target[0] + 0.5 - self.position[0], target[1] + 0.5 - self.position[1])
            yield self._towards(target[0] + 0.5, target[1] + 0.5, jump=target[2] > self.position[2] + 0.1 and gap < 1.3)
        return False

    def _foothold(self, steps: np.ndarray) -> Cell | None:
        """A cell under a corner of the body from which the goal can be reached: one can stand on an edge, over a hole."""
        corners = [cell_of(self.position + np.array([dx, dy, 0.0])) for dx in (-0.3, 0.3) for dy in (-0.3, 0.3)]
        best = min(corners, key=lambda cell: int(steps[cell]))
        return best if steps[best] < UNREACHED else None

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
            if np.abs(off).max() < 0.26:
                return True
            c, s = np.cos(self.info["pose"][3]), np.sin(self.info["pose"][3])
            ahead, aside = off @ (c, s), off @ (s, -c)
            if abs(ahead) >= abs(aside):
                yield A["forward"] if ahead > 0 else A["back"]
            else:
                yield A["strafe_right"] if aside > 0 else A["strafe_left"]
            yield A["noop"]
        return True

    def open_ground(self, nearest: int, farthest: int) -> list[Cell]:
        """Standable cells between `nearest` and `farthest` blocks away on the own level, nearest first."""
        cells = walkable(self.blocks).astype(int)
        away = np.abs(cells[:, :2] - np.array(self.cell[:2])).max(axis=1)
        level = np.abs(cells[:, 2] - self.cell[2])
        keep = (away >= nearest) & (away <= farthest) & (level <= 1)
        order = np.argsort(away[keep] + level[keep], kind="stable")
        return [(int(x), int(y), int(z)) for x, y, z in cells[keep][order]]
