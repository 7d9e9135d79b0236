"""The picture as it is, beside the one it would be if the world had gone otherwise: which of the two does a dream show?"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from envs.voxel import hotbar
from envs.voxel.state import State
from simulator.evaluation.voxel.scene import VoxelScene

VERDICTS = ("right", "wrong", "neither")
LEAST_DIFFERENCE = 24
"""Grey levels in one colour by which a pixel must differ to be judged."""
NEAR = 0.2
"""Share of the squared distance between the two pictures within which a dream shows one of them; half way lies at 0.25."""
MARGIN = 3
"""Pixels around them whose pattern is compared too."""
MIN_PIXELS = 12
"""Fewest pixels that are judged, of a picture 64 pixels wide."""


class Otherwise(NamedTuple):
    """truth, other: uint8 (H, W, 3). where: bool (H, W), the pixels of the view in which they clearly differ."""

    truth: np.ndarray
    other: np.ndarray
    where: np.ndarray

    @property
    def telling(self) -> bool:
        """Whether the two differ enough to be told apart."""
        return bool(self.where.sum() >= MIN_PIXELS * (self.where.shape[1] // hotbar.UNIT) ** 2)

    def judge(self, dream: np.ndarray) -> str:
        """right: `dream` (H, W, 3) shows the truth. wrong: it shows the other. neither: it lies hardly nearer to one of them
        than half way between, or further off, as a grey guess does, or a blur of the two.

        Asked twice, and one answer needed: by colour where they differ, and by pattern, each picture less its own mean, with
        a margin around. A dark smear is as dark as a hut at night, but has none of its edges.
        """
        pictures = [picture.astype(np.float64) for picture in (self.truth, self.other, dream)]
        by_colour = _nearest(*(picture[self.where] for picture in pictures))
        around = np.asarray(sliding_window_view(np.pad(self.where, MARGIN), (2 * MARGIN + 1,) * 2).any(axis=(2, 3)))
        around[_view_rows(self.truth) :] = False
        by_pattern = _nearest(*(picture[around] - picture[around].mean(axis=0) for picture in pictures))
        return by_colour if by_colour == by_pattern else "neither"


def _nearest(truth: np.ndarray, other: np.ndarray, dream: np.ndarray) -> str:
    """The verdict on pixels (n, 3)."""
    off, off_other = (float(np.square(dream - picture).mean()) for picture in (truth, other))
    if min(off, off_other) >= NEAR * np.square(truth - other).mean():
        return "neither"
    return "right" if off < off_other else "wrong"


def _view_rows(frame: np.ndarray) -> int:
    return hotbar.VIEW_ROWS * (frame.shape[1] // hotbar.UNIT)


def otherwise(scene: VoxelScene, state: State, blocks: np.ndarray) -> Otherwise:
    """The view of `state`, and the same with other `blocks`."""
    truth, other = scene.picture(state), scene.picture(replace(state, blocks=blocks))
    where = np.abs(truth.astype(int) - other).max(axis=-1) >= LEAST_DIFFERENCE
    where[_view_rows(truth) :] = False
    return Otherwise(truth, other, where)
