"""The measurements that the overlay shows, as rows of words."""

from __future__ import annotations

from simulator.intents import Reset
from simulator.session import Session
from simulator.sizes import n_bytes
from simulator.twin import dream_of
from simulator.ui.meters import Meters, resident_mib
from simulator.worlds import LearnedWorld


class Telemetry:
    """What is measured of `session`, beside what `meters` has taken the time of."""

    def __init__(self, session: Session, meters: Meters) -> None:
        self._session, self._meters = session, meters
        self._norm_at_start: tuple[Reset | None, float] = None, 0.0

    def before_tick(self, shown: bool) -> None:
        """A tick is about to be made: remember the state's norm where a session begins; time its parts where they are shown."""
        dream = dream_of(self._session.world)
        if dream is not None and dream.moment is not None:
            if self._norm_at_start[0] is not self._session.start:
                self._norm_at_start = self._session.start, dream.engine.state_norm(dream.moment)
            dream.engine.lap = self._meters.lap if shown else None
        self._meters.begin_frame()

    def rows(self, asked_fps: float, now: float) -> tuple[tuple[str, str], ...]:
        """(name, value) of everything measured. now: seconds on the clock of `meters`."""
        session, timeline, dream = self._session, self._session.timeline, dream_of(self._session.world)
        return (
            ("frame, median / p95", self._meters.frame.show()),
            ("draw", self._meters.draw.show()),
            ("denoise / decode / commit / draw", self._meters.shares()),
            ("key to picture", self._meters.latency.show()),
            ("rate, measured / asked", f"{self._meters.fps(now):.1f} / {asked_fps:g} Hz"),
            *([] if dream is None or dream.moment is None else self._state(dream)),
            ("history", f"{timeline.n_bytes / 2**20:.1f} of {timeline.budget >> 20} MiB"),
            ("memory of the process", f"{resident_mib():.0f} MiB"),
            ("session", session.path.parent.name if session.path else "not kept"),
        )

    def _state(self, dream: LearnedWorld) -> list[tuple[str, str]]:
        """The size of the dream's memory, and how far its norm has gone since the start."""
        assert dream.moment is not None
        norm, first = dream.engine.state_norm(dream.moment), self._norm_at_start[1]
        drift = f"{100 * (norm / first - 1):+.1f} %" if first else "from nothing"
        return [
            ("state", f"{n_bytes(dream.moment.stream) / 1024:.0f} KiB"),
            ("state norm, drift since the start", f"{norm:.3f}, {drift}"),
        ]
