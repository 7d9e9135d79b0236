"""compare.md: the table of baselines and ablations as a person reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulator.evaluation.compare import spread
from simulator.evaluation.rows import OURS, REFERENCE
from simulator.evaluation.tally import AGE_BINS

AGES = ("< 3", "3-8", "9-24", "25-64", "65-256", "> 256", "first seen")
BESIDE = (OURS, REFERENCE, "maze-paper", "maze-mamba-attention")
"""Baselines that ablations are ablations of; the last is the paper's without blocks."""
NOT_PROBED = (
    "What the states hold (walls, balls) is not compared. `probe` reads it out of maps: with one small convolution, the same at "
    "every slot, which a hundred mazes teach. A Mamba-2 state has no places, only a matrix a head and block; it would have to be "
    "read as a whole, many thousand numbers at once; so would a window of keys. Scores of such readers would tell how well each "
    "reader could be taught, not what each state holds. Rows are compared by what they show."
)
Cell = Callable[[dict[str, Any]], str]


def text(results: dict[str, Any], figures: Sequence[str]) -> str:
    """The comparison in Markdown; `results` as in compare.json."""
    recipe, rows = results["recipe"], results["rows"]
    n_mazes = next(iter(rows.values()))["n_mazes"]
    sizes = sorted(row["n_parameters"] for row in rows.values())
    baselines = [row for row in rows.values() if row["baseline"]]
    ablations = [row for row in rows.values() if not row["baseline"]]
    parts = [
        "# Models of equal size, trained alike",
        f"Rows of {sizes[0] / 1e6:.2f} to {sizes[-1] / 1e6:.2f} million parameters, trained for {recipe['steps']} steps "
        f"({recipe['n_frames']:,} frames) on the same {recipe['n_episodes']} mazes in the same order, with the same objective "
        f"and learning rates (Muon {recipe['lr']}); seeds {', '.join(map(str, results['seeds']))}. Scored on {n_mazes} held-out "
        f"mazes, poses given; brackets are 95% bootstrap intervals over mazes, drawn together where two rows are compared. "
        f"Compare rows within a column, never columns with each other.",
        f"All rows: `{results['command']}`. One row: `{results['command_of_a_row']}`.",
    ]
    if baselines:
        parts += ["## Baselines", *_tables(baselines, REFERENCE)]
    if ablations:
        shown = [rows[name] for name in BESIDE if name in rows] + ablations
        parts += ["## Ablations", *_tables(shown, OURS)]
    parts += ["## What was unequal", _unequal(list(rows.values())), "## What was not measured", NOT_PROBED]
    if results["left_out"]:
        parts += ["## Left out", "\n".join(f"- {line}" for line in results["left_out"])]
    return "\n\n".join([*parts, *(f"![{name}]({name})" for name in figures)]) + "\n"


def _tables(rows: list[dict[str, Any]], other: str) -> list[str]:
    dreams = [name for name in rows[0] if name.startswith(("retrieval_", "reasoning_")) and rows[0][name] is not None]
    tables = [
        "\n".join(f"- `{row['name']}`: {row['what']}." for row in rows),
        "One step ahead, PSNR in dB by frames since the content was in view:",
        _table(rows, [("whole frame", _value("whole_frame_psnr")), *_by_age("onestep_psnr")]),
    ]
    others = [row for row in rows if other in row["gain"] and row["name"] != other]
    if others:
        tables += [
            f"Gain over `{other}`, dB:",
            _table(others, [("whole frame", _gain(other, "whole_frame_psnr")), *_gains(other, "onestep_psnr")]),
        ]
    tables += ["Right wall colour at the horizon:", _table(rows, _by_age("wall_colour_accuracy", 3))]
    columns = [(name.replace("_", " "), _value(name)) for name in dreams]
    tables += [
        "Dreamt on its own frames (PSNR, dB), and balls right on revisit, one step ahead:",
        _table(rows, [*columns, ("balls right", _value("ball_hit_rate")), ("of", lambda row: str(row["n_balls"]))]),
    ]
    if any(len(row["seeds"]) > 1 for row in rows):
        ages = [(label, _spread("onestep_psnr", age)) for label, age in zip(AGES, AGE_BINS, strict=True)]
        tables += [
            "Seeds lie apart by (largest less smallest, dB):",
            _table(rows, [("whole frame", _spread("whole_frame_psnr")), *ages]),
        ]
    return tables


def _unequal(rows: list[dict[str, Any]]) -> str:
    """What equal parameters and frames leave open: state, time, and runs that were stopped and went on."""
    columns: list[tuple[str, Cell]] = [
        ("parameters", lambda row: f"{row['n_parameters']:,}"),
        ("state, KB a player", lambda row: f"{row['state_bytes'] / 1000:,.0f}"),
        ("seconds a step (median)", lambda row: number(row["seconds_per_step"])),
        ("seeds", lambda row: ", ".join(map(str, row["seeds"]))),
        ("stopped and resumed at step (windows in another order from there)", lambda row: _resumed(row["resumed_at"])),
    ]
    return _table(rows, columns)


def _resumed(stops: dict[str, list[int]]) -> str:
    return "; ".join(f"{', '.join(map(str, at))} (seed {seed})" for seed, at in stops.items() if at)


def number(value: float | None, interval: list[float] | None = None, digits: int = 2) -> str:
    """`value` with its interval; empty where there is none."""
    if value is None:
        return ""
    return f"{value:.{digits}f}" + (f" [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]" if interval else "")


def _value(name: str) -> Cell:
    return lambda row: number(row[name], row["interval95"][name])


def _gain(other: str, name: str) -> Cell:
    return lambda row: number(row["gain"][other][name], row["gain"][other]["interval95"][name])


def _spread(name: str, age: str | None = None) -> Cell:
    return lambda row: number(spread(row["by_seed"], name, age))


def _by_age(name: str, digits: int = 2) -> list[tuple[str, Cell]]:
    def cell(age: str) -> Cell:
        return lambda row: number(row[name][age], digits=digits)

    return [(label, cell(age)) for label, age in zip(AGES, AGE_BINS, strict=True)]


def _gains(other: str, name: str) -> list[tuple[str, Cell]]:
    def cell(age: str) -> Cell:
        return lambda row: number(row["gain"][other][name][age], row["gain"][other]["interval95"][name][age])

    return [(label, cell(age)) for label, age in zip(AGES, AGE_BINS, strict=True)]


def _table(rows: list[dict[str, Any]], columns: Sequence[tuple[str, Cell]]) -> str:
    head = "| | " + " | ".join(title for title, _ in columns) + " |"
    body = [f"| `{row['name']}` | " + " | ".join(cell(row) for _, cell in columns) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * (len(columns) + 1), *body])
