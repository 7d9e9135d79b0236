"""One step ahead from the true past: what the memory knows, apart from what dreaming spoils.

Every frame is predicted once from pure noise and scored by the age of what each part of it shows; then the true frame is
absorbed, under the true pose or, on keys only, under the pose the model believes in once it has seen it (`Engine.locate`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from envs.pose import wrap
from simulator.engine import Engine
from simulator.evaluation import scenes, tally
from simulator.evaluation.controls import Controls
from simulator.evaluation.plan import Plan
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import Tally
from simulator.evaluation.target import Target, add_scores, column_scores, target
from simulator.moment import Moment

_STRIP_GAP, _STRIP_SHARE = 20, 0.15
"""Frames between two examples of the report, and the share of a frame older than 8 frames that makes one."""


@dataclass(frozen=True)
class Strip:
    """An example for the report: how the place looked when last seen, how it truly looks now, and how it was predicted."""

    t: int
    age: int
    then: np.ndarray
    truth: np.ndarray
    dream: np.ndarray


@dataclass
class OneStep:
    """tally: `mse`, `ssim`, `perceptual` and the facts of the world, plain (the model) and with prefixes `copy_last_`, `reset_`,
    `swapped_`, `paired_` (the model on the frames of the controls).
    verdicts: counts (b,) by name, as `Scene.verdicts` of the world names them.
    marks: the moment after so many true frames, from which dreams start. pose_error: (b, t, 2), cells and degrees between
    believed and true pose. frame_mse: (b, t), NaN where no prediction was made. strips: examples from the first maze."""

    tally: Tally
    verdicts: dict[str, np.ndarray]
    marks: dict[int, Moment]
    pose_error: np.ndarray
    frame_mse: np.ndarray
    strips: list[Strip] = field(default_factory=list)


def start(engine: Engine, batch: Sequence[Scene], seed: int = 0) -> Moment:
    """The moment after the first true frame, standing where the player truly stands."""
    return engine.begin([scene.episode.clip(0, 1) for scene in batch], seed)


def one_step(
    engine: Engine, batch: Sequence[Scene], plan: Plan, *, pose_given: bool, marks: tuple[int, ...], controls: bool,
    probe: Callable[[int, Moment], None] | None = None,
) -> OneStep:  # fmt: skip
    """Predict frames 1 .. plan.onestep_frames - 1 of every scene and score them.

    marks: numbers of absorbed true frames whose moment is kept; those beyond the episode are not. controls: run the causal
    controls beside it. probe: called with `t` and the moment after `t` true frames, for every t that is predicted.
    """
    n_frames = min(plan.onestep_frames, len(batch[0]))
    stop = max([n_frames] + [mark + 1 for mark in marks if mark < len(batch[0])])
    moment = start(engine, batch)
    result = OneStep(Tally(len(batch)), {}, {}, np.zeros((len(batch), n_frames, 2)), np.full((len(batch), n_frames), np.nan))
    cut = Controls(engine, batch, moment, plan.reset_every if controls else ())
    for t in tqdm(range(1, stop), desc=f"one step, {'pose given' if pose_given else 'keys only'}", unit="frame"):
        if t in marks:
            result.marks[t] = moment
        if probe is not None and t < n_frames:
            probe(t, moment)
        aim = target(batch, t)
        believed = aim.pose
        scored = t < n_frames and t % plan.score_every == 0
        if scored or not pose_given:
            dream, believed = engine.imagine(moment, aim.action, aim.pose if pose_given else None)
        if scored:
            _score(result, batch, aim, dream, moment.frame)
        if t < n_frames:
            result.pose_error[:, t] = pose_error(believed, aim.pose)
            cut.forget(t)
            if controls and scored and t % plan.control_every == 0:
                cut.score(result.tally, moment, aim, believed, dream)
        if not pose_given:
            moment, believed = engine.locate(moment, aim.action, aim.truth, (dream, believed))
        if t < n_frames:
            cut.absorb(aim, moment, believed)
        moment = engine.absorb(moment, aim.truth, aim.action, believed)
    return result


def pose_error(believed: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(b, 2): distance in cells and heading difference in degrees between poses (b, 5)."""
    apart = np.linalg.norm(believed[:, :3] - true[:, :3], axis=1)
    return np.stack([apart, np.degrees(np.abs(wrap(believed[:, 3] - true[:, 3])))], axis=1)


def _score(result: OneStep, batch: Sequence[Scene], aim: Target, dream: np.ndarray, before: np.ndarray) -> None:
    add_scores(result.tally, "", dream, aim)
    add_scores(result.tally, "copy_last_", before, aim)
    result.frame_mse[:, aim.t] = column_scores(dream, aim.truth, aim.border)["mse"].mean(axis=1)
    for row, scene in enumerate(batch):
        for name, n in scene.verdicts(aim.t, aim.truth[row], dream[row], before[row], None).items():
            result.verdicts.setdefault(name, np.zeros(len(batch)))[row] += n
    _keep_strip(result.strips, batch[0], aim, dream[0])


def _keep_strip(strips: list[Strip], scene: Scene, aim: Target, dream: np.ndarray) -> None:
    """Keep this frame as an example where much of it comes back after a while, not too soon after the last example."""
    age = scenes.inside(scene.ages(aim.t)[None], aim.border)[0]
    old = (age >= tally.LOWER_EDGES[2]) & np.isfinite(age)
    if old.mean() > _STRIP_SHARE and (not strips or aim.t - strips[-1].t >= _STRIP_GAP):
        last = aim.t - int(np.bincount(age[old].astype(int)).argmax())  # the frame that showed most of it
        strips.append(Strip(aim.t, aim.t - last, scene.episode.image[last], aim.truth[0], dream))
