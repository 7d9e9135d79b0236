"""The history as a small picture: one lane a branch, forks, marks, and where one is."""

from __future__ import annotations

from simulator.timeline import Timeline
from simulator.ui.shapes import AMBER, FAINT, INK, LANES, PAPER, SOFT, Box, Dot, Label, Polygon, Rect, Shape, Stroke

SHORTEST = 60
"""Positions a bar shows at least, so that it does not race in the first seconds."""


def span(timeline: Timeline) -> tuple[int, int]:
    """The first and the last position the bar shows."""
    first = min(line.start for line in timeline.lines.values())
    last = max(line.tip for line in timeline.lines.values())
    return first, max(last, first + SHORTEST)


def draw(timeline: Timeline, rect: Rect) -> list[Shape]:
    """Shapes of `timeline` inside `rect`. The newest branches are shown where there are more than fit."""
    first, last = span(timeline)
    n_lanes = max(1, int(rect.h // 9))
    lines = sorted(timeline.lines.values(), key=lambda line: line.id)
    kept = [line for line in lines if line.id == timeline.branch] + [line for line in lines[::-1] if line.id != timeline.branch]
    lanes = {line.id: lane for lane, line in enumerate(sorted(kept[:n_lanes], key=lambda line: line.id))}
    height = rect.h / max(1, len(lanes))

    def x(position: float) -> float:
        return rect.x + (position - first) / (last - first) * rect.w

    def y(branch: int) -> float:
        return rect.y + (lanes[branch] + 0.5) * height

    shapes: list[Shape] = [Box(Rect(rect.x, rect.y + rect.h / 2 - 1, rect.w, 2), (*FAINT[:3], 70))]
    for line in lines:
        if line.id not in lanes:
            continue
        present = line.id == timeline.branch
        red, green, blue, _ = LANES[line.id % len(LANES)]
        shade = 1.0 if present else 0.55
        color = (int(shade * red), int(shade * green), int(shade * blue), 255)
        row = y(line.id)
        if line.parent in lanes and line.start == line.forked_at:
            shapes.append(Stroke(((x(line.start) - 5, y(line.parent)), (x(line.start), row)), color, 2))
        shapes.append(Stroke(((x(line.start), row), (max(x(line.tip), x(line.start) + 2), row)), color, 4 if present else 2))
    for mark in timeline.marks.values():
        if mark.branch in lanes and first <= mark.position:
            at, row = x(mark.position), y(mark.branch)
            shapes.append(Polygon(((at, row), (at - 5, row - 9), (at + 5, row - 9)), AMBER))
            shapes.append(Label(at, row - 15, mark.name, 11, AMBER, "m"))
    here = x(timeline.position), y(timeline.branch)
    return [*shapes, Dot(*here, 6, INK), Dot(*here, 3, PAPER)]


def caption(timeline: Timeline, rect: Rect) -> list[Shape]:
    """How much is remembered, in words below the bar."""
    ids = sorted(timeline.lines)
    branches = f" · branch {ids.index(timeline.branch) + 1} of {len(ids)}" if len(ids) > 1 else ""
    memory = f" · history {timeline.n_bytes / 2**20:.0f} of {timeline.budget >> 20} MiB" if rect.w >= 220 else ""
    text = f"t {timeline.tick.t}{branches}{memory}"
    return [Label(rect.x, rect.y + rect.h + 12, text, 12, SOFT)]


def position_at(timeline: Timeline, rect: Rect, x: float) -> int:
    """The position that pixel `x` of the bar stands for."""
    first, last = span(timeline)
    return round(first + (x - rect.x) / rect.w * (last - first))
