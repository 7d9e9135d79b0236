"""From the first moment to a world that is open: the start screen, and the window kept alive while a model is loaded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from simulator.library import Item
from simulator.recipe import Recipe, open_world
from simulator.twin import dream_of
from simulator.ui import hud
from simulator.ui.app import Screen
from simulator.ui.browser import Browser, Choice
from simulator.ui.events import Closed
from simulator.ui.job import Job
from simulator.ui.shapes import PAPER, Box, Rect, Shape
from simulator.world import World

FAILURES = (ValueError, OSError, RuntimeError, ImportError)
"""What opening a world raises where flags, files or the machine are not as they need to be."""
TURN_SECONDS = 0.05
"""Between two pictures of the start screen."""


class Opening:
    """The world of `recipe`, opened in the background from `begin` on. engine: play this one instead of loading any."""

    def __init__(self, recipe: Recipe, engine: Any = None) -> None:
        self.recipe, self._engine = recipe, engine
        self._dropped = False
        self._job: Job[World] | None = None

    def begin(self) -> Job[World]:
        """Begin, where that has not been done: after the first picture is drawn, for what is imported here takes its time."""
        if self._job is None:
            self._job = Job(self._open)
        return self._job

    def _open(self) -> World:
        world = open_world(self.recipe, self._engine)
        if self._dropped:
            world.close()
        return world

    @property
    def engine(self) -> Any:
        """The engine of the dream, None where there is none (yet)."""
        if self._job is None or not self._job.done:
            return None
        try:
            dream = dream_of(self._job.result())
        except FAILURES:
            return None
        return None if dream is None else dream.engine

    def drop(self) -> None:
        """It is not wanted any more."""
        self._dropped = True
        if self._job is not None and self._job.done:
            with contextlib.suppress(*FAILURES):
                self._job.result().close()

    def wait(self, screen: Screen, shown: list[Shape]) -> World | None:
        """The world, once it is open; None where the person closes the window before. Raises what opening it raised."""
        job, started = self.begin(), time.perf_counter()
        while not job.wait(TURN_SECONDS):
            if any(isinstance(event, Closed) for event in screen.poll()):
                self.drop()
                return None
            whole = Rect(0, 0, *screen.size)
            words = f"opening {self.recipe.world} · {time.perf_counter() - started:.0f} s"
            screen.draw(None, whole, [Box(whole, PAPER), *shown, *hud.alert(words, Rect(0, 44, whole.w, whole.h))])
        return job.result()


def choose_start(screen: Screen, items: Sequence[Item], opening: Opening, message: str = "") -> tuple[Choice | None, list[Shape]]:
    """What the person chooses on the start screen, None to leave; and the screen as it was then."""
    chosen: list[Choice] = []
    page = Browser(items, lambda: opening.engine, chosen.append, "leave", message)
    shapes: list[Shape] = []
    while page.open:
        shapes = page.draw(screen.size)
        screen.draw(None, Rect(0, 0, *screen.size), shapes)
        opening.begin()
        screen.wait(TURN_SECONDS)
        for event in screen.poll():
            if isinstance(event, Closed):
                page.close()
            elif page.open:
                page.handle(event)
    return (chosen[0] if chosen else None), shapes
