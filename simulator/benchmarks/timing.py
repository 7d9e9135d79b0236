"""Timing calls side by side, so that a ratio is of two things measured in the same run on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from tqdm import tqdm

from simulator.benchmarks.plan import Row
from simulator.engine import Engine
from simulator.moment import Moment

WARM_UP = 3
"""Rounds before the clock counts."""
FEWEST = 3
"""Rounds timed however long they take."""


def settle(device: torch.device) -> None:
    """Wait until `device` has done all it was asked to."""
    if device.type != "cpu":
        torch.accelerator.synchronize()


def compare(
    calls: Mapping[str, Callable[[], object]], n: int, seconds: float, device: torch.device, label: str, warm_up: int = WARM_UP
) -> dict[str, list[float]]:
    """Seconds of each of the calls, taken in turns, `n` times or until all have taken `seconds` together."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    started = 0.0
    for i in tqdm(range(-warm_up, n), desc=label, leave=False, mininterval=0.5):
        if i == 0:
            started = time.perf_counter()
        if i >= FEWEST and time.perf_counter() - started > seconds * len(calls):
            break
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            settle(device)
            if i >= 0:
                taken[name].append(time.perf_counter() - began)
    return taken


def times(seconds: list[float], first: list[float] | None = None) -> Row:
    """Percentiles in milliseconds and, where there is a first row to compare with, the ratio of the medians."""
    p50, p95, p99 = (round(1000 * float(np.percentile(seconds, q)), 3) for q in (50, 95, 99))
    ratio = {} if first is None else {"ratio": round(float(np.median(seconds) / np.median(first)), 3)}
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "n": len(seconds)} | ratio


def rate(seconds: list[float], batch: int = 1) -> float:
    """Frames a second of all rows together, by the median; four digits."""
    return float(f"{batch / float(np.median(seconds)):.4g}")


class Play:
    """A dream on random held keys: every `step` plays one frame more."""

    def __init__(self, engine: Engine, batch: int = 1) -> None:
        self.engine, self.moment = engine, engine.begin(None, 0, batch)
        self._rng, self._actions = np.random.default_rng(0), np.zeros(batch, np.int64)

    def keys(self) -> np.ndarray:
        """The action of every row for the next frame, held for five frames."""
        if self.moment.t % 5 == 0:
            self._actions = self._rng.integers(0, self.engine.actions.n_actions, len(self._actions))
        return self._actions

    def step(self) -> Moment:
        self.moment = self.engine.step(self.moment, self.keys())
        return self.moment
