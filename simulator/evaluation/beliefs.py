"""How right beliefs are: walls and balls read from the memory against the truth, beside what a constant guess would reach."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.belief import N_BALL_COLOURS, Belief, BeliefProbe
from models.training.belief import Memories
from simulator.evaluation.tally import estimate

FROM_FRAME = 500
"""Memories are scored from here on, as in the benchmark's own probing; from half-way where no episode is twice as long."""
N_BATCH = 64

Estimate = tuple[float | None, list[float] | None]
"""A value, and its 95% interval over mazes."""


class Guess(NamedTuple):
    """What one says of a maze never seen: each cell's commonest content, each ball's mean place."""

    walls: np.ndarray  # (n_y, n_x) bool
    balls: np.ndarray  # (colours, 2) row and column


def constant_guess(memories: Memories) -> Guess:
    """The best constant for the mazes of `memories`; a colour that none of them has is guessed at (0, 0)."""
    first = np.unique(memories.maze, return_index=True)[1]
    balls = memories.balls[first].numpy()
    places = [np.argwhere(balls == 1 + colour)[:, 1:] for colour in range(N_BALL_COLOURS)]
    walls = memories.walls[first].numpy().mean(axis=0) > 0.5
    return Guess(walls, np.array([at.mean(axis=0) if len(at) else (0.0, 0.0) for at in places]))


def score(probe: BeliefProbe, memories: Memories, guess: Guess) -> dict[str, Any]:
    """Shares that are right among cells of the layout: those in view so far, and all.

    ..._constant: by the constant guess. ..._other_memory: by the memory of another maze. ball_hit: balls seen so far whose
    likeliest cell is the true one. ball_rmse_cells: from the likeliest cell to the true one. walls_all_by_frame: as the memory
    grows.
    """
    said = _read(probe, memories)
    maze, frame, truth, seen, inside = (
        value.numpy() for value in (memories.maze, memories.frame, memories.walls, memories.seen, memories.inside)
    )
    from_frame = min(FROM_FRAME, int(frame.max()) // 2)
    late = inside & (frame >= from_frame)[:, None, None]
    walls = said.walls > 0.5
    order, other = np.argsort(maze, kind="stable"), np.empty(len(maze), np.int64)
    other[order] = np.roll(order, np.bincount(maze).max())
    elsewhere = (maze[other] != maze)[:, None, None]
    found = {
        "share_seen": _share(seen, late, maze),
        "walls_seen": _share(walls == truth, late & seen, maze),
        "walls_seen_constant": _share(guess.walls == truth, late & seen, maze),
        "walls_all": _share(walls == truth, late, maze),
        "walls_all_constant": _share(guess.walls == truth, late, maze),
        "walls_all_other_memory": _share(walls[other] == truth, late & elsewhere, maze),
    }
    found |= _balls(said.balls * inside[..., None], memories.balls.numpy() * (late & seen), maze, guess)
    by_frame = {int(n): _share(walls == truth, inside & (frame == n)[:, None, None], maze)[0] for n in np.unique(frame)}
    return {
        "n_mazes": len(np.unique(maze)),
        "from_frame": from_frame,
        **{name: value for name, (value, _) in found.items()},
        "walls_all_by_frame": by_frame,
        "interval95": {name: interval for name, (_, interval) in found.items()},
    }


def _read(probe: BeliefProbe, memories: Memories) -> Belief:
    parts = [probe.read(found.float()) for found in memories.readings.split(N_BATCH)]
    return Belief(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _share(right: np.ndarray, where: np.ndarray, maze: np.ndarray) -> Estimate:
    """The share of `right` among `where`, both (m, n_y, n_x)."""
    return estimate(np.bincount(maze, (right & where).sum(axis=(1, 2))), np.bincount(maze, where.sum(axis=(1, 2))))


def _balls(said: np.ndarray, balls: np.ndarray, maze: np.ndarray, guess: Guess) -> dict[str, Estimate]:
    """said: (m, n_y, n_x, colours) probabilities. balls: (m, n_y, n_x), those to be judged, 0 none, else 1 + colour."""
    m, *at = np.nonzero(balls)
    colour, true = balls[m, at[0], at[1]] - 1, np.stack(at, axis=1)
    share = said[m, :, :, colour]  # (k, n_y, n_x)
    likeliest = np.stack(np.unravel_index(share.reshape(len(m), said[0, ..., 0].size).argmax(axis=1), share.shape[1:]), axis=1)
    off = np.abs(likeliest - true)
    farthest = off.max(axis=1)
    n = np.bincount(maze[m], minlength=maze.max() + 1)

    def over(values: np.ndarray, of_mean: Any = float) -> Estimate:
        return estimate(np.bincount(maze[m], values, minlength=len(n)), n, of_mean)

    return {
        "ball_hit": over(farthest == 0),
        "ball_within_a_cell": over(farthest <= 1),
        "ball_rmse_cells": over(np.square(off).sum(axis=1), np.sqrt),
        "ball_rmse_cells_constant": over(np.square(guess.balls[colour] - true).sum(axis=1), np.sqrt),
    }
