"""A world of one number, small enough to collect in another process within a moment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from envs.actions import ActionSpec

ACTIONS = ActionSpec("toy", ("noop", "up", "down"), (frozenset(), frozenset({"up"}), frozenset({"down"})))


class ToyEnv(gym.Env[np.ndarray, int]):
    """Up and down move a dot; the episode ends after `n_steps`."""

    def __init__(self, n_steps: int = 100) -> None:
        self.n_steps = n_steps
        self.action_space = gym.spaces.Discrete(3)  # type: ignore[assignment]
        self.observation_space = gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)
        self.at, self.t = 0, 0

    def _seen(self) -> tuple[np.ndarray, dict[str, Any]]:
        image = np.zeros((8, 8, 3), np.uint8)
        image[self.at % 8] = 200
        info = {"pose": np.array([0.0, self.at, 0.0, 0.0, 0.0]), "depth": np.array([self.at], np.float32), "seed": 1, "t": self.t}
        return image, info

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.t = int(seed or 0), 0
        return self._seen()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.at += (0, 1, -1)[action]
        self.t += 1
        image, info = self._seen()
        return image, float(action), False, self.t >= self.n_steps, info


class ToyPolicy:
    """Up, up, down, by seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        return int(self.rng.integers(3))


class SlowPolicy(ToyPolicy):
    """Fails at seed 13, like a process that is killed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        if seed == 13:
            raise RuntimeError("killed")


class Fussy(gym.Wrapper):
    """Fits one simulator alone, and says so in a way of its own."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        raise KeyError("mission")


def pose_of(env: ToyEnv, info: dict[str, Any]) -> np.ndarray:
    """Where the dot is, as a world file may name a function for it."""
    return info["pose"]


gym.register("Toy-v0", entry_point=ToyEnv)
