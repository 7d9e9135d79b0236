"""A single dream by denoising steps, threads and size of the model."""

from __future__ import annotations

from dataclasses import replace

import torch

from models.presets import preset
from simulator.benchmarks.plan import Plan, Result, Row
from simulator.benchmarks.subject import Subject, load_subject, random_weights, threads
from simulator.benchmarks.timing import play, rate, times


def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio` compares with the first row: the checkpoint at the fewest steps on one thread."""
    rows, first = [], None
    for n_threads in sorted({1, subject.n_threads}):
        for n_steps in plan.steps:
            with threads(n_threads):
                seconds = play(subject.engine.with_steps(n_steps), plan, f"{n_steps} steps, {n_threads} threads")
            first = first or seconds
            rows.append(_row("the checkpoint", subject, n_threads, n_steps, seconds, first))
    left_out = []
    own = subject.engine.config
    sizes = {name: preset(name) for name in plan.presets}
    sizes |= {f"{width} wide instead of {own.d_model}": replace(own, d_model=width) for width in plan.widths}
    for name, config in sizes.items():
        with random_weights(config) as folder, threads(subject.n_threads):
            try:
                other = load_subject(folder, config.world, str(subject.device), subject.n_threads)
            except ValueError as error:
                left_out.append(f"{name}: {error}")
                continue
            seconds = play(other.engine.with_steps(1), plan, name)
            rows.append(_row(f"{name}, random weights", other, torch.get_num_threads(), 1, seconds, first))
    about = "Key to finished, absorbed frame of a single dream. Ratio: against the first row."
    return Result(about, subject.facts(), rows, left_out)


def _row(name: str, subject: Subject, n_threads: int, n_steps: int, seconds: list[float], first: list[float] | None) -> Row:
    sizes = {"parameters": subject.n_parameters, "threads": n_threads, "steps": n_steps}
    return {"name": name, **sizes, **times(seconds, first), "frames_per_second": rate(seconds)}
