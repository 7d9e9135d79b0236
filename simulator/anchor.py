"""Where one has come to believe a place a little off: the memory alone tells.

Every step errs by too little to surprise anybody, and errors add up. The frames just gone by hide that, since they were seen from
where one was believed to be. Without them, what the memory draws of a place it has seen long ago looks most like the frame from
where one truly stands. One frame tells that to a tenth of a cell or so; looked at again and again, and each time believed
no more than it tells against how far off one may be, it holds what keys alone would let drift (a Kalman filter of constant
gain).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.moment import Moment

if TYPE_CHECKING:
    from simulator.engine import Engine

EVERY, FROM = 2, 20
"""Frames between two looks, and before the first: there must be something to remember."""
ASIDE = np.array([0.1, 0.1, 0.0, np.radians(2.0), 0.0])
"""Cells and radians to either side from where it is drawn, along each axis of a pose."""
ASTRAY = np.array([0.06, 0.06, 0.0, np.radians(1.0), 0.0])
"""How far off one is taken to be whenever one looks."""
FAR, BETTER = (2.5, 5.0), 0.7
"""How many times as far aside a heading is looked for where it gets ever better to one side, and share of the error left at most
for it to be believed at once: who was turned at a wall, and has seen nothing but wall since, is off by that much."""
HEADING = 3
"""Which number of a pose it is."""
STILL = 0.002
"""Cells and radians up to which nobody has moved."""
PIXELS = 16.0
"""How many pixels of a frame tell something of their own."""
UNLIKE = 0.25
"""Difference of colours in 0..1 beyond which it is all one how unlike pixels are: what was never seen cannot be drawn."""


def unlike(dreams: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """How far each of `dreams` (n, H, W, 3) is from `frame`, which broadcasts to them: (n,)."""
    off = np.abs((dreams.astype(np.float64) - frame) / 255).mean(axis=3)
    return np.asarray(np.minimum(off, UNLIKE).mean(axis=(1, 2)))


def anchored(
    engine: Engine, moment: Moment, actions: np.ndarray, frame: np.ndarray, pose: np.ndarray
) -> tuple[Moment, np.ndarray]:
    """`moment` and the `pose` (b, 5) from which the true `frame` (b, H, W, 3) was seen after `actions` (b,), both moved by what
    the memory tells of where one stands; as they are in frames in which nobody looks."""
    moves = np.abs(pose - moment.pose).max(axis=1) > STILL  # the same picture again tells nothing new
    if moment.t < FROM or moment.t % EVERY or not moves.any():
        return moment, pose
    memory, by = engine.blindfold(moment), np.zeros_like(pose)

    def off(aside: np.ndarray) -> np.ndarray:
        dreams, _ = engine.imagine(memory, actions, pose + aside)
        return unlike(dreams, frame)

    here = off(np.zeros_like(pose))
    for axis in np.flatnonzero(ASIDE):
        aside = np.where(np.arange(len(ASIDE)) == axis, ASIDE, 0.0) * np.ones((len(pose), 1))
        more, less = off(aside), off(-aside)
        bent = np.maximum((more + less) / 2 - here, 1e-6)
        best = np.clip((less - more) / (4 * bent), -1, 1)  # where the parabola through the three is lowest
        told = 2 * PIXELS * bent / np.maximum(here, 1e-6) * (ASTRAY[axis] / ASIDE[axis]) ** 2  # against how far off one may be
        by[:, axis] = ASIDE[axis] * best * told / (1 + told)
        beyond = (np.abs(best) == 1) & (axis == HEADING)
        if beyond.any():
            least = BETTER * here
            for far in FAR:
                there = off(far * best[:, None] * aside)
                plainly = beyond & (there < least)
                by[plainly, axis], least = far * (best * ASIDE[axis])[plainly], np.where(plainly, there, least)
    by *= moves[:, None]
    return engine.placed(moment, moment.pose + by), pose + by
