"""Quality against speed while playing: denoising steps by name, and a profile that finds them for a time a frame may take."""

from __future__ import annotations

from collections import deque

import numpy as np

STEPS = {"fast": 1, "balanced": 2, "quality": 4}
"""Denoising steps a frame."""
ADAPTIVE = "adaptive"
PROFILES = (*STEPS, ADAPTIVE)
MOST_STEPS = 8
N_FRAMES = 12
"""Frames looked at before the steps are changed, and again after each change."""
SHARE = 0.8
"""Of the time between two ticks that making one may take; the rest is for drawing and for what else the machine does."""


class Adapter:
    """Holds a frame-time target by adding and removing denoising steps. One value in, perhaps a new number of steps out."""

    def __init__(self) -> None:
        self._milliseconds: deque[float] = deque(maxlen=N_FRAMES)

    def steps(self, n_steps: int, frame_ms: float, fps: float) -> int:
        """The steps for the next frame, after one of `n_steps` took `frame_ms`, at `fps` ticks a second."""
        self._milliseconds.append(frame_ms)
        if len(self._milliseconds) < N_FRAMES:
            return n_steps
        target, median = SHARE * 1000 / fps, float(np.median(self._milliseconds))
        wanted = n_steps
        if median > target and n_steps > 1:
            wanted = n_steps - 1
        elif median * (n_steps + 1) / n_steps < target and n_steps < MOST_STEPS:  # at most: absorbing does not grow with steps
            wanted = n_steps + 1
        if wanted != n_steps:
            self._milliseconds.clear()
        return wanted
