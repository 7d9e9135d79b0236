"""Which world a session plays, as flags give it and as its file keeps it; and how that world is built."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs import episode as episodes
from envs.catalog import find
from envs.episode import Episode
from envs.policies import Policy
from simulator.drivers import Explorer
from simulator.hashes import file_hash
from simulator.intents import Reset
from simulator.twin import BesideWorld, SplitWorld
from simulator.world import World
from simulator.worlds import LearnedWorld, RealWorld

if TYPE_CHECKING:
    import gymnasium as gym

ENDLESS = 1_000_000
"""Steps until a real world played by a person ends by itself."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """world: "memory-maze" (also -11, -13, -15), "voxel" or a world file. checkpoint: folder, None the shipped one. kind: dream,
    real, beside or split. context: an episode file to start from, and its hash. n_steps: denoising steps a frame, None the
    model's own. n_lead_in: real steps absorbed before play beside reality. device: torch device or auto. resolution: pixels
    along one side of a real world played alone; beside a dream it has the dream's. path: how the network is run at first, one of
    `simulator.accelerate.PATHS`, or auto for the fastest.
    """

    world: str = "memory-maze"
    checkpoint: str | None = None
    kind: str = "dream"
    context: str | None = None
    context_hash: str | None = None
    n_steps: int | None = None
    n_lead_in: int = 40
    device: str = "auto"
    resolution: int = 64
    path: str = "plain"

    def with_hash(self) -> Recipe:
        """The recipe with the context file's hash filled in, or compared where it is there. ValueError names the difference."""
        if self.context is None:
            return self
        if not Path(self.context).is_file():
            raise ValueError(f"{self.context}: no such file; expected an episode (npz) to start from")
        found = file_hash(Path(self.context))
        if self.context_hash not in (None, found):
            raise ValueError(f"{self.context} has changed since (hash {found}, then {self.context_hash}); put the old file back")
        return replace(self, context_hash=found)


def world_of(checkpoint: Path | None) -> str:
    """The name of the world that the model in `checkpoint` dreams; memory-maze where none is given or none can be read."""
    try:
        return str(json.loads((checkpoint / "config.json").read_text())["world"]) if checkpoint else "memory-maze"
    except (OSError, ValueError, LookupError, TypeError):
        return "memory-maze"  # whoever loads the checkpoint says what is wrong with it


def env_maker(world: str, resolution: int = 64) -> Callable[[], gym.Env]:
    """A picklable function that builds the real env of `world` with square pictures of `resolution` pixels a side."""
    return find(world).env_maker(ENDLESS, resolution)


def load_dream(recipe: Recipe) -> LearnedWorld:
    """The learned world of `recipe`, with its context file (if any) among the start clips and chosen."""
    load: Any = importlib.import_module("simulator.load")
    checkpoint = None if recipe.checkpoint is None else Path(recipe.checkpoint)
    world = "memory-maze" if recipe.world.startswith("memory-maze") else recipe.world  # one model for mazes of every size
    engine = load.load_engine(checkpoint, world, n_steps=recipe.n_steps, device=recipe.device)
    return dream_from(engine, recipe)


def dream_from(engine: Any, recipe: Recipe) -> LearnedWorld:
    """A learned world on `engine` with the start that `recipe` asks for. ValueError where keys cannot drive it."""
    if not engine.has_ego_motion:
        raise ValueError(
            f"{recipe.checkpoint or recipe.world} has no ego-motion, so keys alone cannot drive it; "
            "go on with its training with --ego-motion-steps above 0, or give it poses: run_sim.py evaluate"
        )
    clips: dict[str, Episode] = {}
    if recipe.context is not None:
        clips[Path(recipe.context).stem] = episodes.load(Path(recipe.context))
    dream = LearnedWorld(engine.with_path(recipe.path), clips)
    for name in clips:
        dream.choose_start(name)
    return dream


def open_world(recipe: Recipe, engine: Any = None) -> World:
    """The world `recipe` describes, ready to reset. engine: use this one instead of loading the checkpoint's."""
    if recipe.kind == "real":
        return RealWorld(env_maker(recipe.world, recipe.resolution))
    dream = load_dream(recipe) if engine is None else dream_from(engine, recipe)
    if recipe.kind == "split":
        return SplitWorld(dream)
    if recipe.kind == "beside":
        if recipe.context is not None:
            raise ValueError(
                "--beside starts from a walk through the real world; --context belongs to a dream alone: give one of them"
            )
        return BesideWorld(
            dream, RealWorld(env_maker(recipe.world, dream.engine.frame_shape[0])), partial(_guide, dream), recipe.n_lead_in
        )
    if recipe.kind != "dream":
        raise ValueError(f"unknown kind {recipe.kind!r}; known: dream, real, beside, split")
    return dream


def _guide(dream: LearnedWorld, seed: int) -> Policy:
    return Explorer(dream.actions, seed)


def first_reset(world: World, recipe: Recipe, seed: int, cold: bool = False, frame: int = -1) -> Reset:
    """The Reset a session begins with: the context file's clip, else the model's first start clip, else a cold start."""
    clips = list(getattr(world, "clips", None) or getattr(getattr(world, "dream", None), "clips", {}))
    if cold or not clips or recipe.kind in ("real", "beside"):
        return Reset(seed)
    return Reset(seed, Path(recipe.context).stem if recipe.context else clips[0], frame)
