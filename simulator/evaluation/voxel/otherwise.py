"""The picture as it is, beside the one it would be if the world had gone otherwise: which of the two does a dream show?"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from envs.voxel import hotbar
from envs.voxel.state import State
from simulator.evaluation.voxel.scene import VoxelScene

VERDICTS = ("right", "wrong", "neither")
LEAST_DIFFERENCE = 24
"""Grey levels in one colour by which a pixel must differ to be judged."""
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
        """right: `dream` (H, W, 3) is nearer to the truth. wrong: to the other. neither: further from both than half way between,
        which is where a grey guess or a blur of the two lies."""
        truth, other, dreamt = (picture[self.where].astype(np.float64) for picture in (self.truth, self.other, dream))
        off, off_other = (float(np.square(dreamt - picture).mean()) for picture in (truth, other))
        if min(off, off_other) >= np.square(truth - other).mean() / 4:
            return "neither"
        return "right" if off < off_other else "wrong"


def otherwise(scene: VoxelScene, state: State, blocks: np.ndarray) -> Otherwise:
    """The view of `state`, and the same with other `blocks`."""
    truth, other = scene.picture(state), scene.picture(replace(state, blocks=blocks))
    where = np.abs(truth.astype(int) - other).max(axis=-1) >= LEAST_DIFFERENCE
    where[hotbar.VIEW_ROWS * (truth.shape[1] // hotbar.UNIT) :] = False
    return Otherwise(truth, other, where)
