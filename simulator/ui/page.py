"""Something that fills the window instead of play until it is closed."""

from __future__ import annotations

from typing import Protocol

from simulator.ui.events import Event
from simulator.ui.shapes import Shape


class Page(Protocol):
    """A page takes all events while it is open. Closing the window closes it too."""

    open: bool

    def handle(self, event: Event) -> None: ...

    def draw(self, size: tuple[int, int]) -> list[Shape]: ...
