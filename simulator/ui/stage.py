"""The real window on no screen at all: plays scripted events to the app, and keeps what it shows as a video."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator import compose
from simulator.ui.app import App
from simulator.ui.events import Event, KeyDown, KeyUp
from simulator.ui.shapes import Rect, Shape

LETTERS = 17
"""Height of the words below the picture, pixels."""
FPS = 10
"""Turns of the app a second of video."""
ENCODER = ("-crf", "29", "-preset", "slow", "-movflags", "+faststart")

Act = Iterator[tuple[str, list[Event]]]
"""What a person does, turn by turn: words to show about it, and events."""


def press(*keys: str) -> list[Event]:
    """`keys` going down; a key that begins with "-" goes up."""
    return [KeyUp(key[1:]) if key.startswith("-") and len(key) > 1 else KeyDown(key) for key in keys]


def tap(key: str) -> list[Event]:
    return press(key, f"-{key}")


def hold(words: str, n_turns: int, *keys: str) -> Act:
    """Hold `keys` for `n_turns` turns."""
    yield words, press(*keys)
    for _ in range(n_turns - 1):
        yield words, []
    yield words, press(*(f"-{key}" for key in keys))


def still(words: str, n_turns: int) -> Act:
    """Do nothing for `n_turns` turns."""
    for _ in range(n_turns):
        yield words, []


class Stage:
    """A screen for one app: every turn of it is a picture, with words below, 1 / FPS seconds after the one before.

    path: of the video; the last picture with the words `poster` below it is kept beside it as a PNG.
    """

    def __init__(self, size: tuple[int, int], path: Path, poster: str) -> None:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        import imageio.v2 as iio

        from simulator.ui.window import Window

        self._window, self._path, self.now = Window("Revisit", size), path, 0.0
        self.n_pictures, self._began = 0, time.perf_counter()
        self._events: list[Event] = []
        self._words = ""
        self._temporary = path.with_name(f".{path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._video: Any = iio.get_writer(
            self._temporary, format="FFMPEG", fps=FPS, codec="libx264", quality=None, macro_block_size=2, output_params=[*ENCODER]
        )  # type: ignore[call-overload]
        self._poster = poster
        self._still: np.ndarray | None = None

    def play(self, app: App, act: Act) -> None:
        """Let `act` happen to `app`."""
        for self._words, self._events in act:
            app.turn()
            if app.controls.page is not None:
                time.sleep(1 / FPS)  # what goes on in a page does so by itself

    def clock(self) -> float:
        """Seconds: a turn takes the time of a picture, or longer where the machine needs longer. What is measured is true."""
        return self.now + time.perf_counter() - self._began

    @property
    def size(self) -> tuple[int, int]:
        return self._window.size

    def poll(self) -> list[Event]:
        self._window.poll()
        events, self._events = self._events, []
        return [replace(event, at=self.clock()) if isinstance(event, KeyDown) else event for event in events]

    def wait(self, seconds: float) -> None:
        """A turn is over: its picture belongs to the video."""
        self.now = max(self.now + 1 / FPS, self.clock())
        self._began = time.perf_counter()
        picture = self._window.picture()
        picture = np.concatenate([picture, compose.caption((self._words,), picture.shape[1], LETTERS)])
        self._video.append_data(picture)
        if self._words == self._poster:
            self._still = picture
        self.n_pictures += 1

    def draw(self, picture: np.ndarray | None, rect: Rect, shapes: list[Shape]) -> None:
        self._window.draw(picture, rect, shapes)

    def toggle_fullscreen(self) -> None:
        """There is no screen to fill."""

    def close(self) -> None:
        """Finish the video and its still."""
        from PIL import Image

        self._video.close()
        self._window.close()
        os.replace(self._temporary, self._path)
        if self._still is not None:
            Image.fromarray(self._still).quantize(256).save(self._path.with_suffix(".png"), optimize=True)
