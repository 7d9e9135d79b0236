"""All benchmarks by name, and the report they make together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simulator.benchmarks import (
    batched,
    collection,
    flatness,
    floor,
    frame,
    growing_cache,
    recompute,
    single,
    startup,
    training,
)
from simulator.benchmarks.machine import machine
from simulator.benchmarks.plan import Benchmark, Plan
from simulator.benchmarks.subject import Subject

BENCHMARKS: dict[str, Benchmark] = {
    "frame": frame.measure,
    "flatness": flatness.measure,
    "soak": flatness.soak,
    "single": single.measure,
    "floor": floor.measure,
    "growing_cache": growing_cache.measure,
    "recompute": recompute.measure,
    "batched": batched.measure,
    "training": training.measure,
    "collection": collection.measure,
    "startup": startup.measure,
}
"""In the order they are run: what the process holds is read before anything heavy was done in it."""
PLAIN = ("frame", "flatness")
"""Those that run where nothing is chosen."""


def chosen(plan: Plan, only: tuple[str, ...], suite: bool) -> list[str]:
    """The names to run. Raises ValueError for unknown ones, for sizes that cannot be, and where `only` asks for no frames."""
    plan.check()
    unknown = [name for name in only if name not in BENCHMARKS]
    if unknown:
        raise ValueError(f"unknown benchmark {unknown[0]!r}; known: {', '.join(BENCHMARKS)}")
    empty = [name for name, n in (("flatness", plan.long), ("soak", plan.soak)) if n == 0]
    for name in empty:
        if name in only:
            raise ValueError(f"--only {name} has no frames; give --{'long' if name == 'flatness' else name} N")
    wanted = only or (BENCHMARKS if suite else (*PLAIN, "soak"))
    return [name for name in BENCHMARKS if name in wanted and name not in empty]


def run(
    subject: Subject, plan: Plan, names: list[str], tell: Callable[[dict[str, Any], str], None] = lambda report, name: None
) -> dict[str, Any]:
    """Measure `names` in turn; `tell(report, name)` is called with what is known after each."""
    report: dict[str, Any] = {
        "machine": machine(),
        "model": {
            "world": subject.world,
            "fingerprint": subject.engine.fingerprint,
            "parameters": subject.n_parameters,
            "steps": subject.engine.n_steps,
            "description": subject.engine.description,
        },
        "benchmarks": {},
    }
    for name in names:
        report["benchmarks"][name] = asdict(BENCHMARKS[name](subject, plan))
        report["headline"] = headline(report["benchmarks"], subject)
        tell(report, name)
    return report


def headline(found: dict[str, dict[str, Any]], subject: Subject) -> dict[str, Any]:
    """What is asked for most, in one flat object; None for what was not measured."""
    parts = {row["name"]: row for row in found.get("frame", {}).get("rows", [])}
    parts_of_long = found.get("flatness", found.get("soak", {})).get("rows", [{}])
    whole, last, facts = parts.get("frame", {}), parts_of_long[-1], subject.facts()
    return {
        "frame_ms_p50": whole.get("p50_ms"),
        "frame_ms_p95": whole.get("p95_ms"),
        "frame_ms_p99": whole.get("p99_ms"),
        "fps": whole.get("frames_per_second"),
        **{f"{part}_ms": parts.get(part, {}).get("p50_ms") for part in ("denoise", "commit", "decode", "draw")},
        "flat_ratio": last.get("ratio"),
        "frames": last.get("frame"),
        "state_bytes": last.get("state_bytes", whole.get("state_bytes")),
        "resident_bytes": last.get("resident_bytes", whole.get("resident_bytes")),
        "rss_growth_bytes": last.get("growth_bytes"),
        "device": facts["device"],
        "dtype": facts["dtype"],
        "threads": facts["threads"],
        "parameters": subject.n_parameters,
        "steps": subject.engine.n_steps,
    }
