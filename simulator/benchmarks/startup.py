"""From nothing to the first picture, in a fresh process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import simulator
from simulator.benchmarks.plan import Plan, Result
from simulator.benchmarks.subject import Subject, threads
from simulator.benchmarks.timing import compare, times
from simulator.load import load_engine

RUN_SIM = Path(simulator.__file__).parents[1] / "run_sim.py"
N_STARTS = 3


def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio`: against importing PyTorch, which no program that uses it can avoid."""
    with tempfile.TemporaryDirectory() as folder, threads(subject.n_threads):
        flags = ["--checkpoint", subject.folder, "--world", subject.world, "--device", subject.device, "--frames", 1]
        record = [RUN_SIM, "record", *flags, "--out", Path(folder) / "first.gif"]

        def first_frame() -> None:
            engine = load_engine(subject.folder, subject.world, device=str(subject.device))
            engine.step(engine.begin(None, 0), np.zeros(1, np.int64))

        calls = {
            "import PyTorch": lambda: _python("-c", "import torch"),
            "load a checkpoint and dream a frame, in a running process": first_frame,
            "run_sim.py record --frames 1": lambda: _python(*record),
        }
        taken = compare(calls, N_STARTS, float("inf"), subject.device, "start-up", warm_up=1)
    rows = [{"name": name, **times(seconds, taken["import PyTorch"])} for name, seconds in taken.items()]
    about = (
        f"Fresh processes from start to end, {N_STARTS} times, with files in the system's cache: to a first picture on disk, and "
        "what of it is not ours. Ratio: against importing PyTorch."
    )
    return Result(about, subject.facts(), rows)


def _python(*arguments: object) -> None:
    """Run Python to its end. Raises RuntimeError with its last words where it fails."""
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["no message"]
        raise RuntimeError(f"a fresh process ended with code {done.returncode}: {words[-1]}")
