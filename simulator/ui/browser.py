"""The start screen and the browser in play: worlds, clips, episodes and sessions; step and scrub; begin from any frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.library import Glimpse, Item, glimpse
from simulator.reel import Reel, open_reel
from simulator.ui import browser_view
from simulator.ui.events import Dragged, Event, KeyDown
from simulator.ui.job import Job
from simulator.ui.shapes import Shape

PLAY_FPS = 10.0
"""Frames a second at which a clip is shown when it plays by itself."""
AT_REST_SECONDS = 0.15
"""How long a tile stays chosen before its file is opened, so that leafing through many opens none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to begin: an item, and a frame of it (-1: its own start). reel: the item opened, None where it has no frames."""

    item: Item
    frame: int = -1
    reel: Reel | None = None


class Browser:
    """A page to choose a start from.

    items: in the order shown. engine: the engine that sessions are dreamt again with, None while it is loading. choose: called
    with what is chosen; the page is closed then. leave: what the escape key does, in a word. message: something to say at once.
    """

    def __init__(
        self,
        items: Sequence[Item],
        engine: Callable[[], Any],
        choose: Callable[[Choice], None],
        leave: str = "back to play",
        message: str = "",
    ) -> None:
        self.open = True
        self.items, self.leave, self.message = list(items), leave, message
        self.selected = self.frame = 0
        self.glimpses: dict[Item, Glimpse] = {}
        self.playing = False
        self._engine, self._choose = engine, choose
        self._layout: browser_view.Layout | None = None
        self._reel: Job[Reel] | None = None
        self._unrolling: Job[None] | None = None
        self._since = time.monotonic()
        self._played_to = 0.0
        self._at_end = True
        self._glances = Job(self._look)

    def _look(self) -> None:
        for item in self.items:
            if not self.open:
                return
            self.glimpses[item] = glimpse(item)

    @property
    def item(self) -> Item | None:
        """The one selected."""
        return self.items[self.selected] if self.items else None

    @property
    def reel(self) -> Reel | None:
        """The selected item's frames, once it is open."""
        if self._reel is None or not self._reel.done:
            return None
        try:
            return self._reel.result()
        except (ValueError, OSError, RuntimeError) as error:
            self.message, self._reel = str(error), None
            return None

    @property
    def has_frames(self) -> bool:
        """Whether the selected item can be stepped through."""
        return self.item is not None and self.item.kind in ("clip", "episode", "session")

    def picture(self) -> np.ndarray | None:
        """What the selected item shows at the present frame."""
        reel, item = self.reel, self.item
        if reel is not None and reel.n_frames:
            try:
                return reel.frame(min(self.frame, reel.n_frames - 1))
            except ValueError as error:
                self.message = str(error)
        return self.glimpses[item].picture if item in self.glimpses else None

    def _select(self, number: int) -> None:
        number = min(max(number, 0), len(self.items) - 1)
        if number != self.selected:
            self._close_reel()
            self.selected, self.frame, self.message, self.playing = number, 0, "", False
            self._since, self._at_end = time.monotonic(), True

    def _close_reel(self) -> None:
        if (reel := self.reel) is not None:
            reel.close()
        self._reel = None

    def _open_reel(self) -> None:
        """Open the selected item once it has been selected for a moment, and unroll it in the background."""
        item = self.item
        if item is None or not self.has_frames or self._reel is not None or self.message:
            return
        engine = self._engine()
        if time.monotonic() - self._since < AT_REST_SECONDS or (item.kind == "session" and engine is None):
            return
        self._reel = Job(lambda: open_reel(item, engine))
        self._unrolling = None

    def _go(self, frame: int) -> None:
        reel = self.reel
        self._at_end = False
        if reel is not None and reel.n_frames:
            self.frame = min(max(frame, 0), reel.n_frames - 1)

    def turn(self) -> None:
        """What goes on without keys: opening the selected item, playing it."""
        self._open_reel()
        reel = self.reel
        if reel is not None and self._unrolling is None:
            self._unrolling = Job(reel.unroll)
        self._say_what_failed()
        if reel is None or not reel.n_frames:
            return
        if self._at_end and self.item is not None and self.item.kind != "session":
            self.frame, self._at_end = reel.n_frames - 1, False
        now = time.monotonic()
        if self.playing and now - self._played_to >= 1 / PLAY_FPS:
            self._played_to = now
            self.frame = (self.frame + 1) % reel.n_frames

    def _say_what_failed(self) -> None:
        if self._unrolling is not None and self._unrolling.done and not self.message:
            try:
                self._unrolling.result()
            except (ValueError, OSError, RuntimeError) as error:
                self.message = str(error)

    def handle(self, event: Event) -> None:
        """Arrows choose a tile, . and , step, home and end jump, space plays, return begins, escape leaves; or the mouse."""
        match event:
            case KeyDown(key, where=(x, y)) if self._layout is not None and key == "mouse left":
                self._click(x, y)
            case Dragged((x, y)) if self._layout is not None and self._layout.bar.contains(x, y):
                self._scrub(x)
            case KeyDown(key):
                self._key(key)

    def _key(self, key: str) -> None:
        n_columns = self._layout.n_columns if self._layout is not None else 1
        match key:
            case "left" | "pad left" | "a":
                self._select(self.selected - 1)
            case "right" | "pad right" | "d":
                self._select(self.selected + 1)
            case "up" | "pad up" | "w" | "wheel up":
                self._select(browser_view.above(self.items, self.selected, n_columns))
            case "down" | "pad down" | "s" | "wheel down":
                self._select(browser_view.below(self.items, self.selected, n_columns))
            case "." | "pad 5":
                self._go(self.frame + 1)
            case "," | "pad 4":
                self._go(self.frame - 1)
            case "]" | "page down":
                self._go(self.frame + 10)
            case "[" | "page up":
                self._go(self.frame - 10)
            case "home":
                self._go(0)
            case "end":
                self._go(1 << 30)
            case "space":
                self.playing, self._at_end = not self.playing, False
            case "return" | "pad 0":
                self._begin()
            case "escape" | "f2" | "pad 1":
                self.close()

    def _click(self, x: float, y: float) -> None:
        assert self._layout is not None
        if self._layout.bar.contains(x, y):
            self._scrub(x)
        elif self._layout.preview.contains(x, y):
            self._begin()
        elif (number := self._layout.tile_at(x, y)) is not None:
            if number == self.selected:
                self._begin()
            self._select(number)

    def _scrub(self, x: float) -> None:
        if self._layout is not None and (reel := self.reel) is not None:
            self.playing = False
            self._go(round((x - self._layout.bar.x) / self._layout.bar.w * (reel.n_in_all - 1)))

    def _begin(self) -> None:
        item, reel = self.item, self.reel
        if item is None:
            return
        if item.kind == "session" and (reel is None or not reel.n_frames):
            self.message = self.message or "a session opens once a model to dream it again is loaded"
            return
        self.open = False
        self._choose(Choice(item, -1 if reel is None else self.frame, reel))

    def close(self) -> None:
        """Leave without having chosen."""
        self.open = False
        self._close_reel()

    def draw(self, size: tuple[int, int]) -> list[Shape]:
        self.turn()
        self._layout = browser_view.arrange(self.items, self.selected, size)
        return browser_view.draw(self, self._layout, size)
