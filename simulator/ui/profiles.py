"""Quality against speed while playing: denoising steps by name, and a profile that finds them for a time a frame may take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from simulator.intents import Intent, SetSteps
from simulator.session import Session
from simulator.twin import dream_of
from simulator.worlds import LearnedWorld

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


class Quality:
    """The denoising steps of a session's dream, as a person chooses them: one more, one less, or by a profile.

    do: applies an intent, False where it could not. notify: called with one-line messages.
    """

    def __init__(self, session: Session, do: Callable[[Intent], bool], notify: Callable[[str], None]) -> None:
        self.profile = ""
        self._session, self._do, self._notify = session, do, notify
        self._adapter = Adapter()

    def _dream(self) -> LearnedWorld | None:
        """The dream whose steps are meant; where all is real, that is said."""
        dream = dream_of(self._session.world)
        if dream is None:
            self._notify("the real world has no denoising steps")
        return dream

    def change(self, by: int) -> None:
        """`by` steps more, by hand: no profile holds any more."""
        self.profile = ""
        if (dream := self._dream()) is not None and self._do(SetSteps(dream.n_steps + by)):
            self._notify(f"{dream.n_steps} denoising step{'s' if dream.n_steps > 1 else ''} a frame")

    def next(self) -> None:
        """Play on in the profile after the present one."""
        self.take(PROFILES[(PROFILES.index(self.profile) + 1) % len(PROFILES)] if self.profile else PROFILES[0])

    def take(self, profile: str) -> None:
        """Play on in `profile`, one of PROFILES."""
        if (dream := self._dream()) is None:
            return
        if profile == ADAPTIVE:
            self._adapter = Adapter()
            words = "as many steps as fit between two ticks"
        else:
            words = f"{STEPS[profile]} denoising step{'s' if STEPS[profile] > 1 else ''} a frame"
            if dream.n_steps != STEPS[profile] and not self._do(SetSteps(STEPS[profile])):
                return
        self.profile = profile
        self._notify(f"profile {profile}: {words}")

    def adapt(self, frame_ms: float, fps: float) -> None:
        """A frame took `frame_ms`, at `fps` ticks a second: change the steps where the profile says so."""
        dream = dream_of(self._session.world)
        if self.profile == ADAPTIVE and dream is not None:
            wanted = self._adapter.steps(dream.n_steps, frame_ms, fps)
            if wanted != dream.n_steps:
                self._do(SetSteps(wanted))
