"""The learned worlds as Gymnasium envs, one at a time or many in one batch. Importing this module registers them.

import gymnasium, simulator.gym_env
env = gymnasium.make("Revisit/MemoryMaze-v0", clip="", render_mode="rgb_array")
envs = gymnasium.make_vec("Revisit/MemoryMaze-v0", num_envs=8)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.episode import Episode
from simulator.engine import Moment
from simulator.recipe import Recipe, load_dream
from simulator.world import Snapshot, Tick
from simulator.worlds import LearnedWorld

N_STEPS = 1000
"""Steps of one registered episode; the dream itself never ends."""
N_SEEDS = 2**31 - 1


def _dream(engine: Any, world: str, checkpoint: str | Path | None, denoising_steps: int | None, device: str) -> LearnedWorld:
    if engine is not None:
        return LearnedWorld(engine)
    folder = None if checkpoint is None else str(checkpoint)
    return load_dream(Recipe(world=world, checkpoint=folder, n_steps=denoising_steps, device=device))


def _spaces(dream: LearnedWorld) -> tuple[gym.spaces.Box, gym.spaces.Discrete]:
    return gym.spaces.Box(0, 255, dream.engine.frame_shape, np.uint8), gym.spaces.Discrete(dream.actions.n_actions)


class LearnedEnv(gym.Env[np.ndarray, int]):
    """A dream behind the API of the world it was learned from: observations (H, W, 3) uint8, reward 0, never ends by itself.

    `info` carries `t` and the believed `pose` (5,), where the model has one. engine: play this one; else `checkpoint` (None: the
    shipped model of `world`) is loaded. clip, frame: the start clip and the last of its frames absorbed; None is the model's
    first clip, "" a cold start. `reset(options={"clip": ..., "frame": ...})` chooses another for that episode on.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        engine: Any = None,
        *,
        world: str = "memory-maze",
        checkpoint: str | Path | None = None,
        clip: str | None = None,
        frame: int = -1,
        denoising_steps: int | None = None,
        device: str = "auto",
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode {render_mode!r}; known: rgb_array or None")
        self.dream = _dream(engine, world, checkpoint, denoising_steps, device)
        if clip is not None:
            self.dream.choose_start(clip, frame)
        self.metadata = {**self.metadata, "render_fps": self.dream.fps}
        self.render_mode = render_mode
        self.actions = self.dream.actions
        self.observation_space, self.action_space = _spaces(self.dream)  # type: ignore[assignment]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin from the chosen start; `seed` decides all noise, None draws one."""
        super().reset(seed=seed)
        if options is not None and "clip" in options:
            self.dream.choose_start(options["clip"], options.get("frame", -1))
        tick = self.dream.reset(int(self.np_random.integers(N_SEEDS)) if seed is None else seed)
        return tick.frame.copy(), _info(tick)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        tick = self.dream.step(int(action))
        return tick.frame.copy(), 0.0, False, False, _info(tick)

    def render(self) -> np.ndarray:  # type: ignore[override]
        return self.dream.snapshot().tick.frame.copy()

    def snapshot(self) -> Snapshot:
        """The present as a value, to come back to: planning tries actions from it and restores."""
        return self.dream.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        self.dream.restore(snapshot)


def _info(tick: Tick) -> dict[str, Any]:
    return {"t": tick.t} | ({} if tick.pose is None else {"pose": np.array(tick.pose)})


class LearnedVectorEnv(VectorEnv):
    """`num_envs` dreams advanced by one batched call a step; row i draws noise of its own. Arguments as for LearnedEnv.

    max_episode_steps: all rows are truncated after so many steps (None: never); then call `reset`, nothing resets itself.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int,
        engine: Any = None,
        *,
        world: str = "memory-maze",
        checkpoint: str | Path | None = None,
        clip: str | None = None,
        frame: int = -1,
        denoising_steps: int | None = None,
        device: str = "auto",
        max_episode_steps: int | None = None,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs {num_envs}; expected 1 or more")
        self.num_envs = num_envs
        self.dream = _dream(engine, world, checkpoint, denoising_steps, device)
        if clip is not None:
            self.dream.choose_start(clip, frame)
        self.metadata = {**self.metadata, "render_fps": self.dream.fps}
        self.single_observation_space, self.single_action_space = _spaces(self.dream)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.moment: Moment | None = None
        self._max_episode_steps, self._t = max_episode_steps, 0

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """All rows begin from the same start; `seed` (one number) and the row decide the noise."""
        super().reset(seed=seed)
        clip: Episode | None = self.dream.start_clip()
        contexts = None if clip is None else [clip] * self.num_envs
        chosen = int(self.np_random.integers(N_SEEDS)) if seed is None else int(np.ravel(seed)[0])
        self.moment = self.dream.engine.begin(contexts, chosen, batch=self.num_envs)
        self._t = 0
        return self._observe(self.moment)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        if self.moment is None:
            raise RuntimeError("step() before reset(): call reset(seed=...) first")
        if np.shape(actions) != (self.num_envs,):
            raise ValueError(f"actions have shape {np.shape(actions)}; expected ({self.num_envs},)")
        self.moment = self.dream.engine.step(self.moment, np.array([self.dream.actions.check(a) for a in actions]))
        self._t += 1
        observation, info = self._observe(self.moment)
        truncated = np.full(self.num_envs, self._max_episode_steps is not None and self._t >= self._max_episode_steps)
        return observation, np.zeros(self.num_envs), np.zeros(self.num_envs, bool), truncated, info

    def _observe(self, moment: Moment) -> tuple[np.ndarray, dict[str, Any]]:
        return moment.frame.copy(), {"pose": moment.pose.copy()} if self.dream.engine.has_pose else {}


def _register() -> None:
    for id, world in (("Revisit/MemoryMaze-v0", "memory-maze"), ("Revisit/Voxel-v0", "voxel")):
        gym.register(
            id,
            entry_point="simulator.gym_env:LearnedEnv",
            vector_entry_point="simulator.gym_env:LearnedVectorEnv",
            kwargs={"world": world},
            max_episode_steps=N_STEPS,
        )


_register()
