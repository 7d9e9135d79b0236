"""One moment of a batch of scenes, to be predicted: what leads there, what is true, and by what its parts are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.evaluation import metrics, scenes, tally
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import Tally


@dataclass(frozen=True)
class Target:
    """Frame `t` of every scene of `batch`. action: (b,). pose: (b, 5). truth: uint8 (b, H, W, 3). bins: (b, k), age bin of every
    scored part, borders left out. border: pixels left out a side."""

    batch: Sequence[Scene]
    t: int
    action: np.ndarray
    pose: np.ndarray
    truth: np.ndarray
    bins: np.ndarray
    border: int


def target(batch: Sequence[Scene], t: int) -> Target:
    border = scenes.border(batch)
    bins = tally.bin_of(scenes.inside(np.stack([scene.ages(t) for scene in batch]), border))
    return Target(batch, t, scenes.actions(batch, t), scenes.poses(batch, t), scenes.frames(batch, t), bins, border)


def column_scores(dream: np.ndarray, truth: np.ndarray, border: int) -> dict[str, np.ndarray]:
    """Every column metric (b, w) of frames (b, H, W, 3), `border` pixels left out on every side."""
    a, b = scenes.inside(dream, border), scenes.inside(truth, border)
    return {"mse": metrics.column_mse(a, b), "ssim": metrics.column_ssim(a, b), "perceptual": metrics.column_perceptual(a, b)}


def add_scores(into: Tally, prefix: str, dream: np.ndarray, aim: Target, keep: np.ndarray | None = None) -> None:
    """Score `dream` (b, H, W, 3) under `prefix` + mse, ssim, perceptual and the facts of its world; keep: bool (b, k), False =
    leave out."""
    for name, values in aim.batch[0].part_scores(dream, aim.truth, aim.border).items():
        into.add(prefix + name, values, aim.bins, keep)
    for name, (values, told) in aim.batch[0].facts(aim.batch, aim.t, aim.truth, dream).items():
        counted = scenes.inside(told, aim.border)
        into.add(prefix + name, scenes.inside(values, aim.border), aim.bins, counted if keep is None else counted & keep)
