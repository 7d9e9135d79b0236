"""How many ticks a second to play: a world's own rate, one that looks smooth, one that is quick."""

from __future__ import annotations

from typing import NamedTuple


class Rate(NamedTuple):
    """A named rate in ticks a second."""

    name: str
    fps: float

    def describe(self, natural_fps: float) -> str:
        """Such as "10 Hz smooth (natural 4 Hz)"."""
        natural = "" if self.fps == natural_fps else f" (natural {natural_fps:g} Hz)"
        return f"{self.fps:g} Hz {self.name}{natural}"


def rates(natural_fps: float) -> tuple[Rate, ...]:
    """The rates offered for a world of `natural_fps`, slowest first; one smooth by nature has no other smooth rate."""
    offered = [Rate("natural", natural_fps), Rate("smooth", 10.0), Rate("fast", 30.0)]
    return tuple(rate for i, rate in enumerate(offered) if i == 0 or rate.fps > 1.2 * natural_fps)


def default_rate(natural_fps: float) -> Rate:
    """Smooth where the world's own rate is a slide show, else its own."""
    return next((rate for rate in rates(natural_fps) if rate.name == "smooth"), Rate("natural", natural_fps))


def chosen_rate(fps: float | None, natural_fps: float) -> Rate:
    """The rate a flag asks for; None is the default one. ValueError unless it is more than 0 and at most 240."""
    if fps is None:
        return default_rate(natural_fps)
    if not 0 < fps <= 240:
        raise ValueError(f"{fps} ticks a second; expected more than 0 and at most 240")
    return next((rate for rate in rates(natural_fps) if rate.fps == fps), Rate("chosen", float(fps)))
