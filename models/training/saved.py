"""What a run leaves on disk to go on from: the weights, their average, what the optimisers keep, and the step."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from models import checkpoint
from models.checkpoint import CheckpointError
from models.training.distributed import part_of, whole
from models.training.optim import EMA

FILE = "resume.safetensors"


def pack(model: nn.Module, ema: EMA, optimizers: list[Optimizer]) -> dict[str, Tensor]:
    """All of it as whole tensors by name; where they are split over processes, every process must ask for it."""
    kept = {f"model/{name}": part.detach() for name, part in model.state_dict().items()}
    kept |= {f"ema/{name}": part for name, part in ema.weights.items()}
    for i, optimizer in enumerate(optimizers):
        for index, slots in optimizer.state_dict()["state"].items():
            kept |= {f"optim/{i}/{index}/{name}": torch.as_tensor(value) for name, value in slots.items()}
    return {name: whole(part).contiguous() for name, part in kept.items()}


def write(tensors: dict[str, Tensor], out: Path, step: int) -> None:
    """Put `tensors` and the number of steps done in place of what `out` held before, all at once."""
    temporary = out / "resume.tmp"
    try:
        checkpoint.write_tensors(tensors, temporary, {"step": str(step)})
        os.replace(temporary, out / FILE)
    finally:
        temporary.unlink(missing_ok=True)


def steps_done(out: Path) -> int:
    """Optimiser steps that can be resumed from `out`; 0 where no run was saved there."""
    if not (out / FILE).exists():
        return 0
    with safe_open(out / FILE, "pt") as file:
        return int((file.metadata() or {})["step"])


def put(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put whole `weights` in place of the model's."""
    model.load_state_dict({name: part_of(weights[name], like) for name, like in model.state_dict().items()})


def unpack(out: Path, model: nn.Module, ema: EMA, optimizers: list[Optimizer]) -> int:
    """Put what `out` holds in place of what these hold; the steps that were done.

    Raises CheckpointError where nothing was saved, or another model's.
    """
    if not (out / FILE).exists():
        raise CheckpointError(f"{out}: no run was saved there to go on with; leave out --resume to begin one")
    tensors = checkpoint.read_tensors(out / FILE)
    found = _under(tensors, "model/")
    shapes = {name: part.shape for name, part in found.items()}
    expected = {name: part.shape for name, part in model.state_dict().items()}
    if shapes != expected:
        differ = sorted(name for name in shapes.keys() | expected.keys() if shapes.get(name) != expected.get(name))
        raise CheckpointError(f"{out}: a run of another model ({', '.join(differ[:3])} differ); give the preset it began with")
    put(model, found)
    for name, part in _under(tensors, "ema/").items():
        like = ema.weights[name]
        ema.weights[name] = part_of(part.to(like.device), like)
    for i, optimizer in enumerate(optimizers):
        state, parameters = optimizer.state_dict(), [part for group in optimizer.param_groups for part in group["params"]]
        for key, value in _under(tensors, f"optim/{i}/").items():
            index, name = key.split("/")
            state["state"].setdefault(int(index), {})[name] = part_of(value, parameters[int(index)])
        optimizer.load_state_dict(state)
    return steps_done(out)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): part for name, part in tensors.items() if name.startswith(prefix)}
