"""How wide words are in the letters of the display, and how to fit them. Needs no window."""

from __future__ import annotations

import textwrap
from functools import lru_cache

from simulator.compose import font


@lru_cache(maxsize=2048)
def width(text: str, size: int) -> float:
    """Units that `text` takes in letters of `size`."""
    return font(size).getlength(text)


def wrapped(text: str, size: int, room: float) -> list[str]:
    """`text` in lines about as wide as `room`; words longer than a line, such as paths, are broken."""
    return textwrap.wrap(text, max(8, int(len(text) * room / max(1.0, width(text, size))))) or [""]


def shortened(text: str, size: int, room: float) -> str:
    """`text`, its end left out where it is wider than `room`."""
    n = len(text)
    while n > 1 and width(text[:n] + ".." * (n < len(text)), size) > room:
        n -= 1
    return text if n == len(text) else text[:n] + ".."
