"""Muon for the matrices inside the layers, AdamW for everything else, and a running average of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Muon, Optimizer

from models.training.distributed import part_of, whole

ADAM_RATIO = 0.15
"""AdamW's learning rate as a share of Muon's."""
QUICK = ("acts", "recalled", "trust")
"""Parts of a model that few frames teach: keys told to every token, the album's views, the choice of what to copy."""


class ShardedMuon(Muon):
    """Muon for matrices that are split over processes: its momentum is split alike, and what is to be orthogonalised is put
    together, one matrix at a time, in every process."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            lr, decay, keep = group["lr"], group["weight_decay"], group["momentum"]
            for matrix in group["params"]:
                momentum = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - keep)
                change = torch.zeros(matrix.shape, device=matrix.device)
                change.grad = whole(matrix.grad.lerp(momentum, keep))
                Muon([change], lr, weight_decay=0.0, momentum=0.0, adjust_lr_fn=group["adjust_lr_fn"]).step()
                matrix.mul_(1 - lr * decay).add_(part_of(change, matrix))


def make_optimizers(model: nn.Module, lr: float, quicker: float = 1.0, weight_decay: float = 0.01) -> list[Optimizer]:
    """Muon on the 2-D weights of the blocks, AdamW on embeddings, heads, biases and gains; on `QUICK` parts `quicker` times as
    fast."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    quick: list[Tensor] = []
    for name, parameter in model.named_parameters():
        inside = name.startswith("blocks.") and parameter.ndim == 2 and name.endswith("weight")
        rare = quicker != 1 and name.split(".")[0] in QUICK
        (matrices if inside else quick if rare else others).append(parameter)
    groups = [{"params": others, "lr": lr * ADAM_RATIO}]
    if quick:
        groups.append({"params": quick, "lr": lr * ADAM_RATIO * quicker})
    optimizers: list[Optimizer] = [AdamW(groups, betas=(0.9, 0.98), weight_decay=weight_decay)]
    if matrices:
        kind = ShardedMuon if isinstance(matrices[0], DTensor) else Muon
        optimizers.append(kind(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="original"))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def set_progress(optimizers: list[Optimizer], step: int, progress: float, warmup_steps: int = 50) -> float:
    """Set every learning rate for `progress` in 0..1: a short rise, a plateau, a cosine fall over the last 60%; the factor."""
    fall = max(0.0, (progress - 0.4) / 0.6)
    factor = min(1.0, (step + 1) / warmup_steps) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, fall))))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
    return factor


class EMA:
    """Exponential moving average of a model's parameters, with a horizon that grows while training is young."""

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {name: p.detach().clone().float() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in model.named_parameters():
            self.weights[name].lerp_(parameter.float(), 1 - decay)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Give the averages to `model`, whose parameters are whole; where they are split here, every process must."""
        for name, parameter in model.named_parameters():
            parameter.copy_(whole(self.weights[name]))
