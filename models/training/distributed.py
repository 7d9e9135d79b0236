"""Training in processes that `torchrun` starts: rows are split over them, gradients averaged, and the first one writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Which of `n` processes this one is. Alone, nothing here costs or changes anything."""

    rank: int = 0
    n: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def rows(self, n_rows: int) -> range:
        """This process's rows of a batch. ValueError where not all processes would have equally many."""
        each, rest = divmod(n_rows, self.n)
        if rest:
            raise ValueError(
                f"{n_rows} rows cannot be split evenly over {self.n} processes; give each stage a multiple of {self.n}"
            )
        return range(self.rank * each, (self.rank + 1) * each)

    def wrap(self, module: nn.Module) -> nn.Module:
        """`module` with its gradients averaged over all processes as they come about."""
        return module if self.n == 1 else DistributedDataParallel(module)

    def total(self, values: Sequence[float | Tensor], device: torch.device) -> list[float]:
        """Each of `values` summed over all processes."""
        found = torch.stack([torch.as_tensor(value, device=device, dtype=torch.float32).detach() for value in values])
        if self.n > 1:
            dist.all_reduce(found)
        return found.tolist()


def join(device: str) -> tuple[Ranks, str]:
    """This process's place among those `torchrun` has started (alone where it was not used), and its own device."""
    n = int(os.environ.get("WORLD_SIZE", 1))
    if n == 1:
        return Ranks(), device
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Ranks(rank=dist.get_rank(), n=n), device


def leave() -> None:
    """Part from the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()
