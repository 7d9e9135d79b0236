"""A window of past frames computed anew for every frame, as models without a state must, against carrying the state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from models.world_model import WorldModel
from simulator.benchmarks.passes import Stream, absorb, denoise
from simulator.benchmarks.plan import Plan, Result
from simulator.benchmarks.subject import Subject
from simulator.benchmarks.timing import compare, times

MOST_TIMED = 20
"""Frames timed for each window."""


def from_window(model: WorldModel, frames: Tensor, t: int, n_steps: int) -> Tensor:
    """Frame t (1, 1, 3, H, W) from the n frames before it (1, n, 3, H, W) and nothing older: absorbed once, side by side."""
    state = absorb(model, model.init_state(1), frames, t - frames.shape[1])
    return denoise(model, state, t, n_steps)


@torch.inference_mode()
def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio`: a frame from a window against a frame from the carried state, timed in turns."""
    model, n_steps = subject.plain.model, subject.engine.n_steps
    rows = []
    for n in plan.windows:
        stream = Stream(model, n_steps)
        frames = torch.rand(1, n, 3, *model.config.image, device=subject.device) * 2 - 1
        calls: dict[str, Callable[[], object]] = {"anew": partial(from_window, model, frames, n, n_steps), "carried": stream.step}
        taken = compare(calls, min(plan.frames, MOST_TIMED), plan.seconds, subject.device, f"window of {n} frames")
        carried_ms = times(taken["carried"])["p50_ms"]
        rows.append({"name": f"{n} frames", "frames": n, **times(taken["anew"], taken["carried"]), "carried_p50_ms": carried_ms})
    about = (
        f"The calls of one frame of the plain network with {subject.steps_in_words}: from a window of past frames absorbed anew, "
        "all in one call, against from the carried state, in turns. Ratio: anew against carried."
    )
    return Result(about, subject.facts(dtype=str(model.head.weight.dtype).removeprefix("torch.")), rows)
