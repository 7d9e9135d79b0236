"""Measurements over the last seconds of play: rates and percentiles, never configured values."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np


class Series:
    """The last `n` values of one measurement, in milliseconds or whatever it is measured in."""

    def __init__(self, n: int = 120) -> None:
        self._values: deque[float] = deque(maxlen=n)

    def add(self, value: float) -> None:
        self._values.append(value)

    def __len__(self) -> int:
        return len(self._values)

    def percentile(self, q: float) -> float:
        """The q-th percentile, 0 <= q <= 100; 0 where nothing has been measured."""
        return float(np.percentile(self._values, q)) if self._values else 0.0

    def show(self, unit: str = "ms") -> str:
        """Such as "12.3 / 18.0 ms": median and 95th percentile."""
        return f"{self.percentile(50):.1f} / {self.percentile(95):.1f} {unit}" if self._values else "not yet"


class Meters:
    """What the app measures of itself. All series in milliseconds.

    frame: making a tick. draw: drawing it. latency: from the first press that counted to the picture it led to.
    """

    def __init__(self) -> None:
        self.frame, self.draw, self.latency = Series(), Series(), Series()
        self._shown: deque[float] = deque(maxlen=240)

    def shown(self, now: float) -> None:
        """A new tick is on the screen at `now` seconds."""
        self._shown.append(now)

    def fps(self, now: float) -> float:
        """Ticks a second that reached the screen during the last two seconds, or between the last three where they are slow."""
        shown = list(self._shown)
        recent = [at for at in shown if now - at <= 2.0]
        if len(recent) < 3:
            recent = [at for at in shown[-3:] if now - at <= 10.0]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 and recent[-1] > recent[0] else 0.0


def resident_mib() -> float:
    """Memory of this process that is in RAM, MiB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * 4096 / 2**20
