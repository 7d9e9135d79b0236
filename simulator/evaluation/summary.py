"""From tallies to the numbers of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.evaluation.balls import VERDICTS
from simulator.evaluation.metrics import psnr
from simulator.evaluation.onestep import OneStep
from simulator.evaluation.tally import AGE_BINS, WHOLE, estimate

_SCORES: dict[str, tuple[str, Callable]] = {
    "onestep_psnr": ("mse", psnr),
    "onestep_psnr_reset": ("reset_mse", psnr),
    "onestep_psnr_swapped": ("swapped_mse", psnr),
    "onestep_ssim": ("ssim", float),
    "onestep_perceptual": ("perceptual", float),
    "copy_last_psnr_by_age": ("copy_last_mse", psnr),
    "wall_colour_accuracy": ("wall", float),
    "wall_colour_accuracy_reset": ("reset_wall", float),
    "wall_colour_accuracy_swapped": ("swapped_wall", float),
    "wall_colour_accuracy_copy_last": ("copy_last_wall", float),
}
_WHOLE_SCORES: dict[str, tuple[str, Callable]] = {
    "whole_frame_psnr": ("mse", psnr),
    "whole_frame_ssim": ("ssim", float),
    "whole_frame_perceptual": ("perceptual", float),
    "copy_last_psnr": ("copy_last_mse", psnr),
}
_POSE_FRAMES = (1, 10, 100, 400, 1000)
_TIME_STEP = 100


def onestep_summary(result: OneStep) -> dict[str, Any]:
    """Scores by age bin and for whole frames, their 95% intervals over mazes, balls, and the course over the episode.

    PSNR is that of the mean squared error over all columns of a bin, all mazes together. Controls are made for some frames
    only; `memory_gain_...` (dB) compares on those same frames.
    """
    tally = result.tally
    out: dict[str, Any] = {"n_mazes": tally.n_mazes}
    intervals: dict[str, Any] = {}
    for name, (score, of_mean) in _SCORES.items():
        out[name], intervals[name] = tally.by_age(score, of_mean), tally.intervals_by_age(score, of_mean)
    for name, (score, of_mean) in _WHOLE_SCORES.items():
        out[name], intervals[name] = tally.value(score, WHOLE, of_mean), tally.interval(score, WHOLE, of_mean)
    for name, other in (("memory_gain_over_reset", "reset_mse"), ("memory_gain_over_swapped", "swapped_mse")):
        out[name], intervals[name] = tally.gain_by_age("paired_mse", other, psnr)
    counts = tally.counts("mse")
    out["column_share"] = {label: round(float(counts[slot] / max(counts[WHOLE], 1)), 5) for slot, label in enumerate(AGE_BINS)}
    out |= ball_summary(result.balls, intervals)
    out["onestep_psnr_by_frame"] = _by_time(result.frame_mse)
    out["pose_drift"] = {
        f"after_{n}": {"cells": round(float(error[0]), 4), "degrees": round(float(error[1]), 3)}
        for n, error in ((n, result.pose_error[:, n].mean(axis=0)) for n in _POSE_FRAMES if n < result.pose_error.shape[1])
    }
    out["interval95"] = intervals
    return out


def ball_summary(balls: dict[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
    """`ball_hit_rate` on revisit, with its interval put into `intervals`, and all verdicts as shares by kind of sight."""

    def count(name: str) -> np.ndarray:
        return balls.get(name, np.zeros(1))

    shares: dict[str, Any] = {}
    for kind in ("revisit", "in_view", "first_seen"):
        n = sum(count(f"{kind}_{verdict}").sum() for verdict in VERDICTS)
        shares[kind] = {"n": int(n)} | {
            verdict: round(float(count(f"{kind}_{verdict}").sum() / n), 4) if n else None for verdict in VERDICTS
        }
    hits = count("revisit_hit")
    total = hits + count("revisit_miss") + count("revisit_wrong_colour")
    rate, intervals["ball_hit_rate"] = estimate(np.broadcast_to(hits, total.shape), total)
    n_frames = count("frames").sum()
    hallucinated = round(float(count("hallucinated").sum() / n_frames), 4) if n_frames else None
    return {"ball_hit_rate": rate, "balls": shares | {"hallucinated_per_frame": hallucinated}}


def _by_time(frame_mse: np.ndarray) -> dict[str, float]:
    """Whole-frame PSNR by hundreds of frames since the start: does it hold past the training length?"""
    out = {}
    for start in range(0, frame_mse.shape[1], _TIME_STEP):
        part = frame_mse[:, start : start + _TIME_STEP]
        if np.isfinite(part).any():
            out[f"{start}_{start + part.shape[1] - 1}"] = round(float(psnr(float(np.nanmean(part)))), 3)
    return out
