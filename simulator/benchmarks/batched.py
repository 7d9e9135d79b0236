"""Dreams side by side in one call, up to as many as the memory holds."""

from __future__ import annotations

from simulator.benchmarks.machine import forget_peak, free_bytes, peak_bytes
from simulator.benchmarks.plan import Plan, Result, Row
from simulator.benchmarks.subject import Subject, threads
from simulator.benchmarks.timing import Play, compare, rate, times
from simulator.engine import Engine
from simulator.evaluation.cost import resident_bytes
from simulator.moment import state_bytes

SHARE = 0.8
"""Of the free memory that a batch may take."""


def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio`: frames a second of all dreams together against the first row's. Stops where memory would not suffice."""
    rows: list[Row] = []
    left_out, per_row = [], 0.0
    begun = resident_bytes() if subject.device.type != "cuda" else 0
    on_gpu = subject.device.type == "cuda"  # where a graph of any number of rows can be had
    engine = subject.engine.with_path("auto" if plan.compiled and on_gpu else "plain")
    with threads(subject.n_threads):
        facts = subject.facts(path=engine.path)
        for batch in sorted(plan.batches):
            free = free_bytes(subject.device)
            if free is not None and per_row * batch > SHARE * free:
                needed = f"at {per_row / 2**20:.1f} MiB each they would take {per_row * batch / 2**30:.1f} GiB"
                left_out.append(f"{batch} dreams and more: {needed}, and {free / 2**30:.1f} GiB are free")
                break
            forget_peak(subject.device)
            rows.append(_row(engine, plan, batch, rows))
            peak = peak_bytes(subject.device)
            if peak is not None:
                rows[-1]["growth_at_peak_bytes"] = max(0, peak - begun)
                per_row = max(per_row, rows[-1]["growth_at_peak_bytes"] / batch)
    about = (
        "Frames of many dreams in one call, on every core. Ratio: frames a second of all together, against the first row. "
        "Growth at peak: memory taken beyond what was held before the first row."
    )
    return Result(about, facts, rows, left_out)


def _row(engine: Engine, plan: Plan, batch: int, rows: list[Row]) -> Row:
    dreams = Play(engine, batch)
    taken = compare({"step": dreams.step}, plan.frames, plan.seconds, engine.device, f"{batch} dreams", warm_up=1)["step"]
    row: Row = {
        "name": f"{batch} dream" + ("s" if batch > 1 else ""),
        "batch": batch,
        **times(taken),
        "frames_per_second": rate(taken, batch),
    }
    row["ratio"] = round(row["frames_per_second"] / (rows[0] if rows else row)["frames_per_second"], 3)
    return row | {"state_bytes": state_bytes(dreams.moment)}
