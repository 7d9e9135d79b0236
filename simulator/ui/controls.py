"""Events of the window become intents for the session: what is held, what is pressed, what to do in the tick that is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from simulator.intents import Intent, LoadMoment, Reset, Rewind, Split, Step
from simulator.rates import Rate
from simulator.session import Session
from simulator.twin import BesideWorld
from simulator.ui import timeline_bar
from simulator.ui.browser import Choice
from simulator.ui.commands import Commands
from simulator.ui.driving import Driving
from simulator.ui.events import Closed, Dragged, Event, FocusLost, KeyDown, KeyUp, PadLost
from simulator.ui.hud import Layout
from simulator.ui.keymap import COMMANDS, HeldKeys, Keymap
from simulator.ui.page import Page

T = TypeVar("T")
Busy = Callable[[str, Callable[[], T]], T]
"""Does something slow while the window goes on: what is done in words, and the work."""

REWIND_FPS = 20.0
"""Ticks a second at least while the rewind key is held."""
HELD = frozenset(command.name for command in COMMANDS if command.held)
SLOW = {Reset: "starting", LoadMoment: "loading the moment", Split: "starting"}


class Controls:
    """The state of play that is not the world's: paused, who drives, how fast.

    folder: where videos, stills, episodes and moments go. driver_file: a driver of one's own, or None. clip_folders: more
    recordings for the browser. elsewhere: what was chosen there where it is in another world.
    notify: called with one-line messages. busy: does slow work while the window goes on.
    """

    def __init__(
        self,
        session: Session,
        keymap: Keymap,
        folder: Path,
        rate: Rate,
        *,
        driver_file: Path | None = None,
        clip_folders: Sequence[Path] = (),
        notify: Callable[[str], None],
        busy: Busy,
    ) -> None:
        self.session, self.keymap, self.rate, self.notify, self.busy = session, keymap, rate, notify, busy
        self.clip_folders = clip_folders
        self.elsewhere: Choice | None = None
        self.driving = Driving(session, driver_file, notify)
        self.commands = Commands(self, folder)
        self.held = HeldKeys()
        self.commands_held: set[str] = set()
        self.paused = self.closing = False
        self.single_steps = 0
        self.first_press: float | None = None
        self._page: Page | None = None

    @property
    def page(self) -> Page | None:
        """What fills the window instead of play, while it is open."""
        return self._page if self._page is not None and self._page.open else None

    def show(self, page: Page) -> None:
        """Open `page`."""
        self.held.release_all()
        self.commands_held.clear()
        self._page = page

    @property
    def fps(self) -> float:
        """Ticks a second wanted at this moment."""
        return max(self.rate.fps, REWIND_FPS) if "rewind" in self.commands_held else self.rate.fps

    @property
    def eager(self) -> bool:
        """Whether the next tick should not wait for its time: a step was asked for, or a key ended a rest."""
        return self.single_steps > 0 or (self.driving.at_rest and self.driving.by_hand and not self.paused and self.held.waiting)

    def handle(self, event: Event, layout: Layout) -> None:
        """Take in one event of the window."""
        match event:
            case Closed():
                self.closing = True
            case FocusLost() | PadLost():
                self.held.release_all()
                self.commands_held.clear()
                if isinstance(event, PadLost):
                    self.notify("the gamepad is gone; what it held is released, the keyboard goes on")
            case KeyUp(key):
                self.held.release(key)
                self.commands_held.discard(self.keymap.command(key, True) or "")
            case KeyDown(where=(x, y)) if not layout.bare and layout.bar.contains(x, y):
                self._scrub(x, layout)
            case Dragged(where=(x, y)) if not layout.bare and layout.bar.contains(x, y):
                self._scrub(x, layout)
            case KeyDown(key, ctrl, at):
                self._press(key, ctrl, at)

    def _press(self, key: str, ctrl: bool, at: float) -> None:
        logical, command = self.keymap.logical(key, ctrl), self.keymap.command(key, ctrl)
        if logical is not None:
            self.held.press(key, logical)
            if self.first_press is None and self.driving.by_hand and not self.paused:
                self.first_press = at
        elif command in HELD:
            self.commands_held.add(command)
        elif command is not None:
            getattr(self.commands, command)()

    def _scrub(self, x: float, layout: Layout) -> None:
        self.paused = True
        timeline = self.session.timeline
        self.do(Rewind(timeline.position - timeline_bar.position_at(timeline, layout.bar, x)))

    def next_intent(self) -> Intent | None:
        """What to do in the tick that is due, or None to stand still."""
        if "rewind" in self.commands_held:
            return Rewind(1)
        stepping = self.single_steps > 0
        if self.paused and not stepping:
            return None
        self.single_steps = max(0, self.single_steps - 1)
        action = self.driving.action(self.held.sample(), at_once=stepping)
        if action is None:
            return None
        return Step(action, true="resync" in self.commands_held and isinstance(self.session.world, BesideWorld))

    def do(self, intent: Intent) -> bool:
        """Apply `intent`; what cannot be done becomes a message, and play goes on where it can."""
        words = SLOW.get(type(intent))
        try:
            if words is None:
                self.session.apply(intent)
            else:
                self.busy(words, lambda: self.session.apply(intent))
        except (ValueError, OSError) as error:
            self.notify(str(error))
            return False
        except RuntimeError as error:
            self.notify(f"{error}; paused")
            self.paused = True
            return False
        return True
