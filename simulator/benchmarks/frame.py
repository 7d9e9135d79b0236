"""One frame of play, from key to picture, and what its parts take."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from models.pixels import to_uint8
from simulator.benchmarks.plan import Plan, Result
from simulator.benchmarks.subject import Subject, environment
from simulator.benchmarks.timing import Play, compare, rate, times
from simulator.evaluation.cost import resident_bytes
from simulator.evaluation.moments import state_bytes
from simulator.ui import hud

WINDOW = (960, 800)
"""The size the window opens with."""


def measure(subject: Subject, plan: Plan) -> Result:
    """The whole step, then its parts timed one by one: `ratio` is a part's share of the whole."""
    engine = subject.engine
    whole, parts = Play(engine), Play(engine)
    imagined: list[tuple[np.ndarray, np.ndarray]] = []
    floats = torch.rand(1, 3, *engine.frame_shape[:2], device=subject.device) * 2 - 1

    def imagine() -> None:
        imagined[:] = [engine.imagine(parts.moment, parts.keys())]

    def absorb() -> None:
        frame, pose = imagined[0]
        parts.moment = engine.absorb(parts.moment, frame, parts.keys(), pose, engine.context_noise)

    calls = {"frame": whole.step, "imagine": imagine, "commit": absorb, "decode": lambda: to_uint8(floats)}
    left_out = []
    try:
        screen = _screen()
        picture = hud.arrange(WINDOW, engine.frame_shape, 1, False).picture
        calls["draw"] = lambda: screen.draw(imagined[0][0][0], picture, [])
    except (ImportError, RuntimeError) as error:
        left_out.append(f"draw: {error}")
    taken = compare(calls, plan.frames, plan.seconds, subject.device, "frame", warm_up=10)
    decode = float(np.median(taken["decode"]))
    taken["denoise"] = [max(0.0, seconds - decode) for seconds in taken.pop("imagine")]
    sizes = {"state_bytes": state_bytes(whole.moment), "resident_bytes": resident_bytes()}
    rows = [{"name": "frame", **times(taken["frame"], taken["frame"]), "frames_per_second": rate(taken["frame"]), **sizes}]
    rows += [
        {"name": part, **times(taken[part], taken["frame"])} for part in ("denoise", "decode", "commit", "draw") if part in taken
    ]
    about = (
        f"One frame from key to absorbed picture with {subject.steps_in_words}, and its parts: denoise (ego-motion, noise "
        "and every denoising call), decode (floats to pixels), commit (absorbing the picture), and draw (enlarging it to the "
        f"{WINDOW[0]}x{WINDOW[1]} window and showing it, which the frame itself does not count). Ratio: share of the frame."
    )
    return Result(about, subject.facts(steps=engine.n_steps, parameters=subject.n_parameters), rows, left_out)


def _screen() -> Any:
    """A window on no screen at all."""
    from simulator.ui.window import Window  # here, so that the other parts are measured where pygame is not installed

    with environment(SDL_VIDEODRIVER="dummy"):
        return Window("bench", WINDOW)
