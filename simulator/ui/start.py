"""From the first moment to a world that is open: the start screen, and the window kept alive while a model is loaded."""

from __future__ import annotations

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

TURN_SECONDS = 0.05
"""Between two pictures of the start screen."""


class Opening:
    """The world of `recipe` being opened in the background. engine: play this one instead of loading the checkpoint's."""

    def __init__(self, recipe: Recipe, engine: Any = None) -> None:
        self.recipe = recipe
        self._dropped = False
        self._job = Job(lambda: self._open(engine))

    def _open(self, engine: Any) -> World:
        world = open_world(self.recipe, engine)
        if self._dropped:
            world.close()
        return world

    @property
    def engine(self) -> Any:
        """The engine of the dream, None where there is none (yet)."""
        if not self._job.done:
            return None
        try:
            dream = dream_of(self._job.result())
        except (ValueError, OSError, RuntimeError, ImportError):
            return None
        return None if dream is None else dream.engine

    def drop(self) -> None:
        """It is not wanted any more."""
        self._dropped = True
        if self._job.done and self.engine is not None:
            self._job.result().close()

    def wait(self, screen: Screen, shown: list[Shape]) -> World | None:
        """The world, once it is open; None where the person closes the window before. Raises what opening it raised."""
        started = time.perf_counter()
        while not self._job.wait(TURN_SECONDS):
            if any(isinstance(event, Closed) for event in screen.poll()):
                self.drop()
                return None
            whole = Rect(0, 0, *screen.size)
            words = f"opening {self.recipe.world} · {time.perf_counter() - started:.0f} s"
            screen.draw(None, whole, [Box(whole, PAPER), *shown, *hud.alert(words, Rect(0, 44, whole.w, whole.h))])
        return self._job.result()


def choose_start(screen: Screen, items: Sequence[Item], opening: Opening, message: str = "") -> tuple[Choice | None, list[Shape]]:
    """What the person chooses on the start screen, None to leave; and the screen as it was then."""
    chosen: list[Choice] = []
    page = Browser(items, lambda: opening.engine, chosen.append, "leave", message)
    shapes: list[Shape] = []
    while page.open:
        shapes = page.draw(screen.size)
        screen.draw(None, Rect(0, 0, *screen.size), shapes)
        screen.wait(TURN_SECONDS)
        for event in screen.poll():
            if isinstance(event, Closed):
                page.close()
            elif page.open:
                page.handle(event)
    return (chosen[0] if chosen else None), shapes
