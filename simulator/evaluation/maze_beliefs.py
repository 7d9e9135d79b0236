"""What the state knows of a maze while the true frames go by: walls and balls read from it by the checkpoint's own probe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from envs.episode import EpisodeError
from models.belief import readings
from models.training.belief import Memories, seen_so_far, truth
from simulator.engine import Engine
from simulator.evaluation.beliefs import constant_guess, score
from simulator.evaluation.plan import Plan
from simulator.evaluation.scenes import Probe, Scene
from simulator.moment import Moment

EVERY = 50
"""Frames between two looks."""


class Beliefs:
    """Looks at the state every EVERY frames. Raises EpisodeError where a maze does not fit the model's ring of slots."""

    def __init__(self, engine: Engine, batch: Sequence[Scene]) -> None:
        assert engine.belief is not None
        self._engine, self._probe = engine, engine.belief
        walls, balls, inside = zip(*(truth(scene.episode, engine.config) for scene in batch), strict=True)
        self._fixed = [torch.from_numpy(np.stack(values)) for values in (walls, balls, inside)]
        self._seen = torch.from_numpy(np.stack([seen_so_far(scene.episode, engine.config) for scene in batch]))
        self._looks: list[tuple[int, Tensor]] = []

    def __call__(self, t: int, moment: Moment) -> None:
        if t % EVERY == 0:
            self._looks.append((t, readings(self._engine.config, moment.stream).half().cpu()))

    def summary(self) -> dict[str, Any]:
        """`beliefs`, as `beliefs.score` tells them. The constant guess is the best one for these very mazes: it is flattered."""
        if not self._looks:
            return {}
        walls, balls, inside = (value.repeat(len(self._looks), 1, 1) for value in self._fixed)
        n = len(self._seen)
        memories = Memories(
            torch.cat([found for _, found in self._looks]),
            walls,
            balls,
            torch.cat([self._seen[:, t - 1] for t, _ in self._looks]),
            inside,
            torch.tensor([t for t, _ in self._looks]).repeat_interleave(n),
            torch.arange(n).repeat(len(self._looks)),
        )
        return {"beliefs": score(self._probe, memories, constant_guess(memories))}


def probes(engine: Engine, batch: list[Any], plan: Plan, pose_given: bool) -> list[Probe]:
    """The look at the state, where the checkpoint carries a probe of beliefs, poses are given and the mazes fit its map."""
    if engine.belief is None or not pose_given:
        return []
    try:
        return [Beliefs(engine, batch)]
    except EpisodeError as error:
        print(f"left out: beliefs: {error}")
        return []
