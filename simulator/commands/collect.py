"""Let a scripted explorer fill a folder with episodes in the public Memory Maze schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from envs.collect import Source, collect


@dataclass(frozen=True, kw_only=True)
class Options:
    out: Path
    """Folder for the episodes; files already there are kept, so a stopped run goes on."""
    world: str = "memory-maze"
    """memory-maze (9x9) or memory-maze-11, -13, -15; voxel."""
    episodes: int = 100
    """Episodes to have in the end, one maze (seed) each."""
    steps: int = 1000
    """Actions an episode."""
    workers: int = 1
    """Processes; each keeps one core busy."""
    seed: int = 0
    """Seed of the first episode; the others follow. Held-out sets use seeds never trained on."""


MAZES = {"memory-maze": 9, "memory-maze-11": 11, "memory-maze-13": 13, "memory-maze-15": 15}


def _maze_source(world: str, n_steps: int) -> tuple[Source, dict[str, Any]]:
    from envs.memory_maze import MemoryMazeEnv
    from envs.policies import MazeTour

    make_env = partial(MemoryMazeEnv, size=MAZES[world], n_steps=n_steps + 1)
    return Source(world, make_env, MazeTour), dict(make_env().provenance)


def _voxel_source(n_steps: int) -> tuple[Source, dict[str, Any]]:
    from envs.voxel.env import VoxelEnv
    from envs.voxel.player import VoxelTour

    make_env = partial(VoxelEnv, n_steps=n_steps + 1)
    return Source("voxel", make_env, VoxelTour), dict(make_env().provenance)


def run(options: Options) -> int:
    if options.world == "voxel":
        source, provenance = _voxel_source(options.steps)
    elif options.world in MAZES:
        source, provenance = _maze_source(options.world, options.steps)
    else:
        raise ValueError(f"unknown world {options.world!r}; known: {', '.join(MAZES)}, voxel")
    manifest = collect(source, options.out, options.episodes, options.steps, options.seed, options.workers, provenance)
    print(f"{len(manifest['seeds'])} episodes in {options.out}; {manifest['frames_per_second_per_process']} frames/s a process")
    return 0
