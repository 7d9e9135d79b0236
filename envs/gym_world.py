"""Any Gymnasium env with pictures and discrete actions as a world: what a world file names, behind the API of our own."""

from __future__ import annotations

import copy
import importlib
import importlib.metadata
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

from envs.catalog import named
from envs.pose import N_POSE
from envs.snapshot import SnapshotUnsupported
from envs.world_file import WorldFile


@dataclass(frozen=True)
class GymSnapshot:
    """A copy of the env and what was last seen of it. nbytes: about what it holds on to."""

    env: gym.Env
    picture: np.ndarray
    told: dict[str, Any]
    seed: int
    t: int
    ended: bool
    nbytes: int


class GymWorld(gym.Env[np.ndarray, int]):
    """The env that `world` names, with square RGB pictures (resolution, resolution, 3) uint8 and the actions of `world`.

    Observations that are pictures are taken as they are, else what the env draws; either is fitted to the square, averaged
    where it shrinks. `info` holds `seed`, `t` and, where `world` names a function for it, `pose` (5,).
    n_steps: steps until truncation, None for the env's own limit alone.
    Raises ValueError where the env cannot be built, has no pictures or other than discrete actions.
    """

    def __init__(self, world: WorldFile, n_steps: int | None = None, resolution: int = 64) -> None:
        self.world, self.actions, self.n_steps, self.resolution = world, world.actions, n_steps, resolution
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": world.fps}
        self.render_mode = "rgb_array"
        self._env, self._pose_of = _build(world)
        seen, does = self._env.observation_space, self._env.action_space
        self._shows = isinstance(seen, gym.spaces.Box) and seen.dtype == np.uint8 and len(seen.shape) in (2, 3)
        if not self._shows and self._env.render_mode != "rgb_array":
            raise ValueError(
                f"{world.name!r}: the observations of {world.env!r} are {type(seen).__name__} and no pictures; make them so with "
                '[[wrappers]], or put render_mode = "rgb_array" under [options] to take what the env draws'
            )
        if not isinstance(does, gym.spaces.Discrete):
            raise ValueError(
                f"{world.name!r}: the actions of {world.env!r} are {does}; expected Discrete, make them so in [[wrappers]]"
            )
        for name, id in zip(self.actions.names, world.ids, strict=True):
            if id is not None and not does.contains(id):
                known = f"{does.start}..{does.start + does.n - 1}"
                raise ValueError(f"{world.name!r}: action {name!r} has id {id}; the ids of {world.env!r} are {known}")
        self.action_space = gym.spaces.Discrete(self.actions.n_actions)  # type: ignore[assignment]
        self.observation_space = gym.spaces.Box(0, 255, (resolution, resolution, 3), np.uint8)
        self._picture = np.zeros((resolution, resolution, 3), np.uint8)
        self._told: dict[str, Any] = {}
        self._seed, self._t, self._ended = 0, 0, True

    @property
    def provenance(self) -> dict[str, str]:
        """What decides the pixels: the env, how it is made and wrapped, and the versions of its packages."""
        homes = importlib.metadata.packages_distributions()
        modules = ("gymnasium", *(module.split(".")[0] for module in self.world.modules))
        packages = sorted({package for module in modules for package in homes.get(module, ())})
        how = {name: json.dumps(getattr(self.world, name), default=str) for name in ("env", "options", "wrappers", "ids", "pose")}
        return how | {package: importlib.metadata.version(package) for package in packages}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start the episode of `seed`; None draws one."""
        super().reset(seed=seed)
        self._seed = int(self.np_random.integers(2**31 - 1)) if seed is None else seed
        self._t, self._ended = 0, False
        observation, self._told = self._env.reset(seed=self._seed)
        self._picture = self._fitted(observation)
        return self._picture.copy(), self._info()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step of the env; for an action without an id it stands still and only `t` goes on."""
        if self._ended:
            raise RuntimeError("the episode has ended or not begun: call reset(seed=...) to start one")
        id, reward, terminated, truncated = self.world.ids[self.actions.check(action)], 0.0, False, False
        if id is not None:
            observation, reward, terminated, truncated, self._told = self._env.step(id)  # type: ignore[assignment]
            self._picture = self._fitted(observation)
        self._t += 1
        truncated = bool(truncated) or self._t == self.n_steps
        self._ended = bool(terminated) or truncated
        return self._picture.copy(), float(reward), bool(terminated), truncated, self._info()

    def _fitted(self, observation: Any) -> np.ndarray:
        image = np.asarray(observation if self._shows else self._env.render())
        if image.ndim == 2 or image.shape[-1] == 1:
            image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            came = f"{image.dtype} {image.shape}"
            raise ValueError(
                f"{self.world.name!r}: {self.world.env!r} gave a picture of {came}; expected uint8 (H, W, 3) or (H, W)"
            )
        side = (self.resolution, self.resolution)
        return np.array(Image.fromarray(image).resize(side, Image.Resampling.BOX))

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"seed": self._seed, "t": self._t}
        if self._pose_of is not None:
            info["pose"] = pose = np.array(self._pose_of(self._env.unwrapped, self._told), np.float64)
            if pose.shape != (N_POSE,) or not np.isfinite(pose).all():
                raise ValueError(f"{self.world.pose} gave {pose}; expected x, y, z in cells, heading and pitch in radians")
        return info

    def render(self) -> np.ndarray:  # type: ignore[override]
        return self._picture.copy()

    def snapshot(self) -> GymSnapshot:
        """The present as a value. Raises SnapshotUnsupported for envs that cannot be copied and sent to another process."""
        try:
            env = copy.deepcopy(self._env)
            n_bytes = len(pickle.dumps(env))
        except Exception as error:  # whatever a simulator of somebody else's raises
            raise SnapshotUnsupported(
                f"{self.world.name!r} cannot be put back to an earlier moment: its env cannot be copied ({error})"
            ) from error
        return GymSnapshot(env, self._picture, self._told, self._seed, self._t, self._ended, n_bytes)

    def restore(self, snapshot: GymSnapshot) -> None:
        """Put the world back; what follows is what followed then."""
        self._env = copy.deepcopy(snapshot.env)
        self._picture, self._told = snapshot.picture, snapshot.told
        self._seed, self._t, self._ended = snapshot.seed, snapshot.t, snapshot.ended

    def close(self) -> None:
        self._env.close()


def _build(world: WorldFile) -> tuple[gym.Env, Callable[[gym.Env, dict[str, Any]], Any] | None]:
    """The env of `world` in its wrappers, and the function that tells its pose."""
    try:
        for module in world.modules:
            importlib.import_module(module)
        env = gym.make(world.env, disable_env_checker=True, **world.options)
        for place, options in world.wrappers:
            env = named(place)(env, **options)
        return env, named(world.pose) if world.pose else None
    except ModuleNotFoundError as error:
        raise ValueError(f"the simulator of {world.name!r} is not installed ({error}); {world.install}") from error
    except Exception as error:  # whatever a simulator of somebody else's raises
        raise ValueError(f"the env of {world.name!r} cannot be built ({type(error).__name__}: {error})") from error
