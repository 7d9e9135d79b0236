"""The flags by which play and record choose a world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from simulator.intents import Reset
from simulator.recipe import Recipe, first_reset, world_of
from simulator.session_file import Header
from simulator.twin import dream_of
from simulator.world import World


@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    world: str | None = None
    """memory-maze or voxel, the real maze also as memory-maze-11, -13, -15, or a world file (.toml); without it the
    checkpoint's own, else memory-maze."""
    checkpoint: Path | None = None
    """Folder of a trained model; without it the shipped one plays."""
    real: bool = False
    """Play the real world instead of the learned one (needs its extra)."""
    beside: bool = False
    """Play the real world beside the dream on the same keys: dream | real | difference."""
    split: bool = False
    """Play one dream twice, with and without its memory, side by side."""
    context: Path | None = None
    """Episode (npz) whose frames the dream starts from; without it the model's first start clip."""
    at: int = -1
    """Frame of the start clip to start from; -1 is its last."""
    cold: bool = False
    """Start from nothing: the model dreams the first frame too."""
    seed: int = 0
    """Seed of the noise, and of the real world."""
    steps: int | None = None
    """Denoising steps a frame; without it what the model was tuned for."""
    lead_in: int = 40
    """Real steps the dream is shown first when playing beside reality."""
    resolution: int = 64
    """Pixels along one side of a real world's picture (--real); a dream has its own."""
    device: str = "auto"
    """cpu, cuda, mps, or auto for the best there is."""
    compile: Literal["off", "auto", "on"] = "off"
    """Run the network as code made for this machine: faster, and the same frames but for rounding. auto begins plainly and goes
    on compiled once that is ready; on waits for it: a minute or more the first time, nothing later."""
    history_mb: int = 256
    """Memory for rewinding, MiB."""

    def recipe(self) -> Recipe:
        """The world these flags ask for. ValueError where they contradict each other."""
        chosen = [name for name in ("real", "beside", "split") if getattr(self, name)]
        if len(chosen) > 1:
            raise ValueError(f"--{' and --'.join(chosen)} are different views; give one of them")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"--steps {self.steps}: denoising steps a frame; expected 1 or more")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}; expected 0 or more")
        if self.history_mb < 1:
            raise ValueError(f"--history-mb {self.history_mb}; expected 1 or more")
        return Recipe(
            world=self.world or world_of(self.checkpoint),
            checkpoint=None if self.checkpoint is None else str(self.checkpoint),
            kind=chosen[0] if chosen else "dream",
            context=None if self.context is None else str(self.context),
            n_steps=self.steps,
            n_lead_in=self.lead_in,
            device=self.device,
            resolution=self.resolution,
            path="auto" if self.compile == "on" else "plain",
        ).with_hash()

    def prepare(self, world: World) -> None:
        """Let the faster path be made while `world` is played already, where flags ask for it."""
        dream = dream_of(world)
        if self.compile == "auto" and dream is not None and dream.engine.accelerator is not None:
            dream.engine.accelerator.begin()

    def header(self, world: World, recipe: Recipe, fps: float) -> Header:
        """What a session file of these flags begins with."""
        dream = dream_of(world)
        return Header(
            recipe=recipe if dream is None else replace(recipe, path=dream.engine.path),
            fingerprint="real" if dream is None else dream.engine.fingerprint,
            description=f"real {world.name}" if dream is None else dream.engine.description,
            n_steps=None if dream is None else dream.n_steps,
            fps=fps,
            history_bytes=self.history_mb << 20,
            keyframe_every=16,
        )

    def reset(self, world: World, recipe: Recipe) -> Reset:
        """What such a session does first."""
        return first_reset(world, recipe, self.seed, self.cold, self.at)
