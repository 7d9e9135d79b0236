"""The head-up display: from what is the case to shapes on a window of a given size. Pure; no toolkit."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.timeline import Timeline
from simulator.ui import timeline_bar
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
    Dot,
    Label,
    Polygon,
    Rect,
    Shape,
)  # fmt: skip

TOP, BOTTOM = 38, 92
ARROWS = {"up": (1, 0), "left": (0, 1), "down": (1, 1), "right": (2, 1)}
"""Column and row of the arrow caps."""


@dataclass(frozen=True, kw_only=True)
class View:
    """All that the display shows. captions: one above each panel of the picture. recording: name -> seconds.

    keys: logical keys the world has, down: those held now. notes: messages, newest last. help: (keys, meaning) rows or empty.
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
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Layout:
    """Where things are. bar: the timeline, which can be clicked."""

    picture: Rect
    bar: Rect
    bare: bool


def arrange(size: tuple[int, int], frame_shape: tuple[int, ...], n_panels: int, bare: bool) -> Layout:
    """The picture as large as `size` (width, height) allows, its shape kept; bare: nothing but the picture."""
    width, height = size
    top, bottom = (0, 0) if bare else (TOP + (24 if n_panels > 1 else 0), BOTTOM)
    room_w, room_h = width - (0 if bare else 24), height - top - bottom
    scale = min(room_w / frame_shape[1], room_h / frame_shape[0])
    w, h = frame_shape[1] * scale, frame_shape[0] * scale
    picture = Rect(round((width - w) / 2), round(top + (room_h - h) / 2), round(w), round(h))
    return Layout(picture, Rect(158, height - BOTTOM + 26, max(60, width - 158 - 214), 30), bare)


def draw(view: View, layout: Layout, size: tuple[int, int]) -> list[Shape]:
    """Every shape of the display, in drawing order."""
    shapes: list[Shape] = []
    if not layout.bare:
        shapes += _top(view, size) + _bottom(view, layout, size) + _captions(view, layout)
    if view.rows:
        shapes += _rows(view, layout)
    shapes += _notes(view, layout)
    return shapes + (_help(view, size) if view.help else [])


def _top(view: View, size: tuple[int, int]) -> list[Shape]:
    y = TOP / 2
    shapes: list[Shape] = [Label(14, y, view.title, 17)]
    right = size[0] - 14.0
    for name, seconds in view.recording.items():
        text = f"{name} {int(seconds) // 60}:{int(seconds) % 60:02d}"
        shapes += [Label(right, y, text, 14, RED, "r"), Dot(right - 8 * len(text) - 4, y, 5, RED)]
        right -= 8 * len(text) + 26
    color = {"playing": GREEN, "paused": AMBER, "waiting": AMBER, "rewinding": BLUE}.get(view.mode.split(" ")[0], SOFT)
    shapes.append(Label(right, y, view.mode, 15, color, "r"))
    if size[0] >= 720:  # else it would run into its neighbours
        shapes.append(Label(size[0] / 2, y, view.details, 13, SOFT, "m"))
    return shapes


def _bottom(view: View, layout: Layout, size: tuple[int, int]) -> list[Shape]:
    top = size[1] - BOTTOM
    shapes: list[Shape] = [Box(Rect(0, top + 6, size[0], BOTTOM), PANEL)]
    shapes += key_caps(view, 16, top + 18)
    shapes += timeline_bar.draw(view.timeline, layout.bar) + timeline_bar.caption(view.timeline, layout.bar)
    if layout.bar.w >= 360:
        shapes.append(Label(layout.bar.x + layout.bar.w, layout.bar.y + layout.bar.h + 12, view.hint, 12, SOFT, "r"))
    right = size[0] - 16
    shapes += [
        Label(right - 50, top + 28, f"{view.fps:.1f}", 24, INK, "r"),
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
    width = layout.picture.w / max(1, len(view.captions))
    texts = view.captions if width >= 230 else tuple("  ".join(text.split("  ")[:2]) for text in view.captions)
    middles = (layout.picture.x + (i + 0.5) * width for i in range(len(view.captions)))
    return [Label(x, layout.picture.y - 13, text, 14, INK, "m") for x, text in zip(middles, texts, strict=True)]


def _notes(view: View, layout: Layout) -> list[Shape]:
    shapes: list[Shape] = []
    picture = layout.picture
    bottom = picture.y + picture.h - 14
    for note in reversed(view.notes[-3:]):
        lines = _wrapped(note, max(20, int(picture.w / 7.2)))
        box = Rect(picture.x + 12, bottom - 12 - 17 * len(lines), picture.w - 24, 12 + 17 * len(lines))
        shapes.append(Box(box, VEIL, 6))
        middle = picture.x + picture.w / 2
        shapes += [Label(middle, box.y + 14 + 17 * row, line, 14, INK, "m") for row, line in enumerate(lines)]
        bottom = box.y - 6
    return shapes + (alert(view.alert, picture) if view.alert else [])


def alert(text: str, picture: Rect) -> list[Shape]:
    """What must be noticed, across the top of `picture`."""
    box = Rect(picture.x + picture.w / 2 - 4.5 * len(text) - 16, picture.y + 12, 9 * len(text) + 32, 30)
    return [Box(box, VEIL, 6, AMBER), Label(box.x + box.w / 2, box.y + 15, text, 15, AMBER, "m")]


def _wrapped(text: str, n_letters: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= n_letters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _rows(view: View, layout: Layout) -> list[Shape]:
    h = 16 + 18 * len(view.rows)
    box = Rect(layout.picture.x + 10, layout.picture.y + 10, min(360.0, layout.picture.w - 20), h)
    shapes: list[Shape] = [Box(box, VEIL, 8)]
    for i, (name, value) in enumerate(view.rows):
        y = box.y + 17 + 18 * i
        shapes += [Label(box.x + 12, y, name, 13, SOFT), Label(box.x + box.w - 12, y, value, 13, INK, "r")]
    return shapes


def _help(view: View, size: tuple[int, int]) -> list[Shape]:
    n_rows = (len(view.help) + 1) // 2
    step = min(24.0, (size[1] - 100) / (n_rows + 1))
    width, height = min(size[0] - 32.0, 820.0), step * n_rows + 88
    box = Rect((size[0] - width) / 2, (size[1] - height) / 2, width, height)
    part = width / 820
    letters = max(10, round(14 * part))
    shapes: list[Shape] = [Box(Rect(0, 0, *size), (*PAPER[:3], 150)), Box(box, (*PANEL[:3], 245), 12, EDGE)]
    shapes += [Label(box.x + 24, box.y + 26, "Keys", 20)]
    shapes += [Label(box.x + width / 2, box.y + height - 16, view.device, max(9, round(12 * part)), SOFT, "m")]
    for i, (keys, what) in enumerate(view.help):
        x = box.x + 6 + (i // n_rows) * (width / 2 - 4)
        y = box.y + 58 + step * (i % n_rows)
        shapes += [Label(x + 112 * part, y, keys, letters, BLUE, "r"), Label(x + 124 * part, y, what, letters)]
    return shapes
