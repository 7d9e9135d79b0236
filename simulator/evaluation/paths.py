"""Paths to dream along: on as recorded, back over one's own steps, standing still."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.actions import ActionSpec
from simulator.evaluation import scenes
from simulator.evaluation.dream import Step
from simulator.evaluation.scenes import Scene


def onward(batch: Sequence[Scene], start: int, n_frames: int, *, only_known: bool = False) -> list[Step]:
    """Frames `start` .. `start + n_frames - 1` as recorded; only_known: score only parts whose content the first `start`
    frames have shown."""
    known = [scene.known(start) for scene in batch] if only_known else []
    everywhere = _everywhere(batch)
    return [
        Step(
            t,
            scenes.actions(batch, t),
            scenes.poses(batch, t),
            scenes.frames(batch, t),
            np.stack([rows[t] for rows in known]) if only_known else everywhere,
        )
        for t in range(start, start + n_frames)
    ]


def backward(batch: Sequence[Scene], start: int, n_frames: int, actions: ActionSpec) -> list[Step]:
    """From frame `start - 1` back over the player's own steps, `n_frames` of them: frame start - 2, start - 3 and so on.

    The maze has no key for walking backwards. Turns are undone by the opposite turn, a step forward by none, and the true
    pose says the rest, so this path exists only where poses are given. What was changed by then stays changed.
    """
    steps = []
    for t in range(start - 2, start - 2 - n_frames, -1):
        action = np.array([actions.undo(scene.episode.action[t + 1]) for scene in batch])
        truth = scenes.again(batch, t, start - 1, start - 1 - t)
        steps.append(Step(t, action, scenes.poses(batch, t), truth, _everywhere(batch)))
    return steps


def standing(batch: Sequence[Scene], start: int, n_frames: int, actions: ActionSpec) -> list[Step]:
    """Stay where frame `start - 1` was taken, with no key held: the picture must stay as it is."""
    action, pose = np.full(len(batch), actions.noop), scenes.poses(batch, start - 1)
    return [
        Step(start - 1, action, pose, scenes.again(batch, start - 1, start - 1, later), _everywhere(batch))
        for later in range(1, n_frames + 1)
    ]


def _everywhere(batch: Sequence[Scene]) -> np.ndarray:
    return np.ones((len(batch), len(batch[0].ages(0))), bool)
