"""Train a world model on a folder of episodes: resumable, with a log to plot and sample strips while it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

from models import checkpoint
from models.config import PRESETS, preset
from models.mamba import use_scan
from models.ops.choose import choose
from models.training.ego import train_ego_motion
from models.training.objective import Objective
from models.training.trainer import Stage, TrainConfig, Trainer


@dataclass(frozen=True, kw_only=True)
class Options:
    data: Path
    """Folder of episodes (the public Memory Maze schema)."""
    out: Path
    """Folder of the run: log.jsonl, strips, model/ (a checkpoint) and what is needed to resume."""
    preset: str = "maze-small"
    """Which model; `--preset list` names them."""
    validation: Path | None = None
    """Folder of held-out episodes scored while training."""
    steps: int = 3000
    """Optimiser steps in all."""
    stages: tuple[Stage, ...] = (Stage(until=0.85, n_frames=64, n_rows=8), Stage(until=1.0, n_frames=256, n_rows=2))
    """The context-length curriculum; state is carried from window to window in every stage."""
    objective: Objective = field(default_factory=Objective)
    lr: float = 0.02
    """Peak learning rate of Muon; AdamW takes a fixed share of it."""
    seed: int = 0
    threads: int = 0
    """CPU threads; 0 leaves PyTorch's choice."""
    compile: bool = True
    """Compile the layers: a minute or two at the start, a third faster after."""
    bf16: bool = True
    """Matrix products in bfloat16; turn off on CPUs without it."""
    device: str = "auto"
    """cpu, cuda, or auto."""
    ego_motion_steps: int = 4000
    """Steps for the network that turns keys into motion; 0 leaves it out (poses must then be given)."""
    resume: bool = False
    """Go on where this run stopped."""


def run(options: Options) -> int:
    if options.preset == "list":
        print("\n".join(PRESETS))
        return 0
    config = preset(options.preset)
    if options.steps < 1:
        raise ValueError(f"--steps {options.steps}; expected at least 1")
    if (options.out / "resume.safetensors").exists() and not options.resume:
        raise ValueError(f"{options.out} already holds a run; go on with --resume or choose another --out")
    if options.threads:
        torch.set_num_threads(options.threads)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if options.device == "auto" else options.device
    train = TrainConfig(
        n_steps=options.steps, lr=options.lr, stages=options.stages, objective=options.objective, seed=options.seed,
        bf16=options.bf16, compile=options.compile, device=device,
    )  # fmt: skip
    trainer = Trainer(config, train, options.data, options.validation, options.out)
    if options.resume:
        trainer.resume()
    scan = choose("auto", device)
    use_scan(trainer.model, scan.scan)
    millions = sum(p.numel() for p in trainer.model.parameters()) / 1e6
    print(f"{millions:.2f}M parameters on {device}, {torch.get_num_threads()} of {os.cpu_count()} cores")
    print(f"scan: {scan.name}, {scan.why}")
    trainer.run()
    if options.ego_motion_steps > 0:
        ego_motion = train_ego_motion(config, options.data, options.ego_motion_steps, options.seed)
        checkpoint.save(trainer.averaged(), options.out / "model", ego_motion=ego_motion)
    print(f"trained: {options.out / 'model'}")
    return 0
