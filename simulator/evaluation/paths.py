"""Paths to dream along: on as recorded, back over one's own steps, standing still."""

from __future__ import annotations

import numpy as np

from envs import content_age
from envs.actions import ActionSpec
from simulator.evaluation import scenes
from simulator.evaluation.dream import Step
from simulator.evaluation.scenes import Scene


def onward(batch: list[Scene], start: int, n_frames: int, *, only_known: bool = False) -> list[Step]:
    """Frames `start` .. `start + n_frames - 1` as recorded; only_known: score only columns whose content the first `start`
    frames have shown."""
    known = [content_age.in_view_before(scene.sight, start) if only_known else np.ones(scene.age.shape, bool) for scene in batch]
    return [
        Step(t, scenes.actions(batch, t), scenes.poses(batch, t), scenes.frames(batch, t), np.stack([rows[t] for rows in known]))
        for t in range(start, start + n_frames)
    ]


def backward(batch: list[Scene], start: int, n_frames: int, actions: ActionSpec) -> list[Step]:
    """From frame `start - 1` back over the player's own steps, `n_frames` of them: frame start - 2, start - 3 and so on.

    The maze has no key for walking backwards. Turns are undone by the opposite turn, a step forward by none, and the true
    pose says the rest, so this path exists only where poses are given.
    """
    steps = []
    for t in range(start - 2, start - 2 - n_frames, -1):
        action = np.array([actions.undo(scene.episode.action[t + 1]) for scene in batch])
        steps.append(Step(t, action, scenes.poses(batch, t), scenes.frames(batch, t), _everywhere(batch)))
    return steps


def standing(batch: list[Scene], start: int, n_frames: int, actions: ActionSpec) -> list[Step]:
    """Stay where frame `start - 1` was taken, with no key held: the picture must stay as it is."""
    still = Step(
        start - 1,
        np.full(len(batch), actions.noop),
        scenes.poses(batch, start - 1),
        scenes.frames(batch, start - 1),
        _everywhere(batch),
    )
    return [still] * n_frames


def _everywhere(batch: list[Scene]) -> np.ndarray:
    return np.ones((len(batch), batch[0].episode.image.shape[2]), bool)
