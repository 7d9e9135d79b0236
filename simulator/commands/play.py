"""Walk through a learned (or real) world in a window. `h` or F1 shows all keys; Esc leaves, with everything on disk."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.commands.world_options import WorldOptions
from simulator.drivers import KINDS
from simulator.intents import LoadMoment
from simulator.rates import chosen_rate
from simulator.recipe import open_world
from simulator.session import Session
from simulator.ui.app import App
from simulator.ui.driving import YOU
from simulator.ui.keymap import DEFAULTS, Keymap, load_bindings
from simulator.ui.shapes import Label, Rect
from simulator.ui.window import Window


@dataclass(frozen=True, kw_only=True)
class Options(WorldOptions):
    fps: float | None = None
    """Ticks a second; without it a smooth rate. While playing, a key goes through natural, smooth and fast."""
    size: tuple[int, int] | None = None
    """Width and height of the window, pixels; it can be resized."""
    driver: str = "you"
    """Who presses the keys at first: you, explore, random, or a file: a policy (.py with make_policy(seed)) or recorded actions
    (.npz episode, .jsonl session, .txt with one action name a line). A key hands them on."""
    moment: Path | None = None
    """Saved moment to go on from."""
    keys: Path | None = None
    """TOML file that binds keys: [moves] and [commands], name = "key" or a list of them."""
    sessions: Path = Path("sessions")
    """Folder in which every session leaves a folder of its own."""


def _own_folder(parent: Path) -> Path:
    """A folder name that no earlier session has: the time of day, numbered where two begin in one second."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (stamp if n == 1 else f"{stamp}-{n}" for n in itertools.count(1))
    return next(parent / name for name in names if not (parent / name).exists())


def run(options: Options, engine: Any = None) -> int:
    """engine: play this one instead of loading the checkpoint's."""
    driver_file = None if options.driver in (YOU, *KINDS) else Path(options.driver)
    if driver_file is not None and not driver_file.is_file():
        raise ValueError(f"--driver {options.driver!r}; known: {', '.join((YOU, *KINDS))}, or a file (.py, .npz, .jsonl, .txt)")
    recipe = options.recipe()
    bindings = DEFAULTS if options.keys is None else load_bindings(options.keys)
    window = Window("Revisit", options.size or ((960, 800) if recipe.kind in ("dream", "real") else (1320, 620)))
    started = time.perf_counter()
    try:
        middle = window.size[0] / 2, window.size[1] / 2
        window.draw(None, Rect(0, 0, 1, 1), [Label(*middle, f"opening {recipe.world} ...", 22, anchor="m")])
        world = open_world(recipe, engine)
        rate = chosen_rate(options.fps, world.fps)
        folder = _own_folder(options.sessions)
        session = Session(world, options.header(world, recipe, rate.fps), folder / "session.jsonl")
    except BaseException:
        window.close()
        raise
    try:
        session.apply(options.reset(world, recipe))
        if options.moment is not None:
            session.apply(LoadMoment(str(options.moment)))
        app = App(session, window, Keymap(world.actions, bindings), folder, rate, driver_file=driver_file)
        app.controls.driving.take(str(driver_file or options.driver))
    except BaseException:
        session.close()
        window.close()
        raise
    print(f"{session.header.description}; {rate.describe(world.fps)}; first picture after {time.perf_counter() - started:.1f} s")
    try:
        app.run()
    finally:
        window.close()
    if session.path is not None:
        print(f"{session.n_applied} steps kept; again: run_sim.py replay {session.path}")
    return 0
