"""The island story: ore mined at step 120, a tool crafted at 450, back at the landmark at 900. Is the end dreamt as it is?"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from envs.collect import rollout
from envs.episode import Episode
from simulator.demo.trial import KEPT, OTHER, RESET, Trial
from simulator.demo.walk import Score, score
from simulator.drivers import Recorded

if TYPE_CHECKING:
    from simulator.engine import Engine, Moment

WHAT = "ore at 120, tool at 450, back at the landmark at 900"
N_SHOWN_BEFORE = 30
"""Real frames that the video shows before the dream begins."""
LEAST_GAP = 12
"""Frames dreamt at least: more than the attention window holds."""


def record(seed: int, resolution: int) -> Episode:
    """The story as it really happens on an island chosen by `seed`; its extras hold what is in view. Takes a minute."""
    try:
        stories, env = (importlib.import_module(f"envs.voxel.{name}") for name in ("story", "env"))
    except ModuleNotFoundError as error:
        raise ImportError(f"the story needs the real island ({error}): pip install 'revisit[voxel]'") from error
    told = stories.tell(stories.GOOD_SEEDS[seed % len(stories.GOOD_SEEDS)])
    world = env.VoxelEnv(resolution=resolution)
    return rollout(world, Recorded(world.actions, told.actions.tolist()), stories.RETURN_STEP, told.seed)


def homecoming(episode: Episode) -> int:
    """How many frames before the end the story's landmark came into view for the last time, LEAST_GAP at least."""
    landmarks = importlib.import_module("envs.voxel.landmarks")
    mark = landmarks.NAMES.index(importlib.import_module("envs.voxel.story").LANDMARK)
    unseen = np.flatnonzero(~episode.extras["landmarks_in_view"][:, mark])
    return max(LEAST_GAP, len(episode) - 1 - int(unseen.max(initial=0)))


def run(
    engine: Engine, episode: Episode, other: Moment | None, gap: int, seed: int, tell: Callable[[], object] = lambda: None
) -> Trial:
    """Absorb all of `episode` but its last `gap` frames, then dream those on its keys and poses in every condition."""
    if not 1 <= gap < len(episode):
        raise ValueError(f"--gap {gap}: frames dreamt at the end of a story of {len(episode)}; expected 1..{len(episode) - 1}")
    cut = len(episode) - gap
    start = engine.begin([episode.clip(0, cut)], seed)
    lives = {KEPT: start, RESET: engine.forget(start)}
    if other is not None:
        lives[OTHER] = engine.swap(start, other)
    first = max(0, cut - N_SHOWN_BEFORE)
    frames = {name: list(episode.image[first:cut]) for name in lives}
    for t in range(cut, len(episode)):
        pose = None if episode.pose is None else episode.pose[t : t + 1]
        lives = {name: engine.step(life, episode.action[t : t + 1], pose) for name, life in lives.items()}
        for name, life in lives.items():
            frames[name].append(life.frame[0])
        tell()
    poses = np.zeros((len(episode) - first, 5)) if episode.pose is None else episode.pose[first:]
    pictures = {name: np.stack(seen) for name, seen in frames.items()}
    return Trial(pictures, poses, cut - first, cut - first - 1, episode.image[first:], "real")


def bar_scores(trial: Trial) -> dict[str, Score]:
    """How like the real one the inventory bar is at the end, by condition."""
    rows = importlib.import_module("envs.voxel.hotbar").VIEW_ROWS * trial.view.shape[0] // 64
    return {name: score(trial.view[rows:], seen[-1][rows:]) for name, seen in trial.frames.items()}
