"""Training frames a second of the real trainer, and its share of what the machine's matrix products reach."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from envs import episode as episodes
from envs.episode import Episode
from models.config import ModelConfig
from models.training.memory import keep_memory
from models.training.trainer import Stage, TrainConfig, Trainer
from simulator.benchmarks.machine import matrix_peak
from simulator.benchmarks.plan import Plan, Result
from simulator.benchmarks.subject import Subject, threads
from simulator.benchmarks.timing import rate, times

N_STEPS = 3
"""Optimiser steps timed, after one that is not."""


def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio`: FLOP a second against those of large square products in the same run on the same threads."""
    config = subject.plain.model.config
    device, n_frames = subject.device, plan.window_frames * plan.window_rows
    rows = []
    with threads(subject.n_threads), tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_noise(config, data, plan.window_frames)
        with FlopCounterMode(display=False) as counter:
            train(config, data, Path(folder) / "counted", plan, device, False, 1)
        flop = counter.get_total_flops()
        for dtype, keep in ((torch.bfloat16, False), (torch.bfloat16, True), (torch.float32, True)):
            name = str(dtype).removeprefix("torch.")
            kept = keep and keep_memory()  # for good: what is timed without it comes first
            if keep and not kept and dtype == torch.bfloat16:
                continue  # this C library cannot, and it has been timed
            name += ", memory kept" if kept else ""
            taken = train(config, data, Path(folder) / name, plan, device, dtype == torch.bfloat16, 1 + N_STEPS)[1:]
            peak = matrix_peak(device, dtype)
            reached = flop / float(np.median(taken))
            row = {"name": name, **times(taken), "frames_per_second": rate(taken, n_frames), "gflop": round(flop / 1e9, 1)}
            rows.append(row | {"gflop_per_second": round(reached / 1e9, 1), "peak_gflop_per_second": round(peak / 1e9, 1)}
                        | {"ratio": round(reached / peak, 3)})  # fmt: skip
        facts = subject.facts(dtype="bfloat16 or float32 products", compiled=False)
    about = (
        f"One optimiser step of the trainer on {plan.window_rows} rows of {plan.window_frames} frames of noise read from disk, "
        "in two streams, every frame a target, not compiled. FLOP are those of its matrix products and convolutions. "
        "Memory kept: as `train` runs, with what tensors leave used again rather than handed back to the system. "
        "Ratio: share of the fastest large square product on the same threads."
    )
    return Result(about, facts, rows)


def write_noise(config: ModelConfig, folder: Path, n_frames: int) -> None:
    """Episodes of noise, two windows long, for a trainer to read."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        image = rng.integers(0, 256, (2 * n_frames, *config.image, 3), dtype=np.uint8)
        pose = np.zeros((2 * n_frames, 5))
        pose[:, 3] = 0.1 * np.arange(2 * n_frames) % np.pi
        action = rng.integers(0, config.n_actions, 2 * n_frames)
        action[0] = 0
        episodes.save(Episode(image, action, config.n_actions, pose), folder / f"noise-{i}.npz")


def train(config: ModelConfig, data: Path, out: Path, plan: Plan, device: torch.device, bf16: bool, n_steps: int) -> list[float]:
    """Run the trainer for `n_steps` and return the seconds of each, as its own log tells them."""
    stage = Stage(until=1.0, n_frames=plan.window_frames, n_rows=plan.window_rows)
    options = TrainConfig(n_steps=n_steps, stages=(stage,), bf16=bf16, device=str(device))
    Trainer(config, options, data, None, out).run()
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [row["frames"] / row["frames_per_second"] for row in log if "frames_per_second" in row]
