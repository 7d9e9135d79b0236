"""From tallies to the numbers of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.evaluation.metrics import psnr
from simulator.evaluation.onestep import OneStep
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import AGE_BINS, WHOLE

_SCORES: dict[str, tuple[str, Callable]] = {
    "onestep_psnr": ("mse", psnr),
    "onestep_psnr_reset": ("reset_mse", psnr),
    "onestep_psnr_swapped": ("swapped_mse", psnr),
    "onestep_ssim": ("ssim", float),
    "onestep_perceptual": ("perceptual", float),
    "copy_last_psnr_by_age": ("copy_last_mse", psnr),
}
_WALLS: dict[str, tuple[str, Callable]] = {
    "wall_colour_accuracy": ("wall", float),
    "wall_colour_accuracy_reset": ("reset_wall", float),
    "wall_colour_accuracy_swapped": ("swapped_wall", float),
    "wall_colour_accuracy_copy_last": ("copy_last_wall", float),
}
"""Where the world has walls of one colour a block."""
_WHOLE_SCORES: dict[str, tuple[str, Callable]] = {
    "whole_frame_psnr": ("mse", psnr),
    "whole_frame_ssim": ("ssim", float),
    "whole_frame_perceptual": ("perceptual", float),
    "copy_last_psnr": ("copy_last_mse", psnr),
}
_POSE_FRAMES = (1, 10, 100, 400, 1000)
_TIME_STEP = 100


def onestep_summary(result: OneStep, kind: type[Scene]) -> dict[str, Any]:
    """Scores by age bin and for whole frames, their 95% intervals over mazes, what the verdicts of this `kind` of scene
    come to, and the course over the episode.

    PSNR is that of the mean squared error over all parts of a bin, all mazes together. Controls are made for some frames
    only; `memory_gain_...` (dB) compares on those same frames.
    """
    tally = result.tally
    out: dict[str, Any] = {"n_mazes": tally.n_mazes}
    intervals: dict[str, Any] = {}
    for name, (score, of_mean) in (_SCORES | (_WALLS if tally.counts("wall").any() else {})).items():
        out[name], intervals[name] = tally.by_age(score, of_mean), tally.intervals_by_age(score, of_mean)
    for name, (score, of_mean) in _WHOLE_SCORES.items():
        out[name], intervals[name] = tally.value(score, WHOLE, of_mean), tally.interval(score, WHOLE, of_mean)
    for name, other in (("memory_gain_over_reset", "reset_mse"), ("memory_gain_over_swapped", "swapped_mse")):
        out[name], intervals[name] = tally.gain_by_age("paired_mse", other, psnr)
    counts = tally.counts("mse")
    out["column_share"] = {label: round(float(counts[slot] / max(counts[WHOLE], 1)), 5) for slot, label in enumerate(AGE_BINS)}
    out |= kind.onestep_summary(result.verdicts, intervals)
    out["onestep_psnr_by_frame"] = _by_time(result.frame_mse)
    out["pose_drift"] = {
        f"after_{n}": {"cells": round(float(error[0]), 4), "degrees": round(float(error[1]), 3)}
        for n, error in ((n, result.pose_error[:, n].mean(axis=0)) for n in _POSE_FRAMES if n < result.pose_error.shape[1])
    }
    out["interval95"] = intervals
    return out


def _by_time(frame_mse: np.ndarray) -> dict[str, float]:
    """Whole-frame PSNR by hundreds of frames since the start: does it hold past the training length?"""
    out = {}
    for start in range(0, frame_mse.shape[1], _TIME_STEP):
        part = frame_mse[:, start : start + _TIME_STEP]
        if np.isfinite(part).any():
            out[f"{start}_{start + part.shape[1] - 1}"] = round(float(psnr(float(np.nanmean(part)))), 3)
    return out
