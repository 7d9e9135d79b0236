"""How the browser looks: tiles on the left, the selected one large on the right with a bar to scrub. Pure; no toolkit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.library import Item
from simulator.ui.letters import shortened, width, wrapped
from simulator.ui.shapes import AMBER, BLUE, EDGE, FAINT, INK, PANEL, PAPER, SOFT, Box, Dot, Image, Label, Rect, Shape

if TYPE_CHECKING:
    from simulator.ui.browser import Browser

TOP, GAP, HEADING, WORDS = 52.0, 12.0, 30.0, 36.0
"""Height of the title, room between tiles, height of a heading, and of the words below a tile."""
RECORDED = "Recorded"
STEPPING = ". , step   [ ] by ten   space: play"


@dataclass(frozen=True)
class Layout:
    """tiles: rectangles of the items, their words included, scrolled so that the selected one shows. headings: text at (x, y)."""

    tiles: tuple[Rect, ...]
    headings: tuple[tuple[str, float, float], ...]
    preview: Rect
    bar: Rect
    n_columns: int
    bottom: float

    def tile_at(self, x: float, y: float) -> int | None:
        """The number of the tile at a pixel."""
        if not TOP <= y < self.bottom:
            return None
        return next((i for i, tile in enumerate(self.tiles) if tile.contains(x, y)), None)


def group(item: Item) -> str:
    """The heading an item stands under."""
    return item.world.replace("-", " ").title() if item.world else RECORDED


def _rows(items: Sequence[Item], n_columns: int) -> list[list[int]]:
    """Numbers of the items, row by row; every heading begins a row."""
    rows: list[list[int]] = []
    for i, item in enumerate(items):
        if not rows or group(item) != group(items[rows[-1][0]]) or len(rows[-1]) == n_columns:
            rows.append([])
        rows[-1].append(i)
    return rows


def above(items: Sequence[Item], selected: int, n_columns: int) -> int:
    """The item above `selected`, itself in the first row."""
    return _moved(items, selected, n_columns, -1)


def below(items: Sequence[Item], selected: int, n_columns: int) -> int:
    """The item below `selected`, itself in the last row."""
    return _moved(items, selected, n_columns, 1)


def _moved(items: Sequence[Item], selected: int, n_columns: int, by: int) -> int:
    rows = _rows(items, n_columns)
    row = next((i for i, numbers in enumerate(rows) if selected in numbers), 0)
    if not 0 <= row + by < len(rows):
        return selected
    column = rows[row].index(selected)
    return rows[row + by][min(column, len(rows[row + by]) - 1)]


def arrange(items: Sequence[Item], selected: int, size: tuple[int, int]) -> Layout:
    """Where everything is on a window of `size`."""
    width, height = size
    left_w = 0.5 * width
    side = min(max(0.1 * width, 76.0), 132.0)
    n_columns = max(1, int((left_w - GAP) // (side + GAP)))
    bottom = height - 30.0
    tiles, headings = _grid(items, selected, n_columns, side, bottom)
    right_x, right_w = left_w + GAP, width - left_w - 2 * GAP
    big = min(right_w, bottom - TOP - 104)
    preview = Rect(right_x + (right_w - big) / 2, TOP + 8, big, big)
    bar = Rect(right_x + 4, preview.y + big + 12, right_w - 8, 22)
    return Layout(tuple(tiles), tuple(headings), preview, bar, n_columns, bottom)


def _grid(
    items: Sequence[Item], selected: int, n_columns: int, side: float, bottom: float
) -> tuple[list[Rect], list[tuple[str, float, float]]]:
    tiles: list[Rect] = [Rect(0, 0, 0, 0)] * len(items)
    headings, y, seen = [], TOP, ""
    for row in _rows(items, n_columns):
        if group(items[row[0]]) != seen:
            seen = group(items[row[0]])
            headings.append((seen, GAP, y + HEADING / 2))
            y += HEADING
        for column, number in enumerate(row):
            tiles[number] = Rect(GAP + column * (side + GAP), y, side, side + WORDS)
        y += side + WORDS + GAP
    if not items:
        return tiles, headings
    here = tiles[selected]
    scroll = max(0.0, here.y + here.h + GAP - bottom)
    if scroll:
        tiles = [Rect(x, top - scroll, w, h) for x, top, w, h in tiles]
        headings = [(text, x, top - scroll) for text, x, top in headings]
    return tiles, headings


def draw(page: Browser, layout: Layout, size: tuple[int, int]) -> list[Shape]:
    """Every shape of the page, in drawing order."""
    w, h = size
    shapes: list[Shape] = [Box(Rect(0, 0, w, h), PAPER)]
    for text, x, y in layout.headings:
        if TOP < y < layout.bottom:
            shapes.append(Label(x, y, text, 15, SOFT))
    for number, (item, tile) in enumerate(zip(page.items, layout.tiles, strict=True)):
        if tile.y >= TOP - 1 and tile.y + tile.h <= layout.bottom + 1:
            shapes += _tile(page, item, tile, number == page.selected)
    shapes += _preview(page, layout)
    shapes += [Box(Rect(0, 0, w, TOP - 8), PANEL), Label(GAP, (TOP - 8) / 2, "Revisit", 20)]
    says = "choose where to begin" if page.items else "nothing to start from was found"
    shapes.append(Label(GAP + 84, (TOP - 8) / 2 + 2, says, 14, SOFT))
    if page.items and layout.tiles[-1].y + layout.tiles[-1].h > layout.bottom + 1:
        shapes.append(Label(GAP, h - 14, "more below", 12, SOFT))
    keys = f"arrows: choose   enter: begin here   escape: {page.leave}"
    return [*shapes, Label(w - GAP, h - 14, keys, 12, SOFT, "r")]


def _tile(page: Browser, item: Item, tile: Rect, selected: bool) -> list[Shape]:
    glimpse = page.glimpses.get(item)
    square = Rect(tile.x, tile.y, tile.w, tile.w)
    shapes: list[Shape] = []
    if selected:
        shapes.append(Box(Rect(tile.x - 4, tile.y - 4, tile.w + 8, tile.h + 4), PANEL, 8, BLUE))
    if glimpse is not None and glimpse.picture is not None:
        shapes.append(Image(square, glimpse.picture))
    else:
        shapes += [Box(square, PANEL, 6, EDGE)]
        shapes.append(Label(square.x + tile.w / 2, square.y + tile.w / 2, "..." if glimpse is None else "?", 20, FAINT, "m"))
    words = "" if glimpse is None or glimpse.words == item.name else glimpse.words
    shapes.append(Label(tile.x + 2, tile.y + tile.w + 11, shortened(item.name, 12, tile.w), 12, INK if selected else SOFT))
    if words:
        shapes.append(Label(tile.x + 2, tile.y + tile.w + 26, shortened(words, 11, tile.w), 11, FAINT))
    return shapes


def _preview(page: Browser, layout: Layout) -> list[Shape]:
    preview, bar, item = layout.preview, layout.bar, page.item
    if item is None:
        return []
    picture, reel = page.picture(), page.reel
    shapes: list[Shape] = [Box(preview, PANEL, 8, EDGE)]
    if picture is not None:
        shapes.append(Image(preview, picture))
    elif item.kind == "cold":
        shapes.append(
            Label(preview.x + preview.w / 2, preview.y + preview.h / 2, "the dream makes up its first frame", 14, SOFT, "m")
        )
    y = bar.y + bar.h + 16
    if page.has_frames:
        shapes += _bar(page, bar)
        n = 0 if reel is None else reel.n_in_all
        opened = f"frame {page.frame + 1} of {n}" if n else "opening ..."
        making = f", dreamt again so far: {reel.n_frames}" if reel is not None and reel.n_frames < n else ""
        shapes.append(Label(bar.x, y, shortened(opened + making, 13, bar.w), 13, INK))
        if width(opened + making, 13) + width(STEPPING, 12) + GAP < bar.w:
            shapes.append(Label(bar.x + bar.w, y, STEPPING, 12, SOFT, "r"))
    glimpse = page.glimpses.get(item)
    about = item.name if glimpse is None or glimpse.words == item.name else f"{item.name}: {glimpse.words}"
    color = AMBER if page.message else SOFT
    lines = wrapped(page.message or about, 12, bar.w)[:3]  # above the keys of the page
    return [*shapes, *(Label(bar.x, y + 20 + 16 * row, line, 12, color) for row, line in enumerate(lines))]


def _bar(page: Browser, bar: Rect) -> list[Shape]:
    reel, y = page.reel, bar.y + bar.h / 2
    shapes: list[Shape] = [Box(Rect(bar.x, y - 2, bar.w, 4), EDGE, 2)]
    if reel is not None and reel.n_in_all > 1:
        there = (reel.n_frames - 1) / (reel.n_in_all - 1)
        here = bar.x + bar.w * page.frame / (reel.n_in_all - 1)
        shapes += [Box(Rect(bar.x, y - 2, max(0.0, bar.w * there), 4), BLUE, 2), Dot(here, y, 7, INK), Dot(here, y, 4, PAPER)]
    return shapes
