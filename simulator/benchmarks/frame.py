"""One frame of play, from key to picture, and what its parts take."""

from __future__ import annotations

import time
from typing import Any

from simulator.benchmarks.plan import Plan, Result, Row
from simulator.benchmarks.subject import Subject, environment
from simulator.benchmarks.timing import Play, compare, rate, times
from simulator.engine import Engine
from simulator.evaluation.cost import resident_bytes
from simulator.moment import state_bytes
from simulator.ui import hud

WINDOW = (960, 800)
"""The size the window opens with."""
PARTS = ("denoise", "decode", "commit")


class PlayInParts(Play):
    """A dream whose engine tells when a part of a frame is done."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.with_steps(engine.n_steps))
        self.seconds: dict[str, list[float]] = {part: [] for part in PARTS}
        self.engine.lap = self._lap

    def step(self) -> Any:
        self._at = time.perf_counter()
        return super().step()

    def _lap(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part].append(now - self._at)
        self._at = now


def measure(subject: Subject, plan: Plan) -> Result:
    """The whole step, and another dream's steps by their parts, in turns: `ratio` is a part's share of the whole."""
    engine = subject.engine
    whole, parts = Play(engine), PlayInParts(engine)
    calls, left_out = {"frame": whole.step, "in parts": parts.step}, []
    try:
        screen = _screen()
        picture = hud.arrange(WINDOW, engine.frame_shape, 1, False).picture
        calls["draw"] = lambda: screen.draw(whole.moment.frame[0], picture, [])
    except (ImportError, RuntimeError) as error:
        left_out.append(f"draw: {error}")
    taken = compare(calls, plan.frames, plan.seconds, subject.device, "frame", warm_up=10)
    n = len(taken.pop("in parts"))
    taken |= {part: seconds[-n:] for part, seconds in parts.seconds.items()}
    rows: list[Row] = [
        {"name": name, **times(taken[name], taken["frame"])} for name in ("frame", *PARTS, "draw") if name in taken
    ]
    rows[0] |= {"frames_per_second": rate(taken["frame"]), "state_bytes": state_bytes(whole.moment)}
    rows[0] |= {"resident_bytes": resident_bytes()}
    about = (
        f"One frame from key to absorbed picture with {subject.steps_in_words}, and its parts: denoise (ego-motion, noise and "
        "every denoising call), decode (floats to pixels), commit (absorbing the picture). Draw (enlarging it to the "
        f"{WINDOW[0]}x{WINDOW[1]} window and showing it on no screen) comes on top. Ratio: share of the frame."
    )
    return Result(about, subject.facts(steps=engine.n_steps, parameters=subject.n_parameters), rows, left_out)


def _screen() -> Any:
    """A window on no screen at all."""
    from simulator.ui.window import Window  # here, so that the other parts are measured where pygame is not installed

    with environment(SDL_VIDEODRIVER="dummy"):
        return Window("bench", WINDOW)
