"""The learned worlds as Gymnasium envs, one at a time or many in one batch. Importing this module makes their ids known.

import gymnasium, simulator.gym_env
env = gymnasium.make("Revisit/MemoryMaze-v0", clip="", render_mode="rgb_array")
envs = gymnasium.make_vec("Revisit/MemoryMaze-v0", num_envs=8)

Without the import, `gymnasium.make("simulator.gym_env:Revisit/MemoryMaze-v0")` does both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from simulator.moment import Moment
from simulator.recipe import Recipe, load_dream
from simulator.ui.keymap import MOVES
from simulator.world import Snapshot, Tick
from simulator.worlds import LearnedWorld

N_SEEDS = 2**31 - 1
N_STEPS = 1000
"""Steps of one registered episode; the dream itself never ends."""
WORLDS = {"Revisit/MemoryMaze-v0": "memory-maze", "Revisit/Voxel-v0": "voxel"}


class DreamOptions(TypedDict, total=False):
    """What both kinds of env are made with, by keyword.

    checkpoint: None for the shipped model of `world`. clip, frame: the start clip and the last of its frames absorbed; None is
    the model's first clip, "" a cold start. denoising_steps: None for the model's own. render_mode: rgb_array or None.
    """

    world: str
    checkpoint: str | Path | None
    clip: str | None
    frame: int
    denoising_steps: int | None
    device: str
    render_mode: str | None


class _Dreaming:
    """What both kinds of env are on top of: a dream, the spaces of one of it, a start and a way to be drawn."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4, "autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012

    def _open(self, engine: Any, options: DreamOptions) -> LearnedWorld:
        render_mode = options.get("render_mode")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode {render_mode!r}; known: rgb_array or None")
        if unknown := set(options) - set(DreamOptions.__annotations__):
            raise TypeError(f"unknown {', '.join(sorted(unknown))}; known: engine, {', '.join(DreamOptions.__annotations__)}")
        checkpoint = options.get("checkpoint")
        recipe = Recipe(
            world=options.get("world", "memory-maze"),
            checkpoint=None if checkpoint is None else str(checkpoint),
            n_steps=options.get("denoising_steps"),
            device=options.get("device", "auto"),
        )
        dream = load_dream(recipe) if engine is None else LearnedWorld(engine)
        if (clip := options.get("clip")) is not None:
            dream.choose_start(clip, options.get("frame", -1))
        self.render_mode = render_mode
        self.metadata = {**_Dreaming.metadata, "render_fps": dream.fps}
        return dream


def _spaces(dream: LearnedWorld) -> tuple[gym.spaces.Box, gym.spaces.Discrete]:
    return gym.spaces.Box(0, 255, dream.engine.frame_shape, np.uint8), gym.spaces.Discrete(dream.actions.n_actions)


class LearnedEnv(_Dreaming, gym.Env[np.ndarray, int]):
    """A dream behind the API of the world it was learned from: observations (H, W, 3) uint8, reward 0, never ends by itself.

    `info` carries `t` and, where the model has one, the believed `pose` (5,). engine: play this one instead of loading a
    checkpoint. Options: see `DreamOptions`; `reset(options={"clip": ..., "frame": ...})` chooses another start from then on.
    """

    def __init__(self, engine: Any = None, **options: Unpack[DreamOptions]) -> None:
        self.dream = self._open(engine, options)
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

    def get_keys_to_action(self) -> dict[tuple[str, ...], int]:
        """The chords of one-letter keys that mean each action, for `gymnasium.utils.play`."""
        letters = {logical: next((key for key in keys if len(key) == 1), None) for logical, keys in MOVES.items()} | {
            "space": " "
        }
        chords = [[letters.get(key, key) for key in sorted(chord)] for chord in self.actions.keys]
        return {
            tuple(map(str, chord)): i for i, chord in enumerate(chords) if chord and all(key and len(key) == 1 for key in chord)
        }

    def snapshot(self) -> Snapshot:
        """The present as a value, to come back to: planning tries actions from it and restores."""
        return self.dream.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        self.dream.restore(snapshot)


def _info(tick: Tick) -> dict[str, Any]:
    return {"t": tick.t} | ({} if tick.pose is None else {"pose": np.array(tick.pose)})


class LearnedVectorEnv(_Dreaming, VectorEnv):
    """`num_envs` dreams advanced by one batched call a step. Row i is what a LearnedEnv of its seed would be.

    max_episode_steps: all rows are truncated after so many steps (None: never); then call `reset`, nothing resets itself.
    Options: see `DreamOptions`.
    """

    def __init__(
        self, num_envs: int, engine: Any = None, *, max_episode_steps: int | None = None, **options: Unpack[DreamOptions]
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs {num_envs}; expected 1 or more")
        self.num_envs = num_envs
        self.dream = self._open(engine, options)
        self.single_observation_space, self.single_action_space = _spaces(self.dream)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.moment: Moment | None = None
        self._max_episode_steps, self._t = max_episode_steps, 0

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """All rows begin from the same start. seed: one a row, or a first one that counts up; None draws them."""
        super().reset(seed=seed if isinstance(seed, int | None) else int(seed[0]))
        if options is not None and "clip" in options:
            self.dream.choose_start(options["clip"], options.get("frame", -1))
        if seed is None:
            seed = [int(drawn) for drawn in self.np_random.integers(N_SEEDS, size=self.num_envs)]
        seeds = tuple(range(seed, seed + self.num_envs)) if isinstance(seed, int) else tuple(map(int, seed))
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} rows; give one a row, or one for all")
        clip = self.dream.start_clip()
        self.moment = self.dream.engine.begin(None if clip is None else [clip] * self.num_envs, seeds, batch=self.num_envs)
        self._t = 0
        return self._observe(self.moment)

    def restore(self, snapshot: Snapshot) -> None:
        """Every row goes on from the moment of one LearnedEnv, with noise of its own: plans are tried side by side."""
        self.moment = self.dream.engine.repeat(snapshot.state.moment, self.num_envs)
        self._t = 0

    def render(self) -> tuple[np.ndarray, ...] | None:  # type: ignore[override]
        return None if self.moment is None else tuple(self.moment.frame.copy())

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


for _id, _world in WORLDS.items():
    gym.register(
        _id,
        entry_point="simulator.gym_env:LearnedEnv",
        vector_entry_point="simulator.gym_env:LearnedVectorEnv",
        kwargs={"world": _world},
        max_episode_steps=N_STEPS,
    )
