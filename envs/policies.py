"""Scripted explorers. They see what a person cannot (layout, pose) and move with the keys a person has."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar, Protocol

import numpy as np

from envs.actions import ActionSpec
from envs.pose import wrap

Cell = tuple[int, int]


class Policy(Protocol):
    """Chooses the next action from the frame and from the env's `info`."""

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int: ...


class RandomPolicy:
    """Holds a random action for a random while: what a hand resting on the keys does."""

    def __init__(self, actions: ActionSpec, seed: int, mean_hold: float = 4.0) -> None:
        self.actions = actions
        self.mean_hold = mean_hold
        self._rng = np.random.default_rng(seed)
        self._left = 0
        self._action = actions.noop

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        if self._left <= 0:
            self._action = int(self._rng.integers(self.actions.n_actions))
            self._left = int(self._rng.geometric(1.0 / self.mean_hold))
        self._left -= 1
        return self._action


def shortest_path(layout: np.ndarray, start: Cell, goal: Cell) -> list[Cell]:
    """Cells (x, y) from `start` to `goal` by breadth-first search over free cells [y, x]; empty when unreachable."""
    came: dict[Cell, Cell] = {start: start}
    queue = deque([start])
    while queue:
        x, y = cell = queue.popleft()
        if cell == goal:
            path = [cell]
            while path[-1] != start:
                path.append(came[path[-1]])
            return path[::-1]
        for nx, ny in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if 0 <= ny < layout.shape[0] and 0 <= nx < layout.shape[1] and layout[ny, nx] and (nx, ny) not in came:
                came[nx, ny] = cell
                queue.append((nx, ny))
    return []


NOOP, FORWARD, LEFT, RIGHT, FORWARD_LEFT, FORWARD_RIGHT = range(6)


class MazeTour:
    """Tours of a Memory Maze that come back on purpose: memory can only be learned from places seen again.

    Errands are drawn one after another: explore the least visited cell, go back to a cell seen long ago, walk out and
    back the same way, turn once around, stand still, lean on a wall, or let the keys go astray. Every action may slip.
    """

    ERRANDS: ClassVar[dict[str, float]] = {
        "explore": 0.34,
        "revisit": 0.24,
        "out_and_back": 0.14,
        "turn": 0.10,
        "stand": 0.03,
        "bump": 0.07,
        "stray": 0.08,
    }

    def __init__(self, seed: int, slip: float = 0.04) -> None:
        self.slip = slip
        self._rng = np.random.default_rng(seed)
        self._last_visit: dict[Cell, int] = {}
        self._t = 0
        self._path: deque[Cell] = deque()
        self._script: deque[int] = deque()

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        """The next of Memory Maze's six actions; `info` must carry `pose` and `maze_layout`."""
        pose, layout = info["pose"], info["maze_layout"]
        cell = self._cell(pose, layout)
        self._last_visit[cell] = self._t
        self._t += 1
        while self._path and self._path[0] == cell:
            self._path.popleft()
        if not self._path and not self._script:
            self._new_errand(cell, layout)
        if self._rng.random() < self.slip:
            return int(self._rng.integers(6))
        if self._script:
            return self._script.popleft()
        return self._towards(pose, self._path[0]) if self._path else NOOP

    @staticmethod
    def _cell(pose: np.ndarray, layout: np.ndarray) -> Cell:
        x, y = (int(np.clip(np.floor(pose[i]), 0, layout.shape[1 - i] - 1)) for i in (0, 1))
        return x, y

    def _new_errand(self, cell: Cell, layout: np.ndarray) -> None:
        names = list(self.ERRANDS)
        errand = self._rng.choice(names, p=np.array(list(self.ERRANDS.values())) / sum(self.ERRANDS.values()))
        side = int(self._rng.choice([LEFT, RIGHT]))
        if errand == "turn":
            self._script.extend([side] * int(self._rng.choice([5, 10, 20, 20])))
            if self._rng.random() < 0.4:
                self._script.extend(
                    [NOOP] * int(self._rng.integers(1, 6)) + [LEFT + RIGHT - side] * int(self._rng.choice([5, 10, 20]))
                )
        elif errand == "stand":
            self._script.extend([NOOP] * int(self._rng.integers(2, 15)))
        elif errand == "bump":
            self._script.extend([side] * int(self._rng.integers(0, 4)) + [FORWARD] * int(self._rng.integers(3, 10)))
            self._script.extend([int(self._rng.choice([FORWARD_LEFT, FORWARD_RIGHT, FORWARD]))] * int(self._rng.integers(0, 5)))
        elif errand == "stray":
            for _ in range(int(self._rng.integers(2, 8))):
                self._script.extend([int(self._rng.integers(6))] * int(self._rng.geometric(0.3)))
        else:
            self._plan(str(errand), cell, layout)

    def _plan(self, errand: str, cell: Cell, layout: np.ndarray) -> None:
        free = [(int(x), int(y)) for y, x in zip(*np.nonzero(layout), strict=True)]
        if errand == "revisit":
            seen = [c for c in free if c in self._last_visit and c != cell]
            goals = sorted(seen, key=lambda c: self._last_visit[c])[: max(1, len(seen) // 3)]
        else:
            goals = [c for c in free if c not in self._last_visit] or [c for c in free if c != cell]
        if not goals:
            self._script.append(LEFT)
            return
        path = shortest_path(layout, cell, goals[int(self._rng.integers(len(goals)))])
        if errand == "out_and_back":
            path = path[: 1 + int(self._rng.integers(3, 12))]
            path = path + path[-2::-1]
        self._path.extend(path[1:])
        if not self._path:
            self._script.append(RIGHT)

    def _towards(self, pose: np.ndarray, cell: Cell) -> int:
        angle = float(wrap(np.arctan2(cell[1] + 0.5 - pose[1], cell[0] + 0.5 - pose[0]) - pose[3]))
        if abs(angle) > 0.6:
            return LEFT if angle > 0 else RIGHT
        if abs(angle) > 0.2:
            return FORWARD_LEFT if angle > 0 else FORWARD_RIGHT
        return FORWARD
