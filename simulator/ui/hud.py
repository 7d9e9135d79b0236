"""The head-up display: from what is the case to shapes on a window of a given size. Pure; no toolkit."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from simulator.timeline import Timeline
from simulator.ui import timeline_bar
from simulator.ui.letters import shortened, width, wrapped
from simulator.ui.shapes import (
    AMBER,
    BLUE,
    EDGE,
    FAINT,
    GREEN,
    INK,
    PANEL,
    PAPER,
    RED,
    SOFT,
    VEIL,
    Box,
    Color,
    Dot,
    Label,
    Polygon,
    Rect,
    Shape,
)  # fmt: skip

TOP, BOTTOM, SLIM = 38, 92, 46
"""Heights of the strips above and below the picture; SLIM is the lower one on windows smaller than ROOMY."""
ROOMY = (480, 400)
ARROWS = {"up": (1, 0), "left": (0, 1), "down": (1, 1), "right": (2, 1)}
"""Column and row of the arrow caps."""


@dataclass(frozen=True, kw_only=True)
class View:
    """All that the display shows. captions: one above each panel of the picture. recording: name -> seconds.

    keys: logical keys the world has, down: those held now. notes: messages, newest last. help: (keys, meaning) rows, shown on
    as many pages as they need, page after page with every `help_turns`, then not at all.
    rows: measurements, (name, value). alert: what must be noticed, across the picture. hint: how to see all keys.
    """

    title: str
    details: str
    mode: str
    timeline: Timeline
    keys: frozenset[str]
    down: frozenset[str]
    action: str
    fps: float
    rate: str
    frame_ms: str
    latency_ms: str
    device: str
    hint: str = ""
    captions: tuple[str, ...] = ()
    recording: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    alert: str = ""
    help: tuple[tuple[str, str], ...] = ()
    help_turns: int = 0
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Layout:
    """Where things are. bar: the timeline, which can be clicked. slim: there is no room for keys and measurements."""

    picture: Rect
    bar: Rect
    bare: bool
    slim: bool = False


def arrange(size: tuple[int, int], frame_shape: tuple[int, ...], n_panels: int, bare: bool) -> Layout:
    """The picture as large as `size` (width, height) allows, its shape kept; bare: nothing but the picture."""
    width, height = size
    slim = width < ROOMY[0] or height < ROOMY[1]
    below = SLIM if slim else BOTTOM
    top, bottom = (0, 0) if bare else (TOP + (24 if n_panels > 1 else 0), below)
    room_w, room_h = width - (0 if bare else 24), height - top - bottom
    scale = min(room_w / frame_shape[1], room_h / frame_shape[0])
    w, h = frame_shape[1] * scale, frame_shape[0] * scale
    picture = Rect(round((width - w) / 2), round(top + (room_h - h) / 2), round(w), round(h))
    bar = Rect(14, height - below + 10, width - 138, 14) if slim else Rect(158, height - below + 26, width - 372, 30)
    return Layout(picture, bar, bare, slim)


def draw(view: View, layout: Layout, size: tuple[int, int]) -> list[Shape]:
    """Every shape of the display, in drawing order."""
    shapes: list[Shape] = []
    if not layout.bare:
        shapes += _top(view, size) + _bottom(view, layout, size) + _captions(view, layout)
    if view.rows:
        shapes += _rows(view, layout, size)
    shapes += _notes(view, layout)
    return shapes + _help(view, size)


def _top(view: View, size: tuple[int, int]) -> list[Shape]:
    y = TOP / 2
    shapes: list[Shape] = []
    right = size[0] - 14.0
    for name, seconds in view.recording.items():
        text = f"{name} {int(seconds) // 60}:{int(seconds) % 60:02d}"
        shapes.append(Label(right, y, text, 14, RED, "r"))
        right -= width(text, 14) + 10
        shapes.append(Dot(right, y, 5, RED))
        right -= 18
    color = {"playing": GREEN, "paused": AMBER, "waiting": AMBER, "rewinding": BLUE}.get(view.mode.split(" ")[0], SOFT)
    shapes.append(Label(right, y, view.mode, 15, color, "r"))
    right -= width(view.mode, 15) + 16
    title = shortened(view.title, 17, right - 14)
    reach = size[0] / 2 - max(30 + width(title, 17), size[0] - right)
    details = [Label(size[0] / 2, y, view.details, 13, SOFT, "m")] if width(view.details, 13) <= 2 * reach else []
    return [*shapes, Label(14, y, title, 17), *details]


def _bottom(view: View, layout: Layout, size: tuple[int, int]) -> list[Shape]:
    top, right = size[1] - (SLIM if layout.slim else BOTTOM), size[0] - 16
    shapes: list[Shape] = [Box(Rect(0, top + 6, size[0], BOTTOM), PANEL)]
    shapes += timeline_bar.draw(view.timeline, layout.bar) + timeline_bar.caption(view.timeline, layout.bar)
    if layout.slim:
        return [*shapes, Label(right, top + 26, f"{view.fps:.1f} frames/s", 14, INK, "r")]
    if layout.bar.w >= 360:
        shapes.append(Label(layout.bar.x + layout.bar.w, layout.bar.y + layout.bar.h + 12, view.hint, 12, SOFT, "r"))
    shapes += [
        *key_caps(view, 16, top + 18),
        Label(right - 54, top + 28, f"{view.fps:.1f}", 24, INK, "r"),
        Label(right, top + 31, "frames/s", 12, SOFT, "r"),
        Label(right, top + 50, f"frame {view.frame_ms}", 12, SOFT, "r"),
        Label(right, top + 66, f"key to picture {view.latency_ms}", 12, SOFT, "r"),
        Label(right, top + 82, view.rate, 12, FAINT, "r"),
    ]
    return shapes


def key_caps(view: View, x: float, y: float) -> list[Shape]:
    """The arrow caps, lit while held, and beside them the name of what they do together; other keys as they are pressed."""
    shapes: list[Shape] = []
    for key, (column, row) in ARROWS.items():
        if key not in view.keys and key != "down":
            continue
        cap = Rect(x + 31 * column, y + 26 * row, 28, 23)
        lit, known = key in view.down, key in view.keys
        shapes.append(Box(cap, BLUE if lit else PAPER, 5, BLUE if lit else EDGE))
        shapes.append(_arrow(key, cap, PAPER if lit else (SOFT if known else EDGE)))
    others = " ".join(sorted(view.down - set(ARROWS)))
    return [*shapes, Label(x + 45, y + 62, f"{view.action}  {others}".strip(), 12, INK if view.down else FAINT, "m")]


def _arrow(key: str, cap: Rect, color: tuple[int, int, int, int]) -> Polygon:
    x, y = cap.x + cap.w / 2, cap.y + cap.h / 2
    dx, dy = {"up": (0, -5), "down": (0, 5), "left": (-5, 0), "right": (5, 0)}[key]
    return Polygon(((x + dx, y + dy), (x - dx - dy, y - dy - dx), (x - dx + dy, y - dy + dx)), color)


def _captions(view: View, layout: Layout) -> list[Shape]:
    w = layout.picture.w / max(1, len(view.captions))
    texts = view.captions if w >= 230 else tuple("  ".join(text.split("  ")[:2]) for text in view.captions)
    middles = (layout.picture.x + (i + 0.5) * w for i in range(len(view.captions)))
    return [Label(x, layout.picture.y - 13, text, 14, INK, "m") for x, text in zip(middles, texts, strict=True)]


def _notes(view: View, layout: Layout) -> list[Shape]:
    shapes: list[Shape] = []
    picture = layout.picture
    bottom = picture.y + picture.h - 14
    for note in reversed(view.notes[-3:]):
        lines = wrapped(note, 14, picture.w - 48)
        box = Rect(picture.x + 12, bottom - 12 - 17 * len(lines), picture.w - 24, 12 + 17 * len(lines))
        shapes += [Box(box, VEIL, 6), *_lines(lines, box, 14, INK)]
        bottom = box.y - 6
    return shapes + (alert(view.alert, picture) if view.alert else [])


def alert(text: str, picture: Rect) -> list[Shape]:
    """What must be noticed, across the top of `picture`."""
    lines = wrapped(text, 15, picture.w - 64)
    w = max(width(line, 15) for line in lines) + 32
    box = Rect(picture.x + (picture.w - w) / 2, picture.y + 12, w, 12 + 18 * len(lines))
    return [Box(box, VEIL, 6, AMBER), *_lines(lines, box, 15, AMBER)]


def _lines(lines: list[str], box: Rect, size: int, color: Color) -> list[Shape]:
    """`lines` below one another, in the middle of `box`."""
    step = (box.h - 12) / len(lines)
    return [Label(box.x + box.w / 2, box.y + 6 + step * (row + 0.5), line, size, color, "m") for row, line in enumerate(lines)]


def _rows(view: View, layout: Layout, size: tuple[int, int]) -> list[Shape]:
    w = min(360.0, size[0] - 20.0)
    box = Rect(min(layout.picture.x + 10, size[0] - w - 10), layout.picture.y + 10, w, 16 + 18 * len(view.rows))
    shapes: list[Shape] = [Box(box, VEIL, 8)]
    for i, (name, value) in enumerate(view.rows):
        y = box.y + 17 + 18 * i
        shapes += [Label(box.x + 12, y, name, 13, SOFT), Label(box.x + box.w - 12, y, value, 13, INK, "r")]
    return shapes


def _help(view: View, size: tuple[int, int]) -> list[Shape]:
    """One page of the keys: in the largest letters in which two columns fit, or one."""
    if not view.help:
        return []
    w, h = min(size[0] - 24.0, 860.0), size[1] - 24.0
    fitting = ((n, letters) for n in (2, 1) for letters in (14, 13, 12) if n * sum(_columns(view.help, letters)) <= w)
    n_columns, letters = next(fitting, (1, 12))
    keys_w, what_w = _columns(view.help, letters)
    about = wrapped(view.device, 12, w - 48)
    foot = 20 + 16 * len(about)
    n_rows = max(1, int((h - 56 - foot) / (1.25 * letters)))
    n_pages = ceil(len(view.help) / (n_columns * n_rows))
    page = view.help_turns % (n_pages + 1)
    if page == 0:
        return []
    n_rows = ceil(len(view.help) / (n_columns * n_pages))
    step = min(24.0, (h - 56 - foot) / n_rows)
    w, h = min(w, max(n_columns * (keys_w + what_w), 360.0)), 56 + step * n_rows + foot
    box = Rect((size[0] - w) / 2, (size[1] - h) / 2, w, h)
    shapes: list[Shape] = [Box(Rect(0, 0, *size), (*PAPER[:3], 150)), Box(box, (*PANEL[:3], 245), 12, EDGE)]
    shapes.append(Label(box.x + 20, box.y + 26, "Keys", 20))
    if n_pages > 1:
        shapes.append(Label(box.x + w - 20, box.y + 27, f"{page} of {n_pages} · the same key goes on", 12, SOFT, "r"))
    shapes += _lines(about, Rect(box.x, box.y + h - foot - 4, w, foot), 12, SOFT)
    for i, (keys, what) in enumerate(view.help[(page - 1) * n_columns * n_rows :][: n_columns * n_rows]):
        x = box.x + keys_w + (i // n_rows) * w / n_columns
        y = box.y + 44 + step * (i % n_rows + 0.5)
        shapes += [Label(x - 12, y, keys, letters, BLUE, "r"), Label(x, y, what, letters)]
    return shapes


def _columns(rows: tuple[tuple[str, str], ...], letters: int) -> tuple[float, float]:
    """Widths that the keys and their meanings take, room at their edges included."""
    return max(width(keys, letters) for keys, _ in rows) + 32, max(width(what, letters) for _, what in rows) + 20
