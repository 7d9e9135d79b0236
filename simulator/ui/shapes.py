"""The few things a display is made of, as values in window pixels, and the palette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Color = tuple[int, int, int, int]

PAPER: Color = (13, 16, 22, 255)
PANEL: Color = (22, 27, 36, 255)
VEIL: Color = (10, 13, 18, 225)
EDGE: Color = (48, 57, 72, 255)
INK: Color = (232, 237, 244, 255)
SOFT: Color = (140, 152, 170, 255)
FAINT: Color = (110, 121, 141, 255)
BLUE: Color = (96, 174, 255, 255)
GREEN: Color = (94, 214, 148, 255)
AMBER: Color = (255, 196, 92, 255)
RED: Color = (255, 92, 92, 255)
LANES = (BLUE, (190, 148, 255, 255), GREEN, AMBER, (255, 138, 176, 255), (110, 214, 222, 255))


class Rect(NamedTuple):
    """Left, top, width, height."""

    x: float
    y: float
    w: float
    h: float

    def contains(self, x: float, y: float) -> bool:
        return self.x <= x < self.x + self.w and self.y <= y < self.y + self.h

    def scaled(self, unit: float) -> Rect:
        """Every length times `unit`."""
        return Rect(self.x * unit, self.y * unit, self.w * unit, self.h * unit)


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle with rounded corners and, where `edge` is given, a one-pixel edge."""

    rect: Rect
    color: Color
    radius: int = 0
    edge: Color | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """`text` with letters `size` pixels high; anchor: l, m or r of (x, y), vertically centred."""

    x: float
    y: float
    text: str
    size: int
    color: Color = INK
    anchor: str = "l"


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through `points`, `width` pixels wide."""

    points: tuple[tuple[float, float], ...]
    color: Color
    width: int = 2


@dataclass(frozen=True, slots=True)
class Polygon:
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    color: Color


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    color: Color


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """`frame` (H, W, 3) uint8 filling `rect`. One array is one picture: draw a changed picture from another array."""

    rect: Rect
    frame: np.ndarray


Shape = Box | Label | Stroke | Polygon | Dot | Image


def scaled(shape: Shape, unit: float) -> Shape:
    """`shape` with every length times `unit`."""
    match shape:
        case Box(rect, color, radius, edge):
            return Box(rect.scaled(unit), color, round(radius * unit), edge)
        case Label(x, y, text, size, color, anchor):
            return Label(x * unit, y * unit, text, round(size * unit), color, anchor)
        case Stroke(points, color, width):
            return Stroke(tuple((x * unit, y * unit) for x, y in points), color, max(1, round(width * unit)))
        case Polygon(points, color):
            return Polygon(tuple((x * unit, y * unit) for x, y in points), color)
        case Dot(x, y, radius, color):
            return Dot(x * unit, y * unit, radius * unit, color)
        case Image(rect, frame):
            return Image(rect.scaled(unit), frame)
