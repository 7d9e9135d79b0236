"""Where a true frame was seen from, if nobody tells: the pose near the believed one from which the dreamer would draw it best.

Ego-motion tells where keys lead before anything is seen. It errs where the body touches something, and what it errs adds up. Two
frames alone hardly tell by how much: whoever touches a wall sees little but that wall. The memory knows what lies around it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from envs import pose as poses
from models.state import map_state

if TYPE_CHECKING:
    from simulator.engine import Engine, Moment

Imagined = tuple[np.ndarray, np.ndarray]
"""A frame uint8 (b, H, W, 3) and the pose (b, 5) it was drawn for."""
SURPRISE_PSNR = 26.5
"""dB below which a frame was not what was expected, and the place is looked for."""
PLAINLY = 0.7
"""Share of the error for the believed pose that must be left at most for another to be taken."""
FAR = 0.15
"""By how much an error counts more for every typical motion that a pose lies off."""
UNLIKE = 0.25
"""Difference of colours in 0..1 beyond which it is all one how unlike pixels are: what was never seen cannot be drawn."""
FIRST, LAST, N_ROUNDS = 0.5, 0.02, 8
"""Typical motions by which poses are put off at first and at last, and how often better ones are looked for."""
LEAST = 0.002
"""Cells and radians of a typical motion, below which nobody moves that way."""


def located(
    engine: Engine, moment: Moment, actions: np.ndarray, frame: np.ndarray, imagined: Imagined, typical: np.ndarray
) -> np.ndarray:
    """Poses (b, 5) from which the true `frame` (b, H, W, 3) was seen after `actions` (b,): as `imagined` but where another is
    plainly better. typical: how far one moves in a frame, (5,), as motions of `envs.pose`."""
    dream, pose = imagined
    off = np.square((dream.astype(np.float64) - frame) / 255).mean(axis=(1, 2, 3))
    found = pose.copy()
    for row in np.flatnonzero(off > 10 ** (-SURPRISE_PSNR / 10)).tolist():
        one = slice(row, row + 1)
        found[row] = _search(engine, _row(moment, row), actions[one], frame[one], (dream[one], pose[one]), typical)
    return found


def _search(
    engine: Engine, moment: Moment, action: np.ndarray, frame: np.ndarray, imagined: Imagined, typical: np.ndarray
) -> np.ndarray:
    """The pose (5,) for one row: the best of ever smaller steps along every axis."""
    led = best = poses.motion_between(moment.pose, imagined[1])[0]
    first = error = _error(imagined[0], frame, np.zeros(1))[0]
    axes = np.flatnonzero(typical > LEAST)
    ways = np.concatenate([np.eye(poses.N_POSE)[axes], -np.eye(poses.N_POSE)[axes]]) * typical
    many, step = engine.repeat(moment, len(ways)), FIRST
    for _ in range(N_ROUNDS):
        tried = best + step * ways
        dreams, _ = engine.imagine(many, np.repeat(action, len(ways)), poses.move(many.pose, tried))
        away = (np.abs(tried - led)[:, axes] / typical[axes]).sum(axis=1)
        errors = _error(dreams, frame, away)
        if errors.min() < 0.98 * error:
            best, error = tried[errors.argmin()], errors.min()
        elif (step := step / 2) < LAST:
            break
    return poses.move(moment.pose[0], best if error < PLAINLY * first else led)


def _error(dreams: np.ndarray, frame: np.ndarray, away: np.ndarray) -> np.ndarray:
    """How ill each of `dreams` (n, H, W, 3) explains `frame` (1, H, W, 3), the more so the farther `away` (n,) it is drawn."""
    unlike = np.abs((dreams.astype(np.float64) - frame) / 255).mean(axis=3)
    return np.asarray(np.minimum(unlike, UNLIKE).mean(axis=(1, 2)) * (1 + FAR * away))


def _row(moment: Moment, row: int) -> Moment:
    """Row `row` of `moment` as a moment of its own."""
    one = slice(row, row + 1)
    stream = map_state(lambda value: value[one], moment.stream)
    seed = moment.seed if isinstance(moment.seed, int) else moment.seed[one]
    return replace(moment, stream=stream, frame=moment.frame[one], pose=moment.pose[one], motion=moment.motion[one], seed=seed)
