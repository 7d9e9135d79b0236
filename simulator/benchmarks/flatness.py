"""A long dream in equal parts: time, state and memory of a frame do not depend on how many came before."""

from __future__ import annotations

from simulator.benchmarks.plan import N_PARTS, Plan, Result
from simulator.benchmarks.subject import Subject
from simulator.benchmarks.timing import Play, compare, times
from simulator.evaluation.cost import FIRST, resident_bytes
from simulator.moment import state_bytes


def measure(subject: Subject, plan: Plan) -> Result:
    """`--long` frames. `ratio`: the median time of a part against that of the first."""
    return _long_dream(subject, plan.long, "flatness")


def soak(subject: Subject, plan: Plan) -> Result:
    """`--soak` frames: the same for hours."""
    return _long_dream(subject, plan.soak, "soak")


def _long_dream(subject: Subject, n_frames: int, label: str) -> Result:
    dream = Play(subject.engine)
    for _ in range(FIRST):
        dream.step()
    begun = resident_bytes()
    rows, first = [], None
    for part in range(1, N_PARTS + 1):
        name = f"{label}, part {part} of {N_PARTS}"
        n = n_frames // N_PARTS
        seconds = compare({"frame": dream.step}, n, float("inf"), subject.device, name, warm_up=0)["frame"]
        first = first or seconds
        held = resident_bytes()
        sizes = {"state_bytes": state_bytes(dream.moment), "resident_bytes": held, "growth_bytes": held - begun}
        rows.append({"name": f"part {part}", "frame": dream.moment.t, **times(seconds, first), **sizes})
    about = (
        f"One dream of {n_frames} frames in {N_PARTS} parts. Ratio: the median time of a part against the first part's; growth: "
        f"memory of the process since frame {FIRST}."
    )
    return Result(about, subject.facts(steps=subject.engine.n_steps), rows)
