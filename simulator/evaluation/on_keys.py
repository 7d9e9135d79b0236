"""On keys alone: what is still there when the dreamer comes home to where it believes A is, and whether walls stop it."""

from __future__ import annotations

import copy
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
from simulator.moment import Moment

PUSH, TURN, N_PUSHES = 30, 10, 3
"""Frames with forward held, then with a turn to one side and the other in turn, and how often."""
INSIDE = 0.05
"""Cells beyond the nearest free cell from which a body is inside a wall."""


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


def push_on(engine: Engine, batch: Sequence[Scene], start: int) -> tuple[dict[str, Any], list[str]]:
    """`pushing`: after `start` true frames forward is held, with a turn now and then; the share of frames in which the body
    is believed inside a wall of the true maze, and how deep in the mean, in cells. The real maze lets nobody in.

    `..._unstopped`: the same where believed walls stop nobody. Empty where there is no layout, or, with a line, too few frames.
    """
    if not all("maze_layout" in scene.episode.extras for scene in batch):
        return {}, []
    if start > len(batch[0]):
        return {}, [f"pushing (keys only): needs {start} frames, the episodes have {len(batch[0])}"]
    moment = engine.begin([scene.episode.clip(0, start) for scene in batch], 0)
    layouts = [scene.episode.extras["maze_layout"][0] for scene in batch]
    depth = {"": _depths(engine, moment, layouts)}
    if engine.belief is not None:
        heedless = copy.copy(engine)
        heedless.belief = None
        depth["_unstopped"] = _depths(heedless, moment, layouts)
    told: dict[str, Any] = {"n_mazes": len(batch), "n_frames": depth[""].shape[1]}
    for name, found in depth.items():
        told[f"inside{name}"] = round(float((found > INSIDE).mean()), 4)
        told[f"depth_cells{name}"] = round(float(found.mean()), 4)
    return {"pushing": told}, []


def _depths(engine: Engine, moment: Moment, layouts: Sequence[np.ndarray]) -> np.ndarray:
    """How far (n_mazes, n_frames) from the nearest free cell the dreamer believes it is while it pushes on, in cells."""
    free = [np.argwhere(layout)[:, ::-1] + 0.5 for layout in layouts]  # middles, (x, y)
    forward, left, right = (engine.actions.names.index(name) for name in ("forward", "left", "right"))
    found = []
    for push in range(N_PUSHES):
        for action in [forward] * PUSH + [(left, right)[push % 2]] * TURN:
            moment = engine.step(moment, np.full(len(layouts), action))
            beyond = [np.abs(pose[:2] - middles) - 0.5 for pose, middles in zip(moment.pose, free, strict=True)]
            found.append([np.linalg.norm(np.maximum(one, 0), axis=1).min() for one in beyond])
    return np.array(found).T


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
