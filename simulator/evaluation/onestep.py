"""One step ahead from the true past: what the memory knows, apart from what dreaming spoils.

Every frame is predicted once from pure noise and scored by the age of each column's content; then the true frame is
absorbed. Beside it run the causal controls, same weights and same frames: the long memory reset every R frames, so that
content at least R frames old cannot be in it (the last few frames stay in the attention window), and the long memory of
the next maze of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from envs.pose import wrap
from simulator.engine import Engine, Moment
from simulator.evaluation import balls, metrics, scenes, tally, walls
from simulator.evaluation.moments import take_rows
from simulator.evaluation.plan import Plan
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import Tally

REVISIT_AGE = 9
"""A ball out of sight for so long is out of every attention window in use: seeing it again is a revisit."""


@dataclass
class OneStep:
    """Scores by name in `tally` (`mse`, `ssim`, `perceptual`, `wall`, each also with `copy_last_`, and `reset_mse`,
    `swapped_mse`, `reset_wall`, `swapped_wall`); `ball` counts verdicts by maze and name; `marks` holds the moments, by
    frame count, from which dreams start; `pose_error` (b, t, 2) is in cells and degrees, all zero where poses were given;
    `strips` holds (truth, dream) of the first maze where much old content came back."""

    tally: Tally
    ball: dict[str, np.ndarray]
    marks: dict[int, Moment]
    pose_error: np.ndarray
    strips: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)


def start(engine: Engine, batch: list[Scene], seed: int = 0) -> Moment:
    """The moment after the first true frame, standing where the player truly stands."""
    return engine.begin([scene.episode.clip(0, 1) for scene in batch], seed)


def one_step(engine: Engine, batch: list[Scene], plan: Plan, *, pose_given: bool, marks: tuple[int, ...], controls: bool) -> OneStep:
    """Predict frames 1 .. plan.onestep_frames - 1 of every scene and score them.

    pose_given: hand over the true pose; else the engine integrates its own ego-motion and absorbs true frames under the
    pose it believes. marks: numbers of absorbed frames whose moment is kept. controls: run reset and swapped too.
    """
    n_frames = min(plan.onestep_frames, len(batch[0]))
    moment = start(engine, batch)
    result = OneStep(Tally(len(batch)), {}, {}, np.zeros((len(batch), n_frames, 2)))
    resets = {every: moment for every in plan.reset_every} if controls else {}
    last_mark = max((mark for mark in marks if mark <= len(batch[0])), default=0)
    for t in tqdm(range(1, max(n_frames, last_mark)), desc=f"one step, {'pose given' if pose_given else 'keys only'}", unit="frame"):
        if t in marks:
            result.marks[t] = moment
        action, truth = scenes.actions(batch, t), scenes.frames(batch, t)
        given = scenes.poses(batch, t) if pose_given else None
        scored = t < n_frames and t % plan.score_every == 0
        dream, believed = engine.imagine(moment, action, given)
        if t < n_frames:
            result.pose_error[:, t] = _pose_error(believed, scenes.poses(batch, t))
        if scored:
            _score(result, batch, t, dream, truth, moment.frame)
        if t < n_frames:
            resets = {every: engine.forget(kept) if t % every == 0 else kept for every, kept in resets.items()}
            if controls and t % plan.control_every == 0:
                _score_controls(engine, result.tally, batch, t, moment, resets, believed)
            resets = {every: engine.absorb(kept, truth, action, believed) for every, kept in resets.items()}
        moment = engine.absorb(moment, truth, action, believed)
    if max(n_frames, last_mark) in marks:
        result.marks[max(n_frames, last_mark)] = moment
    return result


def _pose_error(believed: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(b, 2): distance in cells and heading difference in degrees."""
    apart = np.linalg.norm(believed[:, :2] - true[:, :2], axis=1)
    return np.stack([apart, np.degrees(np.abs(wrap(believed[:, 3] - true[:, 3])))], axis=1)


def column_scores(dream: np.ndarray, truth: np.ndarray, width: int) -> dict[str, np.ndarray]:
    """Every column metric (b, W - 2 * width) of frames (b, H, W, 3), `width` border pixels left out."""
    a, b = scenes.inside(dream, width), scenes.inside(truth, width)
    return {"mse": metrics.column_mse(a, b), "ssim": metrics.column_ssim(a, b), "perceptual": metrics.column_perceptual(a, b)}


def _add_walls(into: Tally, name: str, batch: list[Scene], t: int, dream: np.ndarray, truth: np.ndarray, bins: np.ndarray) -> None:
    right = walls.wall_colours(dream) == walls.wall_colours(truth)
    whole = np.concatenate([walls.undivided(part) for part in (_at(scene, t) for scene in batch)])
    width = scenes.border(batch)
    into.add(name, scenes.inside(right.astype(float), width), bins, scenes.inside(whole, width))


def _at(scene: Scene, t: int):
    return type(scene.sight)(*(values[t : t + 1] for values in scene.sight))


def bins_at(batch: list[Scene], t: int) -> np.ndarray:
    """Age bin (b, W) of every scored column of frame `t`."""
    return tally.bin_of(scenes.inside(np.stack([scene.age[t] for scene in batch]), scenes.border(batch)))


def _score(result: OneStep, batch: list[Scene], t: int, dream: np.ndarray, truth: np.ndarray, before: np.ndarray) -> None:
    bins = bins_at(batch, t)
    for prefix, frames in (("", dream), ("copy_last_", before)):
        for name, values in column_scores(frames, truth, scenes.border(batch)).items():
            result.tally.add(prefix + name, values, bins)
        _add_walls(result.tally, prefix + "wall", batch, t, frames, truth, bins)
    for row, scene in enumerate(batch):
        _judge_balls(result.ball, scene, row, len(batch), t, dream[row])
    old = (bins[0] >= 2) & (bins[0] < tally.AGE_BINS.index("first_seen"))
    if old.mean() > 0.3 and (not result.strips or t - result.strips[-1][0] >= 20):
        result.strips.append((t, truth[0], dream[0]))


def _judge_balls(counts: dict[str, np.ndarray], scene: Scene, row: int, n_rows: int, t: int, dream: np.ndarray) -> None:
    verdicts, stray = balls.judge(dream, balls.zones(scene.sight, t, dream.shape[0]), scene.ball_colours)
    names = ["frames"] + (["hallucinated"] if stray else [])
    for ball, verdict in verdicts.items():
        age = scene.ball_age[t][scene.sight.ball[t] == ball].min()
        kind = "first_seen" if np.isinf(age) else "revisit" if age >= REVISIT_AGE else "in_view"
        names.append(f"{kind}_{verdict}")
    for name in names:
        counts.setdefault(name, np.zeros(n_rows))[row] += 1


def _score_controls(
    engine: Engine,
    into: Tally,
    batch: list[Scene],
    t: int,
    moment: Moment,
    resets: dict[int, Moment],
    pose: np.ndarray,
) -> None:
    """Predict frame `t` with cut and with exchanged memories; the pose is the one the whole memory believes in, so that
    the memory is all that differs."""
    action, truth, bins = scenes.actions(batch, t), scenes.frames(batch, t), bins_at(batch, t)
    serves = {slot: _reset_for(edge, tuple(resets)) for slot, edge in enumerate(tally.LOWER_EDGES)}
    for every, kept in resets.items():
        mine = np.isin(bins, [slot for slot, used in serves.items() if used == every])
        if mine.any():
            _add_control(engine, into, "reset_", batch, t, kept, action, pose, truth, bins, mine)
    if len(batch) > 1:
        other = take_rows(moment, [(row + 1) % len(batch) for row in range(len(batch))])
        everywhere = np.ones(bins.shape, bool)
        _add_control(engine, into, "swapped_", batch, t, engine.swap(moment, other), action, pose, truth, bins, everywhere)


def _reset_for(edge: float, every: tuple[int, ...]) -> int | None:
    """The longest reset that is not above a bin's youngest age; first-seen content was in no memory, so any will do."""
    return max((r for r in every if r <= edge), default=None)


def _add_control(engine, into, prefix, batch, t, moment, action, pose, truth, bins, keep) -> None:  # noqa: ANN001
    dream, _ = engine.imagine(moment, action, pose)
    width = scenes.border(batch)
    into.add(prefix + "mse", column_scores(dream, truth, width)["mse"], bins, keep)
    whole = np.concatenate([walls.undivided(_at(scene, t)) for scene in batch])
    right = (walls.wall_colours(dream) == walls.wall_colours(truth)).astype(float)
    into.add(prefix + "wall", scenes.inside(right, width), bins, keep & scenes.inside(whole, width))
