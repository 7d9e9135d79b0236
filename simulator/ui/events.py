"""What a window reports, as values: the rest of the app never sees the toolkit behind it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyDown:
    """`key` (lower-case name such as "w", "up", "f1", "mouse left") went down at `at` seconds on the app's clock.

    where: the pixel (x, y) of a mouse button, None for keys.
    """

    key: str
    ctrl: bool = False
    at: float = 0.0
    where: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class KeyUp:
    """`key` went up."""

    key: str


@dataclass(frozen=True, slots=True)
class Dragged:
    """The mouse moved to the pixel `where` with its left button down."""

    where: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FocusLost:
    """Keys released from now on will not be reported: take all as released."""


@dataclass(frozen=True, slots=True)
class PadLost:
    """A gamepad was pulled out: take all it held as released."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The person closed the window."""


Event = KeyDown | KeyUp | Dragged | FocusLost | PadLost | Closed
