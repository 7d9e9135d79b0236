"""A way around through a maze, from A to B to C and home to A: coming back not by the way one went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from envs.actions import ActionSpec
from envs.policies import Cell, shortest_path
from envs.pose import wrap
from simulator.evaluation.scenes import Scene

LONGEST = 24
"""Cells of a way at most."""
STEP = 0.25
"""Cells walked in a frame at most, as the body does."""

Leg = tuple[np.ndarray, np.ndarray]


def around(batch: Sequence[Scene], t: int, actions: ActionSpec) -> list[Leg]:
    """(action (b,), pose (b, 5)) a frame, from where frame `t` was taken around and back to it; empty where a scene has no maze.

    Rows whose way is shorter stand still half-way round, so that all come home in the same frame.
    """
    if not all("maze_layout" in scene.episode.extras and scene.episode.pose is not None for scene in batch):
        return []
    ways = [walked(scene.episode.extras["maze_layout"][0], scene.episode.pose[t], scene.turn) for scene in batch]  # type: ignore[index]
    longest = max(map(len, ways))
    if min(map(len, ways)) == 0:
        return []
    for way in ways:
        half = len(way) // 2
        way[half:half] = [("noop", way[half - 1][1])] * (longest - len(way))
    ids = {name: actions.id_of(name) for name in ("forward", "left", "right")} | {"noop": actions.noop}
    return [(np.array([ids[name] for name, _ in legs]), np.stack([pose for _, pose in legs])) for legs in zip(*ways, strict=True)]


def walked(layout: np.ndarray, pose: np.ndarray, turn: float) -> list[tuple[str, np.ndarray]]:
    """(action, pose (5,)) a frame along `loop` from `pose`, ending exactly there; empty where one cannot leave one's cell.

    layout: (Y, X), 1 = free. turn: radians in a frame at most.
    """
    way: list[tuple[str, np.ndarray]] = []
    here, passed = pose, stations(layout, pose)
    for station in [*passed, pose[:2]] if passed else []:
        gap = station - here[:2]
        here = _turned(way, here, float(np.arctan2(gap[1], gap[0])), turn)
        n_steps = int(np.ceil(np.hypot(*gap) / STEP))
        for _ in range(n_steps):
            here = here.copy()
            here[:2] += gap / n_steps
            way.append(("forward", here))
    if way:
        _turned(way, here, float(pose[3]), turn)
        way[-1] = (way[-1][0], pose.copy())
    return way


def stations(layout: np.ndarray, pose: np.ndarray) -> list[np.ndarray]:
    """Middles (2,) of the cells that `loop` leads over from where `pose` (5,) is, its own left out."""
    x, y = (int(np.clip(np.floor(pose[i]), 0, layout.shape[1 - i] - 1)) for i in (0, 1))
    return [np.array(cell) + 0.5 for cell in loop(layout, (x, y))[1:-1]]


def _turned(way: list[tuple[str, np.ndarray]], here: np.ndarray, heading: float, turn: float) -> np.ndarray:
    """Add to `way` the turning from `here` to `heading`, the short way; the pose after it."""
    angle = float(wrap(heading - here[3]))
    n_steps = int(np.ceil(abs(angle) / turn - 1e-9))
    for _ in range(n_steps):
        here = here.copy()
        here[3] += angle / n_steps
        way.append(("left" if angle > 0 else "right", here))
    return here


def loop(layout: np.ndarray, start: Cell) -> list[Cell]:
    """Cells from `start` over two others and back to it, at most LONGEST: of all such ways that which repeats itself least and
    then leads past most. [start] where there is nowhere to go."""
    free = [(int(x), int(y)) for y, x in zip(*np.nonzero(layout), strict=True)]
    near = [cell for cell in free if 1 < len(shortest_path(layout, start, cell)) <= LONGEST // 2 + 1]
    home = {cell: shortest_path(layout, start, cell) for cell in near}
    best, best_worth = [start], 0
    for b in near:
        for c in near:
            if b == c or len(home[b]) + len(home[c]) > LONGEST:
                continue
            cells = home[b][:-1] + shortest_path(layout, b, c)[:-1] + home[c][::-1]
            passages = [frozenset(pair) for pair in pairwise(cells)]
            n_new = len(set(passages))
            worth = n_new - 3 * (len(passages) - n_new)
            if len(passages) <= LONGEST and (best == [start] or worth > best_worth):
                best, best_worth = cells, worth
    return best
