"""Measure speed and memory on this machine: key to frame by steps and threads, and flatness over many frames."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from simulator.engine import Engine, Moment
from simulator.evaluation.cost import resident_bytes
from simulator.evaluation.moments import state_bytes
from simulator.load import load_engine


@dataclass(frozen=True, kw_only=True)
class Options:
    world: str = "memory-maze"
    """Which shipped model, where no checkpoint is given."""
    checkpoint: Path | None = None
    """Folder of a trained model."""
    frames: int = 200
    """Frames timed for each row of the table."""
    long: int = 10_000
    """Frames of the flatness run; 0 leaves it out."""
    batches: tuple[int, ...] = (1, 8, 32)
    """Dreams side by side."""
    device: str = "auto"
    """cpu, cuda, mps, or auto."""
    json: Path | None = None
    """File for the figures, beside the table on the screen."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds a call, and frames a second of all rows together."""

    p50: float
    p95: float
    p99: float
    frames_per_second: float

    @classmethod
    def of(cls, seconds: list[float], batch: int = 1) -> Timing:
        p50, p95, p99 = (round(1000 * float(np.percentile(seconds, q)), 2) for q in (50, 95, 99))
        return cls(p50, p95, p99, round(batch / float(np.median(seconds)), 1))


def _play(engine: Engine, moment: Moment, n_frames: int, label: str) -> tuple[list[float], Moment]:
    """Seconds of each of `n_frames` steps on random held keys; leaves the last moment."""
    rng = np.random.default_rng(0)
    seconds, actions = [], np.zeros(len(moment.frame), np.int64)
    for t in tqdm(range(n_frames), desc=label, leave=False, mininterval=0.5):
        if t % 5 == 0:
            actions = rng.integers(0, engine.actions.n_actions, len(moment.frame))
        began = time.perf_counter()
        moment = engine.step(moment, actions)
        seconds.append(time.perf_counter() - began)
    return seconds, moment


def single_stream(engine: Engine, n_frames: int) -> dict[str, Any]:
    """Key to finished, absorbed frame by denoising steps and threads; `ratio` compares with the first row of the same run."""
    rows: dict[str, Any] = {}
    before, first = torch.get_num_threads(), None
    try:
        for n_threads in sorted({1, before}):
            torch.set_num_threads(n_threads)
            for n_steps in (1, 2, 4):
                stepped = engine.with_steps(n_steps)
                moment = _play(stepped, stepped.begin(None, 0), 10, "warm-up")[1]
                timing = Timing.of(_play(stepped, moment, n_frames, f"{n_steps} steps")[0])
                first = first or timing.p50
                rows[f"{n_threads} threads, {n_steps} steps"] = asdict(timing) | {"ratio": round(timing.p50 / first, 2)}
    finally:
        torch.set_num_threads(before)
    return rows


def batched(engine: Engine, batches: tuple[int, ...], n_frames: int) -> dict[str, Any]:
    """Dreams side by side in one call; `ratio` is frames a second against the first row of the same run."""
    rows: dict[str, Any] = {}
    first = None
    for batch in batches:
        moment = _play(engine, engine.begin(None, 0, batch), 3, "warm-up")[1]
        timing = Timing.of(_play(engine, moment, max(10, n_frames // batch), f"{batch} dreams")[0], batch)
        first = first or timing.frames_per_second
        rows[f"{batch} dreams"] = asdict(timing) | {"ratio": round(timing.frames_per_second / first, 2)}
    return rows


def flatness(engine: Engine, n_frames: int) -> dict[str, Any]:
    """Ten parts of one long dream: time, state and resident memory; `ratio` of each part's time to the first part's."""
    moment, rows, first = _play(engine, engine.begin(None, 0), 10, "warm-up")[1], {}, None
    for part in range(10):
        seconds, moment = _play(engine, moment, n_frames // 10, f"part {part + 1} of 10")
        timing = Timing.of(seconds)
        first = first or timing.p50
        sizes = {"state_bytes": state_bytes(moment), "resident_mb": round(resident_bytes() / 2**20, 1)}
        rows[f"to frame {moment.t}"] = asdict(timing) | {"ratio": round(timing.p50 / first, 2)} | sizes
    return rows


def run(options: Options) -> int:
    if options.frames < 1 or options.long < 0 or min(options.batches, default=0) < 1:
        raise ValueError(
            f"frames {options.frames} and batches {options.batches} must be at least 1, long {options.long} at least 0"
        )
    started = time.perf_counter()
    engine = load_engine(options.checkpoint, options.world, device=options.device)
    if not engine.has_ego_motion:
        raise ValueError("this checkpoint has no ego-motion, so keys alone cannot drive it; bench needs one that has")
    engine.step(engine.begin(None, 0), np.zeros(1, np.int64))
    report: dict[str, Any] = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}",
        "engine": engine.description,
        "first_frame_seconds": round(time.perf_counter() - started, 2),
        "single": single_stream(engine, options.frames),
        "batched": batched(engine, options.batches, options.frames),
    }
    if options.long:
        report["flatness"] = flatness(engine, options.long)
    print(f"{report['machine']}\n{report['engine']}\nfirst frame {report['first_frame_seconds']} s after loading began")
    for name in ("single", "batched", "flatness"):
        for row, figures in report.get(name, {}).items():
            print(f"{row:<22}" + "  ".join(f"{key} {value}" for key, value in figures.items()))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0
