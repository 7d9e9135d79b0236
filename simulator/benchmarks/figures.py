"""The figures of a report, drawn from its JSON alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Rows: TypeAlias = list[dict[str, Any]]


def draw(report: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Write bench-NAME.png to `folder` for every benchmark that has a figure and any rows; their paths by name.

    Raises ImportError where matplotlib is missing.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"figures need matplotlib ({error}): pip install 'revisit[train]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name, fill in FIGURES.items():
        rows = report["benchmarks"].get(name, {}).get("rows")
        if rows:
            figure = plt.figure(figsize=(9, 3.6), layout="constrained")
            fill(figure, rows)
            made[name] = folder / file_name(name)
            figure.savefig(made[name], dpi=110)
            plt.close(figure)
    return made


def file_name(name: str) -> str:
    """What the figure of a benchmark is called."""
    return f"bench-{name.replace('_', '-')}.png"


def _column(rows: Rows, key: str) -> list[Any]:
    return [row[key] for row in rows]


def _grid(axes: Any, **labels: Any) -> None:
    axes.set(**labels)
    axes.grid(alpha=0.3)


def _log(axes: Any, at: list[int], **labels: Any) -> None:
    """Both axes logarithmic, with numbers that can be read: those of the table across, and 1, 2, 5 upwards."""
    from matplotlib.ticker import LogLocator

    _grid(axes, xscale="log", yscale="log", **labels)
    axes.set_xticks(at, [f"{n:,}" for n in at])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()


def _bars(figure: Any, names: list[str], values: list[float], label: str) -> None:
    figure.set_figheight(0.8 + 0.32 * len(names))
    axes = figure.subplots()
    axes.barh(names[::-1], values[::-1], color="C0")
    axes.bar_label(axes.containers[0], fmt="%.3g", padding=3, fontsize=8)
    axes.margins(x=0.12)
    _grid(axes, xlabel=label)


def _times(figure: Any, rows: Rows) -> None:
    _bars(figure, _column(rows, "name"), _column(rows, "p50_ms"), "ms, median")


def _single(figure: Any, rows: Rows) -> None:
    names = [f"{row['name']}, steps {row['steps']}, threads {row['threads']}" for row in rows]
    _bars(figure, names, _column(rows, "p50_ms"), "ms from key to frame, median")


def _long(figure: Any, rows: Rows) -> None:
    """Time of each part, and what the process and the dream hold after it."""
    left, right = figure.subplots(1, 2)
    at = _column(rows, "frame")
    left.plot(at, _column(rows, "p50_ms"), marker="o", label="median")
    left.plot(at, _column(rows, "p95_ms"), marker=".", color="0.6", label="95th percentile")
    _grid(left, ylim=(0, None), xlabel="frames played", ylabel="ms from key to frame")
    for key, label in (("resident_bytes", "process"), ("state_bytes", "state of the dream")):
        right.plot(at, [value / 2**20 for value in _column(rows, key)], marker="o", label=label)
    _grid(right, yscale="log", xlabel="frames played", ylabel="MiB")
    left.legend()
    right.legend()


def _growing_cache(figure: Any, rows: Rows) -> None:
    """A frame's time and the memory of the past, by the length of the past."""
    left, right = figure.subplots(1, 2)
    at = _column(rows, "frames")
    for axes, keys, scale, label in (
        (left, ("p50_ms", "fixed_p50_ms"), 1, "ms for a frame's calls, median"),
        (right, ("cache_bytes", "state_bytes"), 2**20, "MiB"),
    ):
        for key, whose in zip(keys, ("growing cache", "state of fixed size"), strict=True):
            axes.plot(at, [value / scale for value in _column(rows, key)], marker="o", label=whose)
        _log(axes, at, xlabel="frames of history", ylabel=label)
        axes.legend()


def _recompute(figure: Any, rows: Rows) -> None:
    axes, at = figure.subplots(), _column(rows, "frames")
    for key, label in (("p50_ms", "window computed anew"), ("carried_p50_ms", "state carried along")):
        axes.plot(at, _column(rows, key), marker="o", label=label)
    _log(axes, at, xlabel="frames of context", ylabel="ms for a frame's calls, median")
    axes.legend()


def _batched(figure: Any, rows: Rows) -> None:
    left, right = figure.subplots(1, 2)
    at = _column(rows, "batch")
    left.plot(at, _column(rows, "frames_per_second"), marker="o")
    _log(left, at, xlabel="dreams side by side", ylabel="frames a second, all together")
    right.plot(at, _column(rows, "p50_ms"), marker="o")
    _log(right, at, xlabel="dreams side by side", ylabel="ms a step, median")


FIGURES: dict[str, Callable[[Any, Rows], None]] = {
    "frame": _times,
    "flatness": _long,
    "soak": _long,
    "single": _single,
    "floor": _times,
    "growing_cache": _growing_cache,
    "recompute": _recompute,
    "batched": _batched,
}
