"""The worlds by name: their moves, their pace, and how to build the real one and its explorer. A third world is one entry."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from envs.actions import ActionSpec
from envs.policies import Policy

if TYPE_CHECKING:
    import gymnasium as gym


@dataclass(frozen=True)
class Entry:
    """One world. Its modules are imported only when asked for, so that a dream needs none of its simulator's packages.

    fps: control steps a second the world was made for. moves: "module:ActionSpec". env: "module:class", called with `options`
    and n_steps. explorer: "module:class", called with a seed. extra: the optional dependencies the real world needs.
    """

    name: str
    fps: float
    moves: str
    env: str
    explorer: str
    extra: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def actions(self) -> ActionSpec:
        return _named(self.moves)

    def env_maker(self, n_steps: int, resolution: int = 64) -> Callable[[], gym.Env]:
        """A picklable function that builds the real env: square pictures of `resolution` pixels a side, over after `n_steps`.

        Raises ValueError naming the extra that is missing.
        """
        try:
            return partial(_named(self.env), n_steps=n_steps, resolution=resolution, **self.options)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"the real world {self.name!r} is not installed ({error}); pip install 'revisit[{self.extra}]'"
            ) from error

    def explorer_maker(self) -> Callable[[int], Policy]:
        """A picklable function from a seed to the scripted explorer."""
        return _named(self.explorer)


def _named(path: str) -> Any:
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def _maze(name: str, size: int) -> Entry:
    return Entry(
        name, 4.0, "envs.memory_maze:ACTIONS", "envs.memory_maze:MemoryMazeEnv", "envs.policies:MazeTour", "maze", {"size": size}
    )


WORLDS = {
    entry.name: entry
    for entry in (
        _maze("memory-maze", 9),
        _maze("memory-maze-11", 11),
        _maze("memory-maze-13", 13),
        _maze("memory-maze-15", 15),
        Entry("voxel", 10.0, "envs.voxel.moves:ACTIONS", "envs.voxel.env:VoxelEnv", "envs.voxel.player:VoxelTour", "voxel"),
    )
}


def find(world: str) -> Entry:
    """The entry called `world`; ValueError with the known names otherwise."""
    if world not in WORLDS:
        raise ValueError(f"unknown world {world!r}; known: {', '.join(WORLDS)}")
    return WORLDS[world]
