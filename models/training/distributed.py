"""Training in processes that `torchrun` starts: rows are split over them, gradients averaged, and the first one writes.

Sharded (FSDP), the weights, their gradients and average, and what the optimisers keep are split over the processes too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Which of `n` processes this one is. Alone, nothing here costs or changes anything."""

    rank: int = 0
    n: int = 1
    sharded: bool = False
    """Whether the processes split the weights too, and do not hold all of them each."""

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
        """`module` with its gradients averaged over all processes; sharded: and its parameters split, which makes new tensors.

        All parameters are one group, put together once a step and not once a call of each layer: a process that dreams calls
        them more often than one that does not, and each would wait for what the other never sends.
        """
        if self.n == 1:
            return module
        if not self.sharded:
            return DistributedDataParallel(module)
        fully_shard(module, mesh=init_device_mesh(next(module.parameters()).device.type, (self.n,)))
        return module

    def total(self, values: Sequence[float | Tensor], device: torch.device) -> list[float]:
        """Each of `values` summed over all processes."""
        found = torch.stack([torch.as_tensor(value, device=device, dtype=torch.float32).detach() for value in values])
        if self.n > 1:
            dist.all_reduce(found)
        return found.tolist()


def whole(part: Tensor) -> Tensor:
    """All of a tensor that may be split over the processes, every one of which must ask for it."""
    return part.full_tensor() if isinstance(part, DTensor) else part


def part_of(value: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, split as `like` is; `value` where that is not split, or of another shape."""
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def join(device: str, sharded: bool = False) -> tuple[Ranks, str]:
    """This process's place among those `torchrun` has started (alone where it was not used), and its own device."""
    n = int(os.environ.get("WORLD_SIZE", 1))
    if n == 1:
        return Ranks(), device
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Ranks(rank=dist.get_rank(), n=n, sharded=sharded), device


def leave() -> None:
    """Part from the other processes, together: one that is gone takes what another still waits for with it."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
