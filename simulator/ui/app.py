"""The loop: poll, apply, step, draw, wait, in this order in one turn, so that a press shows in the very next picture.

Only the app owns the clock. A world too slow for its rate is played as fast as it goes: ticks are skipped, never queued.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from simulator.compose import panel_captions
from simulator.intents import Rewind, Step
from simulator.rates import Rate
from simulator.session import Session
from simulator.twin import SplitWorld, dream_of
from simulator.ui import hud
from simulator.ui.controls import Controls
from simulator.ui.events import Closed, Event
from simulator.ui.job import Job
from simulator.ui.keymap import COMMANDS, Keymap, choices, move_help
from simulator.ui.meters import Meters
from simulator.ui.shapes import Rect, Shape
from simulator.ui.telemetry import Telemetry

T = TypeVar("T")

NOTE_SECONDS = 4.0
AT_ONCE = 0.1
"""Seconds of work that need no word; longer work says what it is and for how long it has been going on."""
LONGEST_WAIT = 0.1
"""Seconds after which the display is brought up to date though nothing happened."""


class Screen(Protocol):
    """What the app needs of a window; see `simulator.ui.window.Window`."""

    @property
    def size(self) -> tuple[int, int]: ...

    def poll(self) -> list[Event]: ...

    def wait(self, seconds: float) -> None: ...

    def draw(self, picture: np.ndarray | None, rect: Rect, shapes: list[Shape]) -> None: ...

    def toggle_fullscreen(self) -> None: ...

    def close(self) -> None: ...


class App:
    """A session played in a window. The session must have been reset. clock: seconds, any origin."""

    def __init__(
        self,
        session: Session,
        screen: Screen,
        keymap: Keymap,
        folder: Path,
        rate: Rate,
        *,
        driver_file: Path | None = None,
        clip_folders: Sequence[Path] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.session, self.screen, self.keymap, self.clock = session, screen, keymap, clock
        self.meters = Meters(clock)
        self.telemetry = Telemetry(session, self.meters)
        self._notes: deque[tuple[float, str]] = deque(maxlen=8)
        self.controls = Controls(
            session, keymap, folder, rate, driver_file=driver_file, clip_folders=clip_folders, notify=self.notify, busy=self.busy
        )
        self._due = clock()
        self._action = "noop"
        self._lost = ""
        self._later: list[Event] = []
        self._shown: tuple[np.ndarray | None, Rect, list[Shape]] = (None, Rect(0, 0, 1, 1), [])

    def notify(self, note: str) -> None:
        """Show `note` for some seconds, and print it."""
        print(note)
        self._notes.append((self.clock(), note))

    def busy(self, words: str, work: Callable[[], T]) -> T:
        """Do `work`, and where it takes a while say so over the last picture; what is pressed meanwhile counts afterwards."""
        job, started = Job(work), time.perf_counter()
        while not job.wait(AT_ONCE):
            self._later += self.screen.poll()
            picture, rect, shapes = self._shown
            progress = hud.alert(f"{words} · {time.perf_counter() - started:.0f} s", rect)
            self.screen.draw(picture, rect, [*shapes, *progress])
        return job.result()

    def run(self) -> None:
        """Play until the person leaves; whatever happens then, recordings are finished and the session is on disk."""
        try:
            while not self.controls.closing:
                self.turn()
        finally:
            self.session.close()

    def turn(self) -> None:
        """Poll, apply, step where a tick is due, draw, wait."""
        layout = self.layout()
        events, self._later = [*self._later, *self.screen.poll()], []
        for event in events:
            page = self.controls.page
            if page is None or isinstance(event, Closed):
                self.controls.handle(event, layout)
            else:
                page.handle(event)
        if self.controls.commands.fullscreen_asked:
            self.controls.commands.fullscreen_asked = False
            self.screen.toggle_fullscreen()
        stepped = self.controls.page is None and self._step_if_due()
        if (lost := str(self.session.tick.info.get("lost", ""))) != self._lost:
            self._lost = lost
            self.session.notes += [f"{lost}; the dream goes on alone"] if lost else []
        while self.session.notes:
            self.notify(self.session.notes.pop(0))
        started = self.clock()
        self.draw()
        now = self.clock()
        self.meters.draw.add((now - started) * 1000)
        if stepped:
            self.meters.shown(now)
            if self.controls.first_press is not None:
                self.meters.latency.add((now - self.controls.first_press) * 1000)
                self.controls.first_press = None
        self.screen.wait(min(LONGEST_WAIT, self._due - self.clock()))

    def _step_if_due(self) -> bool:
        """Do what the keys say if the clock says so. True where a new tick was made, not merely looked back at."""
        now = self.clock()
        if now < self._due and not self.controls.eager:
            return False
        self._due = max(self._due + 1.0 / self.controls.fps, now)
        intent = self.controls.next_intent()
        if intent is None or (isinstance(intent, Rewind) and not self._can_rewind()):
            return False
        self.telemetry.before_tick(self.controls.commands.shows_telemetry)
        done = self.controls.do(intent)
        if isinstance(intent, Step):
            self._action = self.session.world.actions.names[intent.action]
            taken = (self.clock() - now) * 1000
            self.meters.end_frame(taken)
            self.controls.commands.quality.adapt(taken, self.controls.rate.fps)
            if said := self.session.quicken():
                self.notify(said)
        return done and isinstance(intent, Step)

    def _can_rewind(self) -> bool:
        line = self.session.timeline.line
        return self.session.timeline.position > line.start or line.parent is not None

    def layout(self) -> hud.Layout:
        """Where things are on the window as it is now."""
        frame, n_panels = self.session.tick.frame, len(self.session.tick.info.get("panels", ()))
        return hud.arrange(self.screen.size, frame.shape, n_panels, self.controls.commands.bare)

    def draw(self) -> None:
        """Show the newest picture and everything about it, or the page that is open."""
        layout, page = self.layout(), self.controls.page
        if page is not None:
            self._shown = None, layout.picture, page.draw(self.screen.size)
        else:
            shapes = [*self.controls.commands.beliefs.shapes(layout), *hud.draw(self._view(), layout, self.screen.size)]
            self._shown = self.session.tick.frame, layout.picture, shapes
        self.screen.draw(*self._shown)

    def _view(self) -> hud.View:
        session, controls, now = self.session, self.controls, self.clock()
        spec, tick, dream = session.world.actions, session.tick, dream_of(session.world)
        kind = "real" if dream is None else "dream" if dream is session.world else "side by side"
        start = "" if session.start is None or dream is None else f" · start {Path(session.start.clip).stem or 'cold'}"
        n_steps = 0 if dream is None else dream.n_steps
        steps = f" · {n_steps} step{'s' if n_steps > 1 else ''}" if n_steps else ""
        steps += f" ({controls.commands.quality.profile})" if controls.commands.quality.profile else ""
        flow = " · time waits for keys" if controls.driving.waits else " · time runs on"
        parted = tick.info.get("parted_since")
        alert = f"parted since t {parted}" if parted is not None and not isinstance(session.world, SplitWorld) else ""
        alert = f"reality is lost: {tick.info['lost']}" if tick.info.get("lost") else alert
        return hud.View(
            title=f"{spec.world.replace('-', ' ').title()} · {kind}",
            details=f"seed {session.seed}{start if kind == 'dream' else ''}{steps}{flow}",
            mode=self._mode(),
            timeline=session.timeline,
            keys=frozenset(key for chord in spec.keys for key in chord),
            down=controls.held.down if controls.driving.by_hand else self._pressed_by(self._action),
            action=self._action,
            fps=self.meters.fps(now),
            rate=controls.rate.describe(session.world.fps),
            frame_ms=self.meters.frame.show(),
            latency_ms=self.meters.latency.show(),
            device=session.header.description if dream is None else dream.engine.description,
            hint=f"{self.keymap.key_of('help').split(' /')[0]}: all keys",
            captions=panel_captions(tick),
            recording=controls.commands.keeper.seconds(controls.rate.fps),
            notes=tuple(note for at, note in self._notes if now - at < NOTE_SECONDS),
            alert=alert,
            help=self._help() if controls.commands.help_turns else (),
            help_turns=controls.commands.help_turns,
            rows=tuple(choices(spec, self.keymap, controls.held.down))
            or (self.telemetry.rows(controls.rate.fps, now) if controls.commands.shows_telemetry else ()),
        )

    def _pressed_by(self, action: str) -> frozenset[str]:
        spec = self.session.world.actions
        return spec.keys[spec.id_of(action)]

    def _mode(self) -> str:
        if "rewind" in self.controls.commands_held:
            return "rewinding"
        driving = self.controls.driving
        if self.controls.paused:
            state = "paused"
        elif driving.by_hand and driving.at_rest:
            return "waiting for keys" if driving.begun else "waiting · press a key to walk"
        else:
            state = "playing"
        resync = " · fed with reality" if "resync" in self.controls.commands_held else ""
        return f"{state} · {driving.name}{resync}"

    def _help(self) -> tuple[tuple[str, str], ...]:
        moves = move_help(self.session.world.actions, self.keymap)
        return (*moves, *((self.keymap.key_of(command.name), command.what) for command in COMMANDS))
