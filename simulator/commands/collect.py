"""Let a scripted explorer fill a folder with episodes in the public Memory Maze schema."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envs.catalog import find
from envs.collect import Source, collect


@dataclass(frozen=True, kw_only=True)
class Options:
    out: Path
    """Folder for the episodes; files already there are kept, so a stopped run goes on."""
    world: str = "memory-maze"
    """memory-maze (9x9) or memory-maze-11, -13, -15; voxel or voxel-practice (full pockets); or a world file (.toml)."""
    episodes: int = 100
    """Episodes to have in the end, one maze (seed) each."""
    steps: int = 1000
    """Actions an episode."""
    workers: int = 1
    """Processes; each keeps one core busy."""
    seed: int = 0
    """Seed of the first episode; the others follow. Held-out sets use seeds never trained on."""


def run(options: Options) -> int:
    world = find(options.world)
    make_env = world.env_maker(options.steps + 1)
    source = Source(world.name, make_env, world.explorer_maker())
    provenance = dict(make_env().provenance)  # type: ignore[attr-defined]
    manifest = collect(source, options.out, options.episodes, options.steps, options.seed, options.workers, provenance)
    rate = manifest["frames_per_second_per_process"]
    told = "nothing was missing" if rate is None else f"{rate} frames/s a process"
    print(f"{len(manifest['seeds'])} episodes in {options.out}; {told}")
    return 0
