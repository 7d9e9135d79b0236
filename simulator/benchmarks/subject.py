"""What is measured: the engine that plays a checkpoint, and the plain network in it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models import checkpoint as checkpoints
from models.checkpoint import Checkpoint
from models.config import ModelConfig
from models.ego_motion import EgoMotion
from models.world_model import WorldModel
from simulator.engine import Engine
from simulator.load import SHIPPED, load_engine


@dataclass(frozen=True)
class Subject:
    """engine: as it is played. plain: the same weights without anything an engine adds. n_threads: as many as PyTorch takes."""

    folder: Path
    world: str
    engine: Engine
    plain: Checkpoint
    n_threads: int

    @property
    def device(self) -> torch.device:
        return self.engine.device

    @property
    def dtype(self) -> str:
        """The precision play runs in, as the engine's description tells it."""
        return self.engine.description.split(", ")[1]

    @property
    def n_parameters(self) -> int:
        modules = [self.plain.model, *([self.plain.ego_motion] if self.plain.ego_motion else [])]
        return sum(parameter.numel() for module in modules for parameter in module.parameters())

    @property
    def steps_in_words(self) -> str:
        n_steps = self.engine.n_steps
        return f"{n_steps} denoising step" + ("s" if n_steps > 1 else "")

    def facts(self, **other: Any) -> dict[str, Any]:
        """What a benchmark of this subject ran on, as things are set now."""
        told = {"device": str(self.device), "dtype": self.dtype, "threads": torch.get_num_threads()}
        return told | {"engine as loaded": self.engine.description} | other


def load_subject(folder: Path | None, world: str, device: str, n_threads: int) -> Subject:
    """The subject for a checkpoint folder, or the model shipped for `world`. Raises what `load_engine` raises, and ValueError
    where keys alone cannot drive it."""
    torch.set_num_threads(n_threads)
    engine = load_engine(folder, world, device=device)
    if not engine.has_ego_motion:
        raise ValueError("this checkpoint has no ego-motion, so keys alone cannot drive it; bench needs one that has")
    folder = SHIPPED / world if folder is None else folder
    return Subject(folder, world, engine, checkpoints.load(folder, engine.device, contexts=False), n_threads)


@contextlib.contextmanager
def random_weights(config: ModelConfig) -> Iterator[Path]:
    """A checkpoint folder of this configuration with random weights, gone afterwards: speed does not depend on them."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save(WorldModel(config), Path(folder) / "model", ego_motion=EgoMotion(config))
        yield Path(folder) / "model"


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """PyTorch on `n` CPU threads, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
