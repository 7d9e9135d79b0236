"""The worlds by name: their moves, their pace, how to build the real one and its explorer. A further one is an entry here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs import world_file
from envs.actions import ActionSpec
from envs.policies import Policy, RandomPolicy

if TYPE_CHECKING:
    import gymnasium as gym


@dataclass(frozen=True)
class Entry:
    """One world. Its modules are imported only when asked for, so that a dream needs none of its simulator's packages.

    fps: control steps a second the world was made for. moves: an ActionSpec. env: called with `options`, n_steps and
    resolution. explorer: called with a seed. Each is itself or "module:name". extra: the optional dependencies the real world
    needs. model: fields of ModelConfig in which a model of this world is unlike its preset.
    """

    name: str
    fps: float
    moves: str | ActionSpec
    env: str
    explorer: str | Callable[[int], Policy]
    extra: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)

    @property
    def actions(self) -> ActionSpec:
        return named(self.moves)

    def env_maker(self, n_steps: int, resolution: int = 64) -> Callable[[], gym.Env]:
        """A picklable function that builds the real env: square pictures of `resolution` pixels a side, over after `n_steps`.

        Raises ValueError naming the extra that is missing, or a resolution that is none.
        """
        if resolution < 1:
            raise ValueError(f"resolution {resolution}; expected 1 pixel or more along a side of the picture")
        try:
            return partial(named(self.env), n_steps=n_steps, resolution=resolution, **self.options)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"the real world {self.name!r} is not installed ({error}); pip install 'revisit[{self.extra}]'"
            ) from error

    def explorer_maker(self) -> Callable[[int], Policy]:
        """A picklable function from a seed to the scripted explorer."""
        return named(self.explorer)


def named(thing: Any) -> Any:
    """What "module:name" names; anything but text is itself."""
    if not isinstance(thing, str):
        return thing
    module, name = thing.split(":")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise ValueError(f"{thing!r} names nothing: {error}") from None


def _maze(name: str, size: int) -> Entry:
    return Entry(
        name, 4.0, "envs.memory_maze:ACTIONS", "envs.memory_maze:MemoryMazeEnv", "envs.policies:MazeTour", "maze", {"size": size}
    )


def _island(name: str, player: str, *, provided: bool) -> Entry:
    options = {"provided": provided}
    return Entry(name, 10.0, "envs.voxel.moves:ACTIONS", "envs.voxel.env:VoxelEnv", player, "voxel", options)


WORLDS = {
    entry.name: entry
    for entry in (
        _maze("memory-maze", 9),
        _maze("memory-maze-11", 11),
        _maze("memory-maze-13", 13),
        _maze("memory-maze-15", 15),
        _island("voxel", "envs.voxel.player:VoxelTour", provided=False),
        _island("voxel-practice", "envs.voxel.practice:VoxelPractice", provided=True),
    )
}


def find(world: str) -> Entry:
    """The entry called `world`, or the one that the world file `world` (.toml) describes; ValueError with what is known else."""
    if world.endswith(".toml"):
        return _from_file(Path(world))
    if world not in WORLDS:
        raise ValueError(f"unknown world {world!r}; known: {', '.join(WORLDS)}, or a world file (.toml)")
    return WORLDS[world]


def _from_file(path: Path) -> Entry:
    file = world_file.read(path)
    if file.name in WORLDS:
        raise ValueError(f"{path}: the name {file.name!r} is taken; choose another")
    explorer = file.explorer or partial(RandomPolicy, file.actions)
    return Entry(
        file.name, file.fps, file.actions, "envs.gym_world:GymWorld", explorer, options={"world": file}, model=file.model
    )
