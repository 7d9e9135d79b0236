"""A report as tables: aligned for the screen, and in Markdown between the markers of a document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MARKER, END = "<!-- bench:{} -->", "<!-- end -->"
UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def screen(name: str, report: dict[str, Any]) -> str:
    """Benchmark `name` for the terminal."""
    found = report["benchmarks"][name]
    cells = _cells(found["rows"])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        row[0].ljust(widths[0]) + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in cells
    ]
    left_out = [f"left out: {reason}" for reason in found["left_out"]]
    return "\n".join([f"\n{name}: {found['about']}", _facts(name, report), *lines, *left_out])


def markdown(name: str, report: dict[str, Any], picture: str | None = None) -> str:
    """Benchmark `name` as a paragraph, a table and its figure."""
    found = report["benchmarks"][name]
    lines = [f"| {' | '.join(row)} |" for row in _cells(found["rows"])]
    if lines:
        lines.insert(1, "|---" + "|--:" * (lines[0].count("|") - 2) + "|")
    left_out = [f"Left out: {reason}." for reason in found["left_out"]]
    figure = [f"![{name}]({picture})"] if picture else []
    parts = [found["about"], f"*{_facts(name, report)}*", "\n".join(lines), *left_out, *figure]
    return "\n\n".join(part for part in parts if part)


def fill(text: str, report: dict[str, Any], pictures: Mapping[str, str]) -> str:
    """The document `text` with the section of every benchmark of the report made anew; pictures: name -> link.

    A section lies between `<!-- bench:NAME -->` and `<!-- end -->`. Raises ValueError where a benchmark has none.
    """
    for name in report["benchmarks"]:
        marker = MARKER.format(name)
        before, found, rest = text.partition(marker)
        _, ended, after = rest.partition(END)
        if not found or not ended:
            raise ValueError(f"the document has no place for {name!r}; expected a line {marker!r} and after it a line {END!r}")
        text = f"{before}{marker}\n{markdown(name, report, pictures.get(name))}\n{END}{after}"
    return text


def _facts(name: str, report: dict[str, Any]) -> str:
    """The day, the machine in general terms, and what this benchmark ran on."""
    machine, facts = report["machine"], report["benchmarks"][name]["facts"]
    cores = f"{machine['date']}, {machine['cores']} {machine['processor']} cores ({machine['instructions']})"
    gpu = [machine["gpu"]] if machine["gpu"] and facts.get("device") != "cpu" else []
    return "; ".join([cores, *gpu, *(f"{key} {value}" for key, value in facts.items())])


def _cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """A head and a line a row; a column for every key that any row has."""
    if not rows:
        return []
    keys = list(dict.fromkeys(key for row in rows for key in row))
    heads = [re.sub(r"_(ms|bytes)\b", lambda unit: " ms" if unit[1] == "ms" else "", key).replace("_", " ") for key in keys]
    return [["" if head == "name" else head for head in heads], *([_cell(key, row.get(key)) for key in keys] for row in rows)]


def _cell(key: str, value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if "bytes" in key:
        size, unit = next(((size, unit) for size, unit in UNITS if abs(value) >= size), (1, "B"))
        return f"{value / size:.1f} {unit}" if size > 1 else f"{value} B"
    return f"{value:,}"
