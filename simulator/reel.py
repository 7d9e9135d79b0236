"""A recording to be looked at frame by frame, and to go on from in the middle of."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from envs import episode as episodes
from simulator.intents import LoadMoment, Reset, Step
from simulator.library import Item
from simulator.replay import reopen
from simulator.session import Session
from simulator.session_file import read_session
from simulator.timeline import Timeline


class Reel(Protocol):
    """The frames of a recording, `n_frames` of which there are so far, of `n_in_all`."""

    n_in_all: int

    @property
    def n_frames(self) -> int: ...

    def frame(self, number: int) -> np.ndarray:
        """uint8 (H, W, 3). ValueError where it has been let go."""
        ...

    def unroll(self) -> None:
        """Make the frames that are still missing; `close` from another thread ends it."""
        ...

    def close(self) -> None: ...


class EpisodeReel:
    """The frames of an episode file. Raises EpisodeError where it is none."""

    def __init__(self, file: Path) -> None:
        self.episode = episodes.load(file)
        self.n_in_all = self.n_frames = len(self.episode)

    def frame(self, number: int) -> np.ndarray:
        return self.episode.image[number]

    def unroll(self) -> None:
        """All frames are there."""

    def close(self) -> None:
        """Nothing to let go of."""


class SessionReel:
    """The frames of a session file, dreamt again by `engine`, bit for bit; its own timeline keeps them and their states.

    Raises ValueError where the session was not a dream of this engine's model.
    """

    def __init__(self, file: Path, engine: Any) -> None:
        self._records, header = (saved := read_session(file)).records, saved.header
        if header.recipe.kind not in ("dream", "split"):
            raise ValueError(f"{file}: a session of kind {header.recipe.kind!r} needs its real world; see run_sim.py replay")
        engine = engine if header.n_steps is None else engine.with_steps(header.n_steps)
        self._session = Session(reopen(replace(header, recipe=replace(header.recipe, checkpoint=None)), engine), header)
        self._places: list[tuple[Timeline, int, int]] = []
        self._lock = threading.Lock()
        self._closed = False
        self.n_in_all = sum(isinstance(record.intent, Step | Reset | LoadMoment) for record in self._records)

    @property
    def n_frames(self) -> int:
        return len(self._places)

    def unroll(self) -> None:
        for record in self._records:
            with self._lock:
                if self._closed:
                    return
                self._session.apply(record.intent)
                if isinstance(record.intent, Step | Reset | LoadMoment):
                    timeline = self._session.timeline
                    self._places.append((timeline, timeline.branch, timeline.position))

    def frame(self, number: int) -> np.ndarray:
        timeline, branch, position = self._places[number]
        with self._lock:
            tick = timeline.at(branch, position)
        return tick.frame[:, : tick.frame.shape[1] // max(1, len(tick.info.get("panels", ())))]

    def save_moment(self, number: int, path: Path) -> None:
        """Write the moment of frame `number`, to be loaded and gone on from. ValueError where it has been let go."""
        timeline, branch, position = self._places[number]
        if timeline is not self._session.timeline:
            raise ValueError("this moment lies before the view was split or joined; go on from one after that")
        with self._lock:
            here = timeline.branch, timeline.position
            self._session.visit(branch, position)
            self._session.save_moment(path)
            self._session.visit(*here)

    def close(self) -> None:
        self._closed = True


def open_reel(item: Item, engine: Any) -> Reel:
    """The reel of an item that has a file. engine: dreams sessions again. ValueError where it cannot be shown."""
    assert item.file is not None
    return SessionReel(item.file, engine) if item.kind == "session" else EpisodeReel(item.file)
