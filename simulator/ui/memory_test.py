"""The memory test as a page: the dream looks away and back before one's eyes, then what it remembered beside its controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator import compose
from simulator.demo import film
from simulator.demo.routes import LOOK_AWAY, SETTLE, Lost
from simulator.demo.walk import score
from simulator.ui.events import Event, KeyDown
from simulator.ui.job import Job
from simulator.ui.letters import shortened, width, wrapped
from simulator.ui.shapes import AMBER, EDGE, GREEN, INK, PAPER, SOFT, Box, Image, Label, Rect, Shape
from simulator.worlds import LearnedWorld

if TYPE_CHECKING:
    from simulator.demo.trial import Trial

TOP, GAP, FOOT = 64.0, 16.0, 34.0
"""Room above the pictures, between them, and below each for its words."""
LEAVING = "any key: back to play"


class MemoryTest:
    """Runs the look-away route from the dream's present moment, which stays as it is; any key ends it or leaves its outcome.

    Writes a video and, where matplotlib is installed, a figure to `folder`. fps: of the video.
    """

    def __init__(self, dream: LearnedWorld, folder: Path, fps: float, notify: Callable[[str], None]) -> None:
        self.open = True
        self._dream, self._folder, self._fps, self._notify = dream, folder, fps, notify
        self._frames = [dream.snapshot().tick.frame]
        self._trial: Trial | None = None
        self._files = ""
        self._told = False
        self._job = Job(self._run)

    def _run(self) -> None:
        from simulator.demo import trial  # torch

        engine, moment = self._dream.engine, self._dream.snapshot().state.moment
        others = [clip for name, clip in engine.contexts.items() if name != self._dream.start_name]
        other = engine.begin(others[:1], moment.seed) if others else None
        self._trial = trial.run(engine, moment, other, LOOK_AWAY, None, self._show)
        self._files = self._write(self._trial)

    def _show(self, frame: np.ndarray) -> None:
        if not self.open:
            raise InterruptedError("the memory test was left")
        self._frames.append(frame)

    def _write(self, found: Trial) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 1 + len(list(self._folder.glob("memory-test-*.mp4")))
        video = self._folder / f"memory-test-{number:03d}.mp4"
        film.write(film.then_now(found), len(found), video, self._fps)
        try:
            from simulator.demo import figure

            figure.draw([found], "Look away, and back", f"{found.n_between} frames later", video.with_suffix(".png"))
        except ImportError as error:
            return f"{video}; {error}"
        return f"{video} and .png"

    @property
    def finished(self) -> bool:
        """Whether it has come to its outcome, or to an error."""
        return self._job.done

    def handle(self, event: Event) -> None:
        """Any key: back to play."""
        if isinstance(event, KeyDown):
            self.open = False

    def draw(self, size: tuple[int, int]) -> list[Shape]:
        """then | now | difference, and below them the controls once they are known."""
        if self._job.done and not self._told:
            self._finish()
        side = min((size[0] - 4 * GAP) / 3, (size[1] - TOP - 2 * (FOOT + GAP)) / 2)
        left = (size[0] - 3 * side - 2 * GAP) / 2
        cells = [
            Rect(left + column * (side + GAP), TOP + row * (side + FOOT + GAP), side, side)
            for row in (0, 1)
            for column in range(3)
        ]
        room = size[0] - 3 * GAP - width(LEAVING, 13)
        shapes: list[Shape] = [Box(Rect(0, 0, *size), PAPER)]
        shapes.append(Label(GAP, 26, shortened("Memory test: look away and back", 18, room), 18))
        shapes.append(Label(size[0] - GAP, 26, LEAVING, 13, SOFT, "r"))
        return shapes + (self._walking(cells) if self._trial is None else self._outcome(cells, self._trial))

    def _finish(self) -> None:
        self._told = True
        try:
            self._job.result()
            if self._trial is not None:
                marks = ", ".join(f"{film.TITLES[name]} {alike.psnr:.1f} dB" for name, alike in self._trial.scores.items())
                self._notify(f"memory test: {marks}; {self._files}")
        except InterruptedError:
            return
        except (ValueError, OSError, RuntimeError, Lost) as error:
            self.open = False
            self._notify(f"memory test: {error}")

    def _walking(self, cells: list[Rect]) -> list[Shape]:
        frames = list(self._frames)
        then, now = frames[min(SETTLE, len(frames) - 1)], frames[-1]
        shapes = _picture(cells[0], then, "then") + _picture(cells[1], now, f"now, frame {len(frames) - 1}")
        return shapes + _picture(cells[2], compose.difference(then, now), "difference")

    def _outcome(self, cells: list[Rect], found: Trial) -> list[Shape]:
        names, scores = list(found.frames), found.scores
        now = found.frames[names[0]][-1]
        shapes = _picture(cells[0], found.view, "then")
        shapes += _picture(cells[1], now, f"now, {found.n_between} frames later, {scores[names[0]].psnr:.1f} dB", GREEN)
        shapes += _picture(cells[2], compose.difference(found.view, now), "difference")
        for cell, name in zip(cells[3:], names[1:], strict=False):
            shapes += _picture(cell, found.frames[name][-1], f"{film.TITLES[name]}  {scores[name].psnr:.1f} dB", AMBER)
        cell, (cells_off, degrees_off) = cells[5], found.pose_off
        in_sight = score(*found.frames[names[0]][SETTLE - 1 : SETTLE + 1]).psnr
        rows = [("like what was seen then:", "PSNR, SSIM")]
        rows += [(film.TITLES[name], f"{alike.psnr:.1f} dB, {alike.ssim:.2f}") for name, alike in scores.items()]
        rows += [
            ("without looking away", f"{in_sight:.1f} dB"),
            ("off by", f"{cells_off:.2f} cells, {degrees_off:.1f}°"),
        ]
        step = min(24.0, cell.h / (len(rows) + 1))
        if step < 14:
            return shapes  # too small a window for a table; the scores stand below the pictures too
        shapes.append(Box(cell, PAPER, 8, EDGE))
        for i, (name, value) in enumerate(rows):
            y, room = cell.y + step * (i + 1), cell.w - 28 - width(value, 12)
            shapes += [Label(cell.x + 10, y, shortened(name, 12, room), 12, SOFT)]
            shapes += [Label(cell.x + cell.w - 10, y, value, 12, INK, "r")]
        return shapes


def _picture(cell: Rect, frame: np.ndarray, words: str, color: tuple[int, int, int, int] = INK) -> list[Shape]:
    """`frame` in `cell`, and below it `words`, in as many lines as they need."""
    lines, x, y = wrapped(words, 13, cell.w + GAP - 4), cell.x + cell.w / 2, cell.y + cell.h
    return [Image(cell, frame), *(Label(x, y + 13 + 14 * row, line, 13, color, "m") for row, line in enumerate(lines))]
