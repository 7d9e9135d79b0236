"""One step ahead from the true past: what the memory knows, apart from what dreaming spoils.

Every frame is predicted once from pure noise and scored by the age of each column's content; then the true frame is
absorbed, under the true pose or, on keys only, under the pose the model believes in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from envs.pose import wrap
from simulator.engine import Engine, Moment
from simulator.evaluation import balls, scenes, tally
from simulator.evaluation.controls import Controls
from simulator.evaluation.plan import Plan
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import Tally
from simulator.evaluation.target import Target, add_scores, column_scores, target

REVISIT_AGE = 9
"""A ball out of sight for so long is out of every attention window in use: seeing it again is a revisit."""
_STRIP_GAP, _STRIP_SHARE = 20, 0.15
"""Frames between two examples of the report, and the share of columns older than 8 frames that makes one."""


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
    """tally: `mse`, `ssim`, `perceptual`, `wall`, plain (the model) and with prefixes `copy_last_`, `reset_`,
    `swapped_`, `paired_` (the model on the frames of the controls).
    balls: counts (b,) by `frames`, `hallucinated` and kind_verdict, kind being in_view, revisit or first_seen.
    marks: the moment after so many true frames, from which dreams start. pose_error: (b, t, 2), cells and degrees between
    believed and true pose. frame_mse: (b, t), NaN where no prediction was made. strips: examples from the first maze."""

    tally: Tally
    balls: dict[str, np.ndarray]
    marks: dict[int, Moment]
    pose_error: np.ndarray
    frame_mse: np.ndarray
    strips: list[Strip] = field(default_factory=list)


def start(engine: Engine, batch: list[Scene], seed: int = 0) -> Moment:
    """The moment after the first true frame, standing where the player truly stands."""
    return engine.begin([scene.episode.clip(0, 1) for scene in batch], seed)


def one_step(
    engine: Engine, batch: list[Scene], plan: Plan, *, pose_given: bool, marks: tuple[int, ...], controls: bool
) -> OneStep:
    """Predict frames 1 .. plan.onestep_frames - 1 of every scene and score them.

    marks: numbers of absorbed true frames whose moment is kept; those beyond the episode are not. controls: run the causal
    controls beside it.
    """
    n_frames = min(plan.onestep_frames, len(batch[0]))
    stop = max([n_frames] + [mark + 1 for mark in marks if mark < len(batch[0])])
    moment = start(engine, batch)
    result = OneStep(Tally(len(batch)), {}, {}, np.zeros((len(batch), n_frames, 2)), np.full((len(batch), n_frames), np.nan))
    cut = Controls(engine, moment, plan.reset_every if controls else ())
    for t in tqdm(range(1, stop), desc=f"one step, {'pose given' if pose_given else 'keys only'}", unit="frame"):
        if t in marks:
            result.marks[t] = moment
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
            cut.absorb(aim, believed)
        moment = engine.absorb(moment, aim.truth, aim.action, believed)
    return result


def pose_error(believed: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(b, 2): distance in cells and heading difference in degrees between poses (b, 5)."""
    apart = np.linalg.norm(believed[:, :2] - true[:, :2], axis=1)
    return np.stack([apart, np.degrees(np.abs(wrap(believed[:, 3] - true[:, 3])))], axis=1)


def _score(result: OneStep, batch: list[Scene], aim: Target, dream: np.ndarray, before: np.ndarray) -> None:
    add_scores(result.tally, "", dream, aim)
    add_scores(result.tally, "copy_last_", before, aim)
    result.frame_mse[:, aim.t] = column_scores(dream, aim.truth, aim.border)["mse"].mean(axis=1)
    for row, scene in enumerate(batch):
        for name in _ball_verdicts(scene, aim.t, dream[row]):
            result.balls.setdefault(name, np.zeros(len(batch)))[row] += 1
    _keep_strip(result.strips, batch[0], aim, dream[0])


def _ball_verdicts(scene: Scene, t: int, dream: np.ndarray) -> list[str]:
    """The names to count for one dreamt frame."""
    verdicts, stray = balls.judge(dream, balls.zones(scene.sight, t, dream.shape[0]), scene.ball_colours)
    names = ["frames"] + (["hallucinated"] if stray else [])
    for ball, verdict in verdicts.items():
        age = scene.ball_age[t][scene.sight.ball[t] == ball].min()
        kind = "first_seen" if np.isinf(age) else "revisit" if age >= REVISIT_AGE else "in_view"
        names.append(f"{kind}_{verdict}")
    return names


def _keep_strip(strips: list[Strip], scene: Scene, aim: Target, dream: np.ndarray) -> None:
    """Keep this frame as an example where much of it comes back after a while, not too soon after the last example."""
    age = scenes.inside(scene.age[aim.t][None], aim.border)[0]
    old = (age >= tally.LOWER_EDGES[2]) & np.isfinite(age)
    if old.mean() > _STRIP_SHARE and (not strips or aim.t - strips[-1].t >= _STRIP_GAP):
        last = aim.t - int(np.bincount(age[old].astype(int)).argmax())  # the frame that showed most of it
        strips.append(Strip(aim.t, aim.t - last, scene.episode.image[last], aim.truth[0], dream))
