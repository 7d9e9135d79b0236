"""A session: a world, its timeline and its recordings. Intents go in, ticks come out, each leaves its line on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from envs.snapshot import SnapshotUnsupported
from simulator.hashes import frame_hash
from simulator.intents import (
    Branch,
    Deed,
    Forget,
    Intent,
    Jump,
    LoadMoment,
    Mark,
    Reseed,
    Reset,
    Rewind,
    SetPath,
    SetSteps,
    Split,
    Step,
    Switch,
)  # fmt: skip
from simulator.session_file import Header, SessionWriter
from simulator.timeline import Timeline
from simulator.twin import BesideWorld, SplitWorld, dream_of
from simulator.world import Snapshot, Tick, World


class Sink(Protocol):
    """Somewhere ticks go: a video, an episode. Raises OSError or RuntimeError where it fails."""

    def add(self, tick: Tick) -> None: ...

    def close(self) -> None: ...


def perform(world: Any, deed: Deed) -> Tick:
    """Do `deed` in `world`. ValueError where this kind of world cannot."""
    match deed:
        case Step(action, True) if isinstance(world, BesideWorld):
            return world.step(action, true=True)
        case Step(action, False):
            return world.step(action)
        case Step():
            raise ValueError("there is no reality beside this world to resync to; start with --beside")
        case Forget() if hasattr(world, "forget"):
            return world.forget()
    dream = dream_of(world)
    if dream is None:
        raise ValueError(f"{type(deed).__name__} is for dreams; {world.name!r} is the real world")
    match deed:
        case Forget():
            dream.forget()
        case SetSteps(n):
            dream.set_steps(n)
        case SetPath(path):
            dream.set_path(path)
        case Reseed(seed):
            dream.reseed(seed)
    if isinstance(world, SplitWorld):
        perform(world.amnesiac, deed)
    return world.snapshot().tick


class Session:
    """Applies intents to a world. `tick` is what to show; `notes` collects one-line messages for whoever watches; `settled`
    is whether the world stands at that tick: while one looks back, it stays behind until something is done.

    header: written to `path` (None: nothing is written), followed by every intent. history_bytes, keyframe_every are its own.
    """

    def __init__(self, world: World, header: Header, path: Path | None = None) -> None:
        self.world = world
        self.header = header
        self.timeline = Timeline(header.history_bytes, header.keyframe_every)
        self.sinks: dict[str, Sink] = {}
        self.notes: list[str] = []
        self.seed = 0
        self.start: Reset | None = None
        self.n_applied = 0
        self.settled = True
        self._rewindable = True
        self._writer: SessionWriter | None = None
        if path is not None:
            try:
                self._writer = SessionWriter(path, header)
            except OSError as error:
                self.notes.append(f"this session is not being kept: {error}")

    @property
    def tick(self) -> Tick:
        return self.timeline.tick

    @property
    def path(self) -> Path | None:
        return None if self._writer is None else self._writer.path

    def apply(self, intent: Intent) -> Tick:
        """Do as `intent` says and return what is then to be seen. ValueError: it cannot be done, and nothing has changed."""
        match intent:
            case Step() | Forget() | SetSteps() | SetPath() | Reseed():
                self._do(intent)
            case Reset():
                self._reset(intent)
            case Rewind(n):
                self._travel(lambda: self.timeline.move(-n))
            case Mark(name):
                self.settle()
                self.timeline.mark(name, self._snapshot())
            case Jump(name):
                self._travel(lambda: self.timeline.jump(name))
            case Switch(branch):
                self._travel(lambda: self.timeline.switch(branch))
            case Branch(seed):
                if dream_of(self.world) is None:
                    raise ValueError("a new seed is for dreams; in the real world rewind and play on to have another branch")
                self.settle()
                self.timeline.fork(self._snapshot())
                self._do(Reseed(seed))
            case LoadMoment(path):
                self._load(Path(path))
            case Split(on):
                self._split(on)
        self._log(intent)
        if isinstance(intent, Step | Reset | Rewind | Jump | Switch | LoadMoment):
            self._show(self.tick)
        return self.tick

    def _do(self, deed: Deed) -> None:
        self.settle()
        fork = self._snapshot() if self.timeline.in_past else None
        tick = perform(self.world, deed)
        if fork is not None:
            self.timeline.fork(fork)
        self.timeline.add(deed, tick, self.world.snapshot if self._rewindable else None)

    def _reset(self, intent: Reset) -> None:
        dream = dream_of(self.world)
        if dream is not None and not isinstance(self.world, BesideWorld):
            dream.choose_start(intent.clip, intent.frame)
        tick = self.world.reset(intent.seed)
        try:
            snapshot = self.world.snapshot()
        except SnapshotUnsupported as error:
            self._rewindable = False
            self.notes.append(str(error))
            snapshot = Snapshot(tick, None)
        self.seed, self.start, self.settled = intent.seed, intent, True
        self.timeline.begin(snapshot)

    def _snapshot(self) -> Snapshot:
        if not self._rewindable:
            raise ValueError(
                f"{self.world.name!r} cannot be put back to an earlier moment, so it has no rewind, marks or branches"
            )
        return self.world.snapshot()

    def _travel(self, move: Callable[[], Tick]) -> None:
        if not self._rewindable:
            self._snapshot()
        move()
        self.settled = False

    def visit(self, branch: int, position: int) -> Tick:
        """Go to a place of the timeline without a word in the session's file: for looking at a session made again."""
        self._travel(lambda: self.timeline.go(branch, position))
        return self.tick

    def quicken(self) -> str:
        """Go on on the faster path that the engine was told to make meanwhile, once it is there. What to tell, "" for nothing."""
        dream = dream_of(self.world)
        if dream is None or dream.engine.accelerator is None or self.timeline.in_past:
            return ""
        try:
            path = dream.engine.accelerator.ready()
        except RuntimeError as error:
            return f"not compiled: {error}"
        if path is None or path == dream.engine.path:
            return ""
        self.apply(SetPath(path))
        return f"compiled: {path} from t={self.tick.t} on"

    def settle(self) -> None:
        """Bring the world to where the timeline's cursor is; a picture that then differs from the one shown is worth a note."""
        if self.settled:
            return
        snapshot, deeds = self.timeline.way_to_cursor()
        tick = self.world.restore(snapshot)
        for deed in deeds:
            tick = perform(self.world, deed)
        self.settled = True
        if not np.array_equal(tick.frame, self.tick.frame):
            self.notes.append(
                f"going back to t={self.tick.t} did not repeat its frame exactly: this world is not deterministic here"
            )

    def save_moment(self, path: Path) -> None:
        """Write the dream's present moment to `path`. Raises ValueError in the real world, OSError where it cannot be written."""
        self.settle()
        dream = dream_of(self.world)
        if dream is None:
            raise ValueError("moments of the real world cannot be saved; play a learned one")
        from simulator import snapshot_file  # torch

        snapshot_file.save(dream.snapshot(), path, dream.engine)

    def _load(self, path: Path) -> None:
        dream = dream_of(self.world)
        if dream is None or isinstance(self.world, BesideWorld):
            raise ValueError("a saved moment goes on in a dream alone; start without --real and --beside")
        from simulator import snapshot_file  # torch

        dream.restore(snapshot_file.load(path, dream.engine))
        if isinstance(self.world, SplitWorld):
            self.world.forget()
        self.settled = True
        self.timeline.begin(self.world.snapshot())

    def _split(self, on: bool) -> None:
        dream = dream_of(self.world)
        if dream is None or isinstance(self.world, BesideWorld):
            raise ValueError("the split view compares two dreams; start without --real and --beside")
        self.settle()
        if on:
            self.world = SplitWorld(dream)
            self.world.forget()
        else:
            self.world = dream
        self.timeline = Timeline(self.header.history_bytes, self.header.keyframe_every)
        self.timeline.begin(self.world.snapshot())

    def _log(self, intent: Intent) -> None:
        self.n_applied += 1
        if self._writer is None:
            return
        try:
            self._writer.write(intent, frame_hash(self.tick.frame))
        except OSError as error:
            self.notes.append(f"this session is no longer being kept: {error}")
            self._writer = None

    def _show(self, tick: Tick) -> None:
        for name, sink in list(self.sinks.items()):
            try:
                sink.add(tick)
            except (OSError, RuntimeError, ValueError) as error:
                self.notes.append(f"{name} stopped: {error}")
                self._close([name])

    def _close(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                self.sinks.pop(name).close()
            except (OSError, RuntimeError, ValueError) as error:
                if not any(name in note for note in self.notes):
                    self.notes.append(f"{name}: {error}")

    def stop(self, name: str) -> None:
        """Finish what is being recorded as `name`. Raises ValueError, OSError or RuntimeError where its end cannot be written."""
        self.sinks.pop(name).close()

    def close(self) -> None:
        """Finish every recording and the session file, and let the world go."""
        self._close(list(self.sinks))
        if self._writer is not None:
            self._writer.close()
        self.world.close()
