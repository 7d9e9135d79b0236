"""A real world small enough to start quickly: a dot on a wrapped row of pixels, rewindable, deterministic."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from envs.memory_maze import ACTIONS

SIDE = 32


class ForgetfulTinyEnv(gym.Env[np.ndarray, int]):
    """Forward moves the dot, left and right change its colour; action 5 sometimes fails when asked to."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 4.0}
    actions = ACTIONS
    action_space = gym.spaces.Discrete(ACTIONS.n_actions)
    observation_space = gym.spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.where, self.colour, self.t = 0, 0, 0

    def _frame(self) -> np.ndarray:
        frame = np.full((SIDE, SIDE, 3), 40 + 5 * self.colour % 200, np.uint8)
        frame[:, self.where % SIDE] = 255
        return frame

    def _info(self) -> dict[str, Any]:
        return {"pose": np.array([self.where / 4, 0, 0, 0.3 * self.colour, 0], np.float64)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.where, self.colour, self.t = int(seed or 0) % SIDE, 0, 0
        return self._frame(), self._info()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.t += 1
        if self.t == self.dies_at:
            os._exit(7)
        self.where += action in (1, 4, 5)
        self.colour += action in (2, 4)
        return self._frame(), 0.0, False, False, self._info()


class TinyEnv(ForgetfulTinyEnv):
    """The same, and it can be put back."""

    def snapshot(self) -> tuple[int, int, int]:
        return self.where, self.colour, self.t

    def restore(self, snapshot: tuple[int, int, int]) -> None:
        self.where, self.colour, self.t = snapshot
