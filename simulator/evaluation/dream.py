"""Let an engine dream along a path on its own frames, and score what it dreams against the truth of that path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from envs.pose import motion_between
from simulator.engine import Engine
from simulator.evaluation import metrics, scenes
from simulator.evaluation.scenes import Scene
from simulator.moment import Moment

MOTION_CELLS, MOTION_DEGREES = 0.03, 0.5
"""A believed motion within these of the true one moved as the key asked; beyond them memory addresses go astray."""


@dataclass(frozen=True)
class Step:
    """One frame of a path. t: the recorded frame it shows. action: (b,). pose: (b, 5), true. truth: uint8 (b, H, W, 3).
    counts: bool (b, k), parts that are scored."""

    t: int
    action: np.ndarray
    pose: np.ndarray
    truth: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Dream:
    """Scores (b, n) of n dreamt frames, NaN where none of a frame's parts counts. motion_right: bool (b, n), whether the
    believed motion was the true one. verdicts: counts (b,) by name, as `Scene.verdicts` of the world names them.
    shown: (truth, dream) uint8 (k, H, W, 3) of the first maze, evenly spaced frames."""

    psnr: np.ndarray
    ssim: np.ndarray
    perceptual: np.ndarray
    copy_last_psnr: np.ndarray
    motion_right: np.ndarray
    verdicts: dict[str, np.ndarray]
    shown: tuple[np.ndarray, np.ndarray]


def dream_along(
    engine: Engine, batch: Sequence[Scene], moment: Moment, path: Sequence[Step], *, pose_given: bool, label: str
) -> Dream:
    """Generate one frame a step from `moment`, each absorbed as it was dreamt, and score it."""
    border, verdicts = scenes.border(batch), dict[str, np.ndarray]()
    scores: dict[str, list[np.ndarray]] = {"mse": [], "ssim": [], "perceptual": [], "copy_last": [], "motion": []}
    start, first, shown = moment.t, moment.frame, []
    show = set(np.linspace(0, len(path) - 1, 8).astype(int).tolist())
    true_pose = moment.pose if pose_given else None
    for index, step in enumerate(tqdm(path, desc=label, unit="frame", leave=False)):
        after = engine.step(moment, step.action, step.pose if pose_given else None)
        counts = scenes.inside(step.counts, border)
        for name, parts in batch[0].part_scores(after.frame, step.truth, border).items():
            scores[name].append(_mean(parts, counts))
        scores["copy_last"].append(_mean(batch[0].part_scores(first, step.truth, border)["mse"], counts))
        scores["motion"].append(_same_motion(moment.pose, after.pose, true_pose, step.pose))
        for row, scene in enumerate(batch):
            for name, n in scene.verdicts(step.t, step.truth[row], after.frame[row], first[row], start).items():
                verdicts.setdefault(name, np.zeros(len(batch)))[row] += n
        if index in show:
            shown.append((step.truth[0], after.frame[0]))
        moment, true_pose = after, step.pose
    table = {name: np.stack(values, axis=1) for name, values in scores.items()}
    pictures = (np.stack([truth for truth, _ in shown]), np.stack([dream for _, dream in shown]))
    return Dream(
        metrics.psnr(table["mse"]),
        table["ssim"],
        table["perceptual"],
        metrics.psnr(table["copy_last"]),
        table["motion"] > 0,
        verdicts,
        pictures,
    )


def _mean(parts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean (b,) over the parts that count; NaN where none does."""
    n = counts.sum(axis=1)
    return np.where(n > 0, (parts * counts).sum(axis=1) / np.maximum(n, 1), np.nan)


def _same_motion(before: np.ndarray, after: np.ndarray, true_before: np.ndarray | None, true_after: np.ndarray) -> np.ndarray:
    """(b,) bool: the believed motion is the true one. The first step of a path walked on keys has no true start: right."""
    if true_before is None:
        return np.ones(len(after), bool)
    off = np.abs(motion_between(before, after) - motion_between(true_before, true_after))
    return (np.linalg.norm(off[:, :3], axis=1) < MOTION_CELLS) & (np.degrees(off[:, 3:].max(axis=1)) < MOTION_DEGREES)
