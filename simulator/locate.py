"""Where a true frame was seen from, if nobody tells: the pose near the believed one from which the dreamer would draw it best.

Ego-motion tells where keys lead before anything is seen. It errs where the body touches something, and what it errs adds up. Two
frames alone hardly tell by how much: whoever touches a wall sees little but that wall. The memory knows what lies around it. So
a frame that was not expected is explained in two ways: the last step led elsewhere, not as far as a rule, since what is touched
holds one back; or one stood elsewhere already, which shows when the wall is left behind and things known before come into view.
What is off by too little to surprise is told by `simulator.anchor`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from envs import pose as poses
from simulator.anchor import ASIDE, anchored, unlike
from simulator.moment import Moment, take_rows

if TYPE_CHECKING:
    from simulator.engine import Engine

Imagined = tuple[np.ndarray, np.ndarray]
"""A frame uint8 (b, H, W, 3) and the pose (b, 5) it was drawn for."""
SURPRISE_PSNR = 28.0
"""dB below which a frame was not what was expected, and the place is looked for."""
PLAINLY, BETTER = 0.8, 0.85
"""Share of the error that must be left at most for another motion to be taken, and for having stood elsewhere before it."""
FAR, BEYOND = 0.15, 0.02
"""By how much an error counts more for every typical motion that a motion lies off, and for every `ASIDE` that a place does."""
N_ROUNDS = 8
"""How often better ones are looked for."""
HELD_BACK = np.array(
    [[ahead, ahead, 1.0, turn, 1.0] for ahead in (0.0, 0.25, 0.5, 0.75, 1.0) for turn in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
)
"""Shares of a motion that may be left to who touches something: both ways along the ground, up, and of the turn, and nod."""
LEAST = 0.002
"""Cells and radians of a typical motion, below which nobody moves that way."""


def located(
    engine: Engine, moment: Moment, actions: np.ndarray, frame: np.ndarray, imagined: Imagined, typical: np.ndarray
) -> tuple[Moment, np.ndarray]:
    """`moment`, placed elsewhere where one must have stood elsewhere, and the poses (b, 5) from which the true `frame`
    (b, H, W, 3) was seen after `actions` (b,): as `imagined` but where another is plainly better. typical: how far one moves in a
    frame, (5,), as motions of `envs.pose`."""
    dream, pose = imagined
    off = np.square((dream.astype(np.float64) - frame) / 255).mean(axis=(1, 2, 3))
    stood, found = moment.pose.copy(), pose.copy()
    for row in np.flatnonzero(off > 10 ** (-SURPRISE_PSNR / 10)).tolist():
        one = slice(row, row + 1)
        stood[row], found[row] = _search(
            engine, take_rows(moment, [row]), actions[one], frame[one], (dream[one], pose[one]), typical
        )
    return anchored(engine, engine.placed(moment, stood), actions, frame, found)


def _search(
    engine: Engine, moment: Moment, action: np.ndarray, frame: np.ndarray, imagined: Imagined, typical: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For one row where one stood and where one stands, (5,) each."""
    led = poses.motion_between(moment.pose, imagined[1])[0]
    crowd = functools.cache(lambda n: engine.repeat(moment, n))

    def moved(motions: np.ndarray) -> np.ndarray:
        many = crowd(len(motions))
        dreams, _ = engine.imagine(many, np.repeat(action, len(motions)), poses.move(many.pose, motions))
        return _error(dreams, frame, FAR * _size(motions - led, typical))

    def stood(places: np.ndarray) -> np.ndarray:
        many = engine.placed(crowd(len(places)), places)
        dreams, _ = engine.imagine(many, np.repeat(action, len(places)), poses.move(places, np.tile(led, (len(places), 1))))
        return _error(dreams, frame, BEYOND * _size(places - moment.pose, ASIDE))

    error = float(_error(imagined[0], frame, np.zeros(1))[0])
    motion, by_motion = _descend(moved, led * HELD_BACK, led, typical * (typical > LEAST) / 2, error, PLAINLY)
    place, by_place = _descend(stood, moment.pose, moment.pose[0], ASIDE, error, BETTER)
    if by_place < by_motion:
        return place, poses.move(place, led)
    return moment.pose[0], poses.move(moment.pose[0], motion)


def _descend(
    error_of: Callable[[np.ndarray], np.ndarray],
    starts: np.ndarray,
    back: np.ndarray,
    step: np.ndarray,
    error: float,
    share: float,
) -> tuple[np.ndarray, float]:
    """From the best of `starts` (n, 5), by ever smaller steps along every axis of `step` (5,), to where the error of n points
    (n, 5) is least; `back` (5,) where more than `share` of its `error` is left."""
    errors = error_of(starts)
    best, least = starts[errors.argmin()], float(errors.min())
    ways = np.concatenate([np.diag(step), -np.diag(step)])[np.tile(step > 0, 2)]
    for _ in range(N_ROUNDS):
        errors = error_of(best + ways)
        if errors.min() < 0.98 * least:
            best, least = best + ways[errors.argmin()], float(errors.min())
        else:
            ways = ways / 2
    return (best, least) if least < share * error else (back, error)


def _size(off: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """How many units (5,) each of `off` (n, 5) is, along all axes that have one."""
    axes = np.flatnonzero(unit > LEAST)
    return np.asarray((np.abs(off)[:, axes] / unit[axes]).sum(axis=1))


def _error(dreams: np.ndarray, frame: np.ndarray, worse: np.ndarray) -> np.ndarray:
    """How ill each of `dreams` (n, H, W, 3) explains `frame` (1, H, W, 3), worse by a share (n,)."""
    return unlike(dreams, frame) * (1 + worse)
