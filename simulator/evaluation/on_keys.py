"""The way around a maze walked on keys alone: what is still there when the dreamer comes home to where it believes A is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.demo import trial
from simulator.demo.routes import Lost, around
from simulator.demo.trial import CONDITIONS, KEPT, OTHER, RESET, Trial
from simulator.demo.walk import pose_gap
from simulator.engine import Engine
from simulator.evaluation import circuit, metrics, scenes
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import estimate
from simulator.evaluation.target import column_scores


def walk_around(engine: Engine, batch: Sequence[Scene], start: int) -> tuple[dict[str, Any], list[str]]:
    """Scores of `circuit.loop` after `start` true frames of every maze, by name, and a line for each maze it was not walked in.

    Keys are planned on where the dreamer believes it is and lead back to nearly the same pose, so the last picture is asked for
    from exactly where the first, a true one, was taken. Beside it the memory emptied, or another maze's, from half-way on.
    """
    if not all("maze_layout" in scene.episode.extras for scene in batch):
        return {}, []
    if start > len(batch[0]):
        return {}, [f"walk around (keys only): needs {start} frames, the episodes have {len(batch[0])}"]
    moments = [engine.begin([scene.episode.clip(0, start)], 0) for scene in batch]
    others, trials, left_out = scenes.strangers(batch), [], []
    for row, (scene, moment) in enumerate(zip(batch, moments, strict=True)):
        stations = circuit.stations(scene.episode.extras["maze_layout"][0], moment.pose[0])
        try:
            if not stations:
                raise Lost("no cell around is free")
            walked = trial.run(engine, moment, moments[others[row]] if others else None, around(stations), None)
            if walked.path_cells < len(stations) / 2:
                raise Lost(f"its keys led over {walked.path_cells:.1f} of {len(stations) + 1} cells")
            trials.append(walked)
        except Lost as lost:
            left_out.append(f"walk around (keys only): {scene.name}: {lost}")
    return {"walk_around": _told(trials, scenes.border(batch))} if trials else {}, left_out


def _told(trials: Sequence[Trial], border: int) -> dict[str, Any]:
    """Means over mazes, `border` pixels left out on every side."""
    true = np.stack([one.frames[KEPT][0] for one in trials])
    asked = {name: np.stack([one.asked[name] for one in trials]) for name in CONDITIONS if name in trials[0].asked}
    scores = {name: column_scores(seen, true, border) for name, seen in asked.items()}
    psnr = {name: metrics.psnr(found["mse"].mean(axis=1)) for name, found in scores.items()}
    value, interval = estimate(psnr[KEPT], np.ones(len(trials)))
    off = [pose_gap(one.poses[0], one.poses[-1]) for one in trials]

    def mean(values: Any, digits: int) -> float | None:
        return None if values is None else round(float(np.mean(values)), digits)

    return {
        "psnr": value,
        "interval95": interval,
        "psnr_reset": mean(psnr[RESET], 4),
        "psnr_swapped": mean(psnr.get(OTHER), 4),
        "ssim": mean(scores[KEPT]["ssim"], 4),
        "n_mazes": len(trials),
        "n_frames": round(np.mean([len(one) - 1 for one in trials])),
        "path_cells": mean([one.path_cells for one in trials], 2),
        "path_degrees": mean([np.degrees(np.abs(np.diff(np.unwrap(one.poses[:, 3]))).sum()) for one in trials], 1),
        "off_cells": mean([cells for cells, _ in off], 3),
        "off_degrees": mean([degrees for _, degrees in off], 2),
    }
