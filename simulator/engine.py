"""Moment x action -> Moment: the learned world, frame by frame, at constant memory and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from envs.episode import Episode


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything needed to go on: keep it to rewind, copy it to branch, save it to resume.

    stream: recurrent and attention state, tensors with leading dimension b. frame: uint8 (b, H, W, 3), the last absorbed.
    pose: float64 (b, 5), where the dreamer believes it is. motion: float64 (b, 5), its last motion in its own frame.
    t: frames absorbed. seed: what all noise is drawn from.
    """

    stream: Any
    frame: np.ndarray
    pose: np.ndarray
    motion: np.ndarray
    t: int
    seed: int


class Engine:
    """A world model played frame by frame. All methods are pure: the moment handed in stays valid and unchanged."""

    def begin(self, context: list[Episode] | None, seed: int, batch: int = 1) -> Moment:
        """The moment after absorbing `context` (one episode a row, equal lengths), or a cold start from nothing.

        A cold start has absorbed no frame: its picture is black until the first `step`, which dreams one.
        """
        raise NotImplementedError

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The next frame uint8 (b, H, W, 3) and its pose (b, 5) after `actions` (b,); reads the state, never writes it.

        pose: where the player truly stands after the action; None integrates the model's own ego-motion.
        """
        raise NotImplementedError

    def absorb(self, moment: Moment, frame: np.ndarray, actions: np.ndarray, pose: np.ndarray) -> Moment:
        """Commit one finished frame, dreamt or true: written to the state exactly once."""
        raise NotImplementedError

    def step(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> Moment:
        """`imagine` then `absorb`: one frame of play."""
        frame, new_pose = self.imagine(moment, actions, pose)
        return self.absorb(moment, frame, actions, new_pose)

    def forget(self, moment: Moment) -> Moment:
        """Amnesia: the same moment with its long memory (SSM state) fresh; the attention window and pose stay."""
        raise NotImplementedError

    def swap(self, moment: Moment, other: Moment) -> Moment:
        """`moment` with the long memory of `other`: what another maze's state does to the picture."""
        raise NotImplementedError

    def with_steps(self, n_steps: int) -> Engine:
        """The same engine with another number of denoising steps a frame (1 or more); moments carry over."""
        raise NotImplementedError
