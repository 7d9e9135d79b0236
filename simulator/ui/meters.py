"""Measurements over the last seconds of play: rates and percentiles, never configured values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
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


PARTS = ("denoise", "decode", "commit")


class Meters:
    """What the app measures of itself. All series in milliseconds.

    frame: making a tick. draw: drawing it. latency: from the first press that counted to the picture it led to.
    parts: of making a tick, where the engine tells when each is done.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.frame, self.draw, self.latency = Series(), Series(), Series()
        self.parts = {part: Series() for part in PARTS}
        self._clock = clock
        self._shown: deque[float] = deque(maxlen=240)
        self._lap_at = 0.0
        self._taken: dict[str, float] = {}

    def begin_frame(self) -> None:
        """A tick is about to be made."""
        self._lap_at, self._taken = self._clock(), {}

    def lap(self, part: str) -> None:
        """`part` of the tick is done; a world of two dreams does each part twice."""
        now = self._clock()
        self._taken[part] = self._taken.get(part, 0.0) + 1000 * (now - self._lap_at)
        self._lap_at = now

    def end_frame(self, milliseconds: float) -> None:
        """The tick is made."""
        self.frame.add(milliseconds)
        for part, taken in self._taken.items():
            self.parts[part].add(taken)

    def shares(self) -> str:
        """Such as "61 / 2 / 30 / 7 %": denoise, decode, commit and draw as shares of their sum."""
        medians = [self.parts[part].percentile(50) for part in PARTS] + [self.draw.percentile(50)]
        if not all(len(self.parts[part]) for part in PARTS) or sum(medians) == 0:
            return "not measured"
        return " / ".join(f"{100 * median / sum(medians):.0f}" for median in medians) + " %"

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
