"""Make one short video of every feature: the real app, driven by scripted keys, without a screen. The pictures of docs/app.md.

With the shipped models, or the one in --checkpoint; the island is always the shipped one's. beside, belief and island play the
real worlds too, which are extras: a video that cannot be made is left out, and why is said.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envs import episode as episodes
from simulator.commands.world_options import WorldOptions
from simulator.rates import Rate
from simulator.recipe import open_world
from simulator.session import Session
from simulator.twin import dream_of
from simulator.ui.app import App
from simulator.ui.keymap import Keymap
from simulator.ui.memory_test import MemoryTest
from simulator.ui.stage import FPS, Act, Stage, hold, press, still, tap

WIDE, TALL = (1200, 560), (800, 666)
POLICY = """
class Spinner:
    def __init__(self, seed):
        self.t = seed

    def act(self, observation):
        self.t += 1
        return 1 if self.t % 12 < 3 else 2

def make_policy(seed):
    return Spinner(seed)
"""
"""A policy of one's own, for the driver video."""


@dataclass(frozen=True, kw_only=True)
class Options(WorldOptions):
    out: Path = Path("docs/videos")
    """Folder for the videos (mp4) and a still of each (png)."""
    only: str | None = None
    """Make this one video only: rewind, branches, amnesia, beside, island, memory-test, belief, browser, drivers or telemetry."""


def _rewind(app: App) -> Act:
    yield from hold("walk", 6, "up")
    yield from hold("turn", 10, "right")
    yield "m: mark this moment", tap("m")
    yield from hold("walk on", 6, "up")
    yield from hold("turn back", 10, "left")
    yield from hold("backspace held: time runs backwards", 16, "backspace")
    for _ in range(5):
        yield ".  one step forward", tap(".")
        yield from still(".  one step forward", 2)
    yield "j: back to the mark", tap("j")
    yield from still("j: back to the mark", 12)


def _branches(app: App) -> Act:
    yield from hold("walk", 6, "up")
    yield "m: mark", tap("m")
    yield from hold("turn left", 12, "left")
    yield "j: back to the mark", tap("j")
    yield from still("j: back to the mark", 5)
    yield from hold("turn right instead: a second branch", 12, "right")
    yield "b: branch off with another seed", tap("b")
    yield from hold("b: branch off with another seed", 12, "left")
    for _ in range(3):
        yield "o: from branch to branch", tap("o")
        yield from still("o: from branch to branch", 9)


def _amnesia(app: App) -> Act:
    yield from hold("walk", 5, "right")
    yield "l: with and without memory, same seed and keys", tap("l")
    yield from hold("the same keys for both", 22, "left")
    yield from hold("the same keys for both", 26, "right")
    yield from still("left remembers, right has forgotten", 14)


def _beside(app: App) -> Act:
    yield from hold("the same keys for dream and reality", 14, "left")
    yield from hold("the same keys for dream and reality", 8, "up")
    yield from hold("the same keys for dream and reality", 22, "right")
    yield "y held: the dream is fed with reality", press("y")
    yield from hold("y held: the dream is fed with reality", 10, "left")
    yield "and on by itself", press("-y")
    yield from hold("and on by itself", 14, "left")


def _island(app: App) -> Act:
    words = "another world: the same keys for dream and reality"
    yield from hold(words, 12, "left")
    yield from hold(words, 14, "up")
    yield from hold("e: mine", 12, "e")
    yield from hold(words, 14, "right")


def _memory_test(app: App) -> Act:
    yield from hold("", 5, "up")
    yield "f6: look away and back, with the memory kept, emptied and swapped", tap("f6")
    page = app.controls.page
    while isinstance(page, MemoryTest) and not page.finished:
        yield "f6: look away and back, with the memory kept, emptied and swapped", []
    yield from still("what was seen then, and what is dreamt now", 25)


def _belief(app: App) -> Act:
    yield "f7: the maze as the dream believes it, and as it is", tap("f7")
    yield "tab: let an explorer walk", tap("tab")
    yield from still("believed and true map, and the way walked", 80)


def _browser(app: App) -> Act:
    yield from hold("", 5, "left")
    yield "f2: worlds, clips, recordings", tap("f2")
    yield from still("f2: worlds, clips, recordings", 12)
    for key in ("right", "right", "down"):
        yield "arrows: choose", tap(key)
        yield from still("arrows: choose", 4)
    for _ in range(3):
        yield "arrows: choose a recording", tap("down")
        yield from still("arrows: choose a recording", 5)
    yield "scrub to its middle", tap("home")
    for _ in range(8):
        yield "scrub to its middle", tap("]")
        yield from still("scrub to its middle", 2)
    for _ in range(4):
        yield ", and .  step by frame", tap(",")
        yield from still(", and .  step by frame", 2)
    yield "enter: go on from here", tap("return")
    yield from still("enter: go on from here", 8)
    yield from hold("and walk on in the dream", 18, "left")


def _drivers(app: App) -> Act:
    yield from hold("you", 8, "left")
    for words in ("tab: an explorer", "tab: random keys", "tab: a policy from a Python file"):
        yield words, tap("tab")
        yield from still(words, 18)


def _telemetry(app: App) -> Act:
    yield "t: measurements", tap("t")
    yield from hold("t: measurements", 10, "left")
    for _ in range(3):
        yield "f3: profile", tap("f3")
        yield from hold("f3: profile", 10, "left")


@dataclass(frozen=True)
class Feature:
    """What is done, in which world (None: the one the flags name) and size of window; the words below what becomes the still."""

    act: Callable[[App], Act]
    poster: str
    kind: str = "dream"
    world: str | None = None
    size: tuple[int, int] = TALL


FEATURES = {
    "rewind": Feature(_rewind, "backspace held: time runs backwards"),
    "branches": Feature(_branches, "o: from branch to branch"),
    "amnesia": Feature(_amnesia, "left remembers, right has forgotten", size=WIDE),
    "beside": Feature(_beside, "the same keys for dream and reality", "beside", size=WIDE),
    "island": Feature(_island, "another world: the same keys for dream and reality", "beside", "voxel", WIDE),
    "memory-test": Feature(_memory_test, "what was seen then, and what is dreamt now"),
    "belief": Feature(_belief, "believed and true map, and the way walked", "beside", size=WIDE),
    "browser": Feature(_browser, "scrub to its middle"),
    "drivers": Feature(_drivers, "tab: an explorer"),
    "telemetry": Feature(_telemetry, "f3: profile"),
}


def run(options: Options, engine: Any = None) -> int:
    """engine: dream with this one instead of loading the checkpoint's."""
    if options.only is not None and options.only not in FEATURES:
        raise ValueError(f"--only {options.only!r}; known: {', '.join(FEATURES)}")
    engines: dict[str | None, Any] = {None: engine}
    for name in FEATURES if options.only is None else [options.only]:
        started = time.perf_counter()
        try:
            seconds = _film(name, options, engines)
        except (ValueError, RuntimeError) as error:
            print(f"{name} is left out: {error}")
            continue
        path = options.out / f"{name}.mp4"
        taken = time.perf_counter() - started
        print(f"{path}: {seconds:.0f} s of video, {path.stat().st_size / 1024:.0f} KiB, made in {taken:.0f} s")
    return 0


def _film(name: str, options: Options, engines: dict[str | None, Any]) -> float:
    """Make one video; its seconds. engines: by world, None for the one of the flags; those loaded are added."""
    feature = FEATURES[name]
    recipe = replace(options.recipe(), kind=feature.kind)
    if feature.world is not None:
        recipe = replace(recipe, world=feature.world, checkpoint=None)
    world = open_world(recipe, engines.get(feature.world))
    dream = dream_of(world)
    assert dream is not None
    engines[feature.world] = dream.engine
    if name == "belief" and dream.engine.belief is None:
        world.close()
        raise ValueError("this model came without a map of its beliefs")
    with tempfile.TemporaryDirectory() as folder:
        session = Session(world, options.header(world, recipe, FPS), Path(folder, "now", "session.jsonl"))
        session.apply(options.reset(world, recipe))
        policy = Path(folder, "policy.py")
        policy.write_text(POLICY)
        if name == "browser":
            _record(session, Path(folder, "a walk.npz"))
        stage = Stage(feature.size, options.out / f"{name}.mp4", feature.poster)
        app = App(
            session, stage, Keymap(world.actions), Path(folder, "now"), Rate("smooth", float(FPS)), driver_file=policy,
            clip_folders=[Path(folder)], clock=stage.clock,
        )  # fmt: skip
        try:
            stage.play(app, feature.act(app))
        finally:
            session.close()
            stage.close()
        return stage.n_pictures / FPS


def _record(session: Session, path: Path) -> None:
    """A recorded walk for the browser to show: of the model's own last clip."""
    dream = dream_of(session.world)
    assert dream is not None
    episodes.save(list(dream.clips.values())[-1], path)
