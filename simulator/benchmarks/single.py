"""A single dream by denoising steps, threads and size of the model."""

from __future__ import annotations

from dataclasses import replace

import torch

from models.presets import preset
from simulator.benchmarks.plan import Plan, Result, Row
from simulator.benchmarks.subject import Subject, load_subject, random_weights, threads
from simulator.benchmarks.timing import Play, compare, rate, times


def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio` compares with the first row: the checkpoint at the fewest steps on one thread. `to_plain` compares the compiled
    network with the plain one, timed in turns."""
    rows, first, left_out = [], None, []
    other, facts = subject.engine.with_path("auto" if plan.compiled else "plain"), subject.facts()
    if plan.compiled:
        facts["fastest path"] = f"{other.path}, {other.description.rsplit('; ', 1)[-1]}"
    on_gpu = subject.device.type == "cuda"
    for n_threads in sorted({subject.n_threads} if on_gpu else {1, subject.n_threads}):
        for n_steps in plan.steps:
            engines = {"the checkpoint": subject.engine}
            if other.path != "plain" and n_threads == facts["threads"]:  # it was compiled for as many
                engines[f"the checkpoint, compiled, {other.path}"] = other
            calls = {name: Play(engine.with_steps(n_steps)).step for name, engine in engines.items()}
            with threads(n_threads):
                taken = compare(calls, plan.frames, plan.seconds, subject.device, f"{n_steps} steps, {n_threads} threads")
            first = first or taken["the checkpoint"]
            for name, seconds in taken.items():
                row = _row(name, subject, n_threads, n_steps, seconds, first)
                plain = {} if name == "the checkpoint" else {"to_plain": times(seconds, taken["the checkpoint"])["ratio"]}
                rows.append(row | plain)
    own = subject.engine.config
    sizes = {name: preset(name) for name in plan.presets}
    sizes |= {f"{width} wide instead of {own.d_model}": replace(own, d_model=width) for width in plan.widths}
    for name, config in sizes.items():
        with random_weights(config) as folder, threads(subject.n_threads):
            try:
                random = load_subject(folder, config.world, str(subject.device), subject.n_threads)
            except ValueError as error:
                left_out.append(f"{name}: {error}")
                continue
            rows += _alike(f"{name}, random weights", random, plan, first, compiled=plan.compiled and on_gpu)
    for world in (name for name in plan.worlds if name != subject.world):
        with threads(subject.n_threads):
            shipped = load_subject(None, world, str(subject.device), subject.n_threads)
            rows += _alike(f"the model shipped for {world}", shipped, plan, first, compiled=plan.compiled)
    about = (
        "Key to finished, absorbed frame of a single dream. Ratio: against the first row. To plain: the compiled network against "
        "the plain one at as many steps, timed in turns."
    )
    return Result(about, facts, rows, left_out)


def _alike(name: str, other: Subject, plan: Plan, first: list[float] | None, compiled: bool) -> list[Row]:
    """Rows of another model at one step; with the compiled network beside the plain one where there is such."""
    plain = other.engine.with_steps(1)
    calls = {name: Play(plain).step}
    if compiled and (faster := plain.with_path("auto")).path != "plain":
        calls[f"{name}, compiled, {faster.path}"] = Play(faster).step
    taken = compare(calls, plan.frames, plan.seconds, other.device, name)
    rows = []
    for label, seconds in taken.items():
        row = _row(label, other, torch.get_num_threads(), 1, seconds, first)
        rows.append(row if label == name else row | {"to_plain": times(seconds, taken[name])["ratio"]})
    return rows


def _row(name: str, subject: Subject, n_threads: int, n_steps: int, seconds: list[float], first: list[float] | None) -> Row:
    sizes = {"parameters": subject.n_parameters, "threads": n_threads, "steps": n_steps}
    return {"name": name, **sizes, **times(seconds, first), "frames_per_second": rate(seconds)}
