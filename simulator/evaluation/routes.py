"""Routes that close: turn around, turn and turn back, walk back and return, walk around, and the same dreamt from nothing.

Poses are given, so that a route ends exactly where it began and the last picture must equal the first. The length of the
way is reported beside the score, since standing still would close any loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from envs.actions import ActionSpec
from simulator.engine import Engine
from simulator.evaluation import metrics, scenes
from simulator.evaluation.circuit import Leg, around
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import estimate
from simulator.evaluation.target import column_scores
from simulator.moment import Moment

WALK = 60
"""Frames walked back along the recorded path before returning."""
DREAM_FIRST = 40
"""Frames dreamt from nothing before going back over them."""


def turns(pose: np.ndarray, sides: list[int], step: float, actions: ActionSpec) -> list[Leg]:
    """(action, pose) of turning on the spot from `pose` (b, 5): +1 a step (radians) left, -1 a step right."""
    legs, pose = [], pose.copy()
    for side in sides:
        pose = pose.copy()
        pose[:, 3] += side * step
        legs.append((np.full(len(pose), actions.id_of("left" if side > 0 else "right")), pose))
    return legs


def there_and_back(batch: Sequence[Scene], frames: list[int], actions: ActionSpec) -> list[Leg]:
    """(action, pose) of visiting recorded `frames` in turn from their first, then in reverse to it, changing nothing."""
    legs = []
    for now, after in zip(frames + frames[-2::-1], (frames + frames[-2::-1])[1:], strict=False):
        if after > now:
            action = np.array([scene.on_foot(scene.episode.action[after]) for scene in batch])
        else:
            action = np.array([actions.undo(scene.episode.action[now]) for scene in batch])
        legs.append((action, scenes.poses(batch, after)))
    return legs


def routes(
    engine: Engine, batch: Sequence[Scene], moment: Moment | None, start: int, n_mazes: int
) -> tuple[dict[str, Any], list[str]]:
    """Scores of every route by name. moment: after `start` true frames of `batch`[:n_mazes], or None where there is none."""
    few = batch[:n_mazes]
    results: dict[str, Any] = {}
    if moment is None or start < WALK + 1:
        return {}, [f"routes: need {max(start, WALK + 1)} frames, the episodes have {len(batch[0])}"]
    actions, here = engine.actions, scenes.poses(few, start - 1)
    step = few[0].turn
    half, whole = round(np.pi / step), round(2 * np.pi / step)
    ways = {
        "turn_360": turns(here, [1] * whole, step, actions),
        "turn_180_and_back": turns(here, [1] * half + [-1] * half, step, actions),
        "walk_back_and_return": there_and_back(few, list(range(start - 1, start - 1 - WALK, -1)), actions),
        "walk_around": around(few, start - 1, actions),
    }
    ways = {name: way for name, way in ways.items() if way}
    border = scenes.border(batch)
    for name, way in tqdm(ways.items(), desc="routes", unit="route", leave=False):
        last = walk(engine, moment, way)[-1]
        truth = scenes.again(few, start - 1, start - 1, len(way))
        results[name] = closing(last.frame, truth, way, here, border)
    cold = engine.begin(None, 1, batch=len(few))
    way = there_and_back(few, list(range(DREAM_FIRST)), actions)
    seen = walk(engine, cold, [(np.full(len(few), actions.noop), scenes.poses(few, 0)), *way])
    outward, homeward = seen[:DREAM_FIRST], seen[DREAM_FIRST - 1 :][::-1]
    results["self_consistency"] = closing(homeward[0].frame, outward[0].frame, way, scenes.poses(few, 0), border)
    gaps = range(1, DREAM_FIRST)
    by_gap = [metrics.psnr(column_scores(homeward[i].frame, outward[i].frame, border)["mse"].mean(axis=1)).mean() for i in gaps]
    results["self_consistency"]["psnr_over_way_back"] = round(float(np.mean(by_gap)), 3)
    return results, []


def walk(engine: Engine, moment: Moment, way: list[Leg]) -> list[Moment]:
    """The moments along `way`, poses given."""
    seen = []
    for action, pose in way:
        moment = engine.step(moment, action, pose)
        seen.append(moment)
    return seen


def closing(last: np.ndarray, first: np.ndarray, way: list[Leg], begin: np.ndarray, border: int) -> dict[str, Any]:
    """How like the first picture (b, H, W, 3) the last one is, over what way."""
    scores = column_scores(last, first, border)
    each = metrics.psnr(scores["mse"].mean(axis=1))
    value, interval = estimate(each, np.ones(len(each)))
    stations = np.stack([begin, *(pose for _, pose in way)])
    cells = np.linalg.norm(np.diff(stations[..., :2], axis=0), axis=-1).sum(axis=0)
    return {
        "psnr": value,
        "interval95": interval,
        "ssim": round(float(scores["ssim"].mean()), 4),
        "n_frames": len(way),
        "path_cells": round(float(cells.mean()), 2),
        "path_degrees": round(
            float(np.degrees(np.abs(np.diff(np.unwrap(stations[..., 3], axis=0), axis=0)).sum(axis=0)).mean()), 1
        ),
    }
