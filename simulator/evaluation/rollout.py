"""Dreaming on one's own frames: retrieval, reasoning, drift, standing still.

Protocols after Po et al. 2025 (arXiv 2505.20171): the model sees a context of true frames, then generates. Retrieval walks
back over the context's own path, so that everything asked for has been shown; reasoning goes on as recorded. Memory Maze
has no key for walking backwards, so on keys alone retrieval goes on as recorded, and only those parts are scored whose content
the context has shown. Scores are means over frames of each frame's score, as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.engine import Engine
from simulator.evaluation import paths
from simulator.evaluation.dream import Dream, dream_along
from simulator.evaluation.metrics import PERCEPTUAL_NET
from simulator.evaluation.plan import Plan
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import estimate
from simulator.moment import Moment, take_rows

N_SEGMENTS = 10
BACKWARD = "back over the context's path, true poses"
KNOWN_ONLY = "on as recorded, only what the context has shown"
ONWARD = "on as recorded, whole frames"


def marks(plan: Plan) -> tuple[int, ...]:
    """Numbers of true frames after which dreams start."""
    return tuple(sorted({plan.drift_context, plan.horizon_retrieval[0], plan.horizon_reasoning[0]}))


def rollouts(
    engine: Engine, batch: Sequence[Scene], plan: Plan, starts: dict[int, Moment], *, pose_given: bool
) -> tuple[dict, dict, list[str]]:
    """Every rollout that the episodes are long enough for: summaries by name, first-maze pictures by name, and a line for
    each that was left out. starts: moments by number of true frames absorbed."""
    length = len(batch[0])
    mode = "pose given" if pose_given else "keys only"
    (context, horizon), (context_2, horizon_2) = plan.horizon_retrieval, plan.horizon_reasoning
    wanted: list[tuple[str, int, int, str]] = [
        (f"retrieval_{context}_{horizon}", context, horizon, BACKWARD if pose_given else KNOWN_ONLY),
        (f"continuation_{context}_{horizon}", context, horizon, KNOWN_ONLY),
        (f"reasoning_{context_2}_{horizon_2}", context_2, horizon_2, ONWARD),
    ]
    results: dict[str, Any] = {}
    pictures: dict[str, Any] = {}
    left_out = []
    for name, start, n_frames, protocol in wanted:
        needed = start if protocol == BACKWARD else start + n_frames
        if start not in starts or length < needed:
            left_out.append(f"{name} ({mode}): needs {needed} frames, the episodes have {length}")
            continue
        if name.startswith("continuation") and not pose_given:
            results[name] = results[f"retrieval_{context}_{horizon}"]
            continue
        if protocol == BACKWARD:
            path = paths.backward(batch, start, min(n_frames, start - 1), engine.actions)
        else:
            path = paths.onward(batch, start, n_frames, only_known=protocol == KNOWN_ONLY)
        dreamt = dream_along(engine, batch, starts[start], path, pose_given=pose_given, label=f"{name}, {mode}")
        results[name] = summary(dreamt, protocol, type(batch[0]))
        pictures[name] = dreamt.shown
    return results, pictures, left_out


def summary(dreamt: Dream, protocol: str, kind: type[Scene]) -> dict[str, Any]:
    """Means over frames with bootstrap intervals over mazes, what the verdicts of this `kind` of scene come to, and the
    course over N_SEGMENTS parts of the dream."""
    out: dict[str, Any] = {
        "protocol": protocol,
        "n_frames": dreamt.psnr.shape[1],
        "perceptual_net": PERCEPTUAL_NET,
        "interval95": {},
    }
    for name in ("psnr", "ssim", "perceptual", "copy_last_psnr"):
        values = getattr(dreamt, name)
        counts = np.isfinite(values)
        sums, n = np.where(counts, values, 0).sum(axis=1), counts.sum(axis=1)
        out[name], out["interval95"][name] = estimate(sums, n)
        if name == "psnr":
            out["psnr_by_maze"] = [round(float(total / k), 4) if k else None for total, k in zip(sums, n, strict=True)]
    out |= kind.dream_summary(dreamt.verdicts, out["interval95"])
    out["motion_right"] = round(float(dreamt.motion_right.mean()), 4)
    out["psnr_by_segment"] = segments(dreamt.psnr)
    return out


def segments(values: np.ndarray) -> list[float | None]:
    """Mean of (b, n) over each of N_SEGMENTS equal parts of the n frames; None where nothing was scored."""
    parts = np.array_split(values, N_SEGMENTS, axis=1)
    return [round(float(np.nanmean(part)), 3) if np.isfinite(part).any() else None for part in parts]


def drift(
    engine: Engine, batch: Sequence[Scene], plan: Plan, starts: dict[int, Moment], *, pose_given: bool
) -> tuple[dict, list[str]]:
    """PSNR by ten segments of one long dream on as recorded, and of one that stands still, for the first few mazes."""
    rows = list(range(min(plan.drift_mazes, len(batch))))
    few, mode = [batch[row] for row in rows], "pose given" if pose_given else "keys only"
    n_frames = min(plan.drift_frames, len(batch[0]) - plan.drift_context)
    left_out = []
    if plan.drift_context not in starts or n_frames < N_SEGMENTS:
        return {}, [f"drift ({mode}): needs {plan.drift_context + N_SEGMENTS} frames, the episodes have {len(batch[0])}"]
    if n_frames < plan.drift_frames:
        left_out.append(f"drift ({mode}): {n_frames} of {plan.drift_frames} frames, as long as the episodes are")
    moment = take_rows(starts[plan.drift_context], rows)
    path = paths.onward(few, plan.drift_context, n_frames)
    walking = dream_along(engine, few, moment, path, pose_given=pose_given, label=f"drift, {mode}")
    results: dict[str, Any] = {
        "drift_psnr": segments(walking.psnr),
        "drift_copy_last_psnr": segments(walking.copy_last_psnr),
        "drift_frames": n_frames,
        "drift_mazes": len(rows),
        "action_accuracy": None if pose_given else round(float(walking.motion_right.mean()), 4),
    }
    still = paths.standing(few, plan.drift_context, plan.standing_frames, engine.actions)
    stood = dream_along(engine, few, moment, still, pose_given=pose_given, label=f"standing still, {mode}")
    results |= {
        "standing_psnr": segments(stood.psnr),
        "standing_frames": plan.standing_frames,
        "standing_accuracy": None if pose_given else round(float(stood.motion_right.mean()), 4),
    }
    return results, left_out
