"""One moment of a batch of mazes, to be predicted: what leads there, what is true, and by what its columns are scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.evaluation import metrics, scenes, tally, walls
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import Tally


@dataclass(frozen=True)
class Target:
    """Frame `t` of every maze. action: (b,). pose: (b, 5). truth: uint8 (b, H, W, 3). bins: (b, w), age bin of every scored
    column, borders left out. undivided: bool (b, w), columns whose wall colour is scored. border: pixels left out a side."""

    t: int
    action: np.ndarray
    pose: np.ndarray
    truth: np.ndarray
    bins: np.ndarray
    undivided: np.ndarray
    border: int


def target(batch: list[Scene], t: int) -> Target:
    border = scenes.border(batch)
    bins = tally.bin_of(scenes.inside(np.stack([scene.age[t] for scene in batch]), border))
    undivided = scenes.inside(np.stack([scene.undivided[t] for scene in batch]), border)
    return Target(t, scenes.actions(batch, t), scenes.poses(batch, t), scenes.frames(batch, t), bins, undivided, border)


def column_scores(dream: np.ndarray, truth: np.ndarray, border: int) -> dict[str, np.ndarray]:
    """Every column metric (b, w) of frames (b, H, W, 3), `border` pixels left out on every side."""
    a, b = scenes.inside(dream, border), scenes.inside(truth, border)
    return {"mse": metrics.column_mse(a, b), "ssim": metrics.column_ssim(a, b), "perceptual": metrics.column_perceptual(a, b)}


def add_scores(into: Tally, prefix: str, dream: np.ndarray, aim: Target, keep: np.ndarray | None = None) -> None:
    """Score `dream` (b, H, W, 3) under `prefix` + mse, ssim, perceptual, wall; keep: bool (b, w), False = leave out."""
    for name, values in column_scores(dream, aim.truth, aim.border).items():
        into.add(prefix + name, values, aim.bins, keep)
    right = (walls.wall_colours(dream) == walls.wall_colours(aim.truth)).astype(np.float64)
    told = aim.undivided if keep is None else aim.undivided & keep
    into.add(prefix + "wall", scenes.inside(right, aim.border), aim.bins, told)
