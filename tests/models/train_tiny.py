"""A toy run in every process that `torchrun` starts; test_distributed.py compares what it leaves with the run of one process."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor, Shard

from models.training.distributed import Ranks, join, leave
from models.training.objective import Objective
from models.training.trainer import Stage, TrainConfig, Trainer
from tests.models.tiny import FAMILIES


def train(data: Path, out: Path, streams: int, n_steps: int, ranks: Ranks) -> Trainer:
    """Go on from whatever is in `out` to step `n_steps` of eight. One row of four dreams: of two processes one does."""
    objective = Objective(streams=streams, own_frames=2, own_share=0.25, hold_share=0.5, target_share=0.6, pose_jitter=0.01)
    stages = (Stage(until=n_steps / 8, n_frames=8, n_rows=4), Stage(until=1.0, n_frames=16, n_rows=2))
    config = TrainConfig(
        n_steps=8, stages=stages, objective=objective, bf16=False, forget_share=0.3, retrace_share=0.3, validate_every=2
    )
    trainer = Trainer(FAMILIES["maze-small"], config, data, data, out, ranks)
    if (out / "resume.safetensors").exists():
        trainer.resume()
    trainer._run_stage(stages[0], n_steps, seed=trainer.step)
    trainer.save()
    return trainer


def assert_split(trainer: Trainer) -> None:
    """All that is kept from step to step is split over the processes, but the optimisers' counts of steps."""
    slots = [slot for optimizer in trainer.optimizers for slots in optimizer.state.values() for slot in slots.values()]
    for part in (*trainer.model.parameters(), *trainer.ema.weights.values(), *(slot for slot in slots if slot.ndim)):
        assert isinstance(part, DTensor)
        assert part.placements == (Shard(0),)


if __name__ == "__main__":
    torch.set_num_threads(1)
    ranks, _ = join("cpu", sharded=sys.argv[5:] == ["sharded"])
    trainer = train(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), ranks)
    if ranks.sharded:
        assert_split(trainer)
    leave()
