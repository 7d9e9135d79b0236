"""What the machine is and what it could do: cores, memory, and the speed of its matrix products."""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from models.training.memory import memory_bytes
from simulator.benchmarks.timing import settle

PEAK_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""Side of the square matrices whose product is timed."""
PEAK_REPEATS = 5


def n_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """The machine in general terms, the versions, and the day."""
    total = memory_bytes()
    return {
        "processor": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": n_cores(),
        "memory_gib": round(total / 2**30, 1) if total else None,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "date": datetime.now(UTC).date().isoformat(),
    }


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP a second of the fastest of some products of large square matrices, on the threads that are set."""
    n = PEAK_SIDE.get(device.type, PEAK_SIDE["cpu"])
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    fastest = float("inf")
    for _ in range(1 + PEAK_REPEATS):  # the first one is slow, and never the fastest
        began = time.perf_counter()
        a @ b
        settle(device)
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * n**3 / fastest


def free_bytes(device: torch.device) -> int | None:
    """Memory that can still be taken on `device`, None where nobody tells."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    told = _lines(Path("/proc/meminfo")).get("MemAvailable")
    return None if told is None else 1024 * int(told.split()[0])


def forget_peak(device: torch.device) -> None:
    """Let `peak_bytes` count from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes(device: torch.device) -> int | None:
    """The most memory held on `device` since `forget_peak`, None where nobody tells."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    told = _lines(Path("/proc/self/status")).get("VmHWM")
    return None if told is None else 1024 * int(told.split()[0])


def _lines(path: Path) -> dict[str, str]:
    """`name: value` lines of a file of Linux, nothing elsewhere."""
    if not path.exists():
        return {}
    return {name: value for name, _, value in (line.partition(":") for line in path.read_text().splitlines())}
