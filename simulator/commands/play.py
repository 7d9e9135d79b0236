"""Walk through a learned (or real) world in a window. `h` or F1 shows all keys; Esc leaves, with everything on disk."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.commands.world_options import WorldOptions
from simulator.drivers import KINDS
from simulator.intents import LoadMoment
from simulator.library import reset_of, shelf
from simulator.rates import chosen_rate
from simulator.recipe import Recipe
from simulator.session import Session
from simulator.ui.app import App
from simulator.ui.browser import Choice
from simulator.ui.driving import YOU
from simulator.ui.keymap import DEFAULTS, Bindings, Keymap, load_bindings
from simulator.ui.profiles import PROFILES
from simulator.ui.shapes import Shape
from simulator.ui.start import FAILURES, Opening, choose_start
from simulator.ui.window import Window


@dataclass(frozen=True, kw_only=True)
class Options(WorldOptions):
    fps: float | None = None
    """Ticks a second; without it a smooth rate. While playing, a key goes through natural, smooth and fast."""
    profile: str | None = None
    """Quality against speed: fast, balanced, quality, or adaptive, which takes as many denoising steps as the rate allows."""
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
    clips: Path | None = None
    """Folder of more episodes (npz) and sessions (jsonl) for the browser, which shows those of --sessions anyhow."""

    @property
    def begins_somewhere(self) -> bool:
        """Whether the flags say where to begin, so that nobody need be asked."""
        chosen = self.real or self.beside or self.split or self.cold or self.context or self.moment
        return bool(chosen) or self.at != -1 or self.driver != YOU


def _own_folder(parent: Path) -> Path:
    """A folder name that no earlier session has: the time of day, numbered where two begin in one second."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (stamp if n == 1 else f"{stamp}-{n}" for n in itertools.count(1))
    return next(parent / name for name in names if not (parent / name).exists())


def run(options: Options, engine: Any = None) -> int:
    """engine: play this one instead of loading the checkpoint's."""
    if options.profile not in (None, *PROFILES):
        raise ValueError(f"--profile {options.profile!r}; known: {', '.join(PROFILES)}")
    if options.profile is not None and options.steps is not None:
        raise ValueError("--profile and --steps both say how many denoising steps; give one of them")
    file = _file(options.driver)
    if file is not None and not file.is_file():
        raise ValueError(f"--driver {options.driver!r}; known: {', '.join((YOU, *KINDS))}, or a file (.py, .npz, .jsonl, .txt)")
    if options.clips is not None and not options.clips.is_dir():
        raise ValueError(f"--clips {options.clips}: no such folder")
    recipe = options.recipe()
    bindings = DEFAULTS if options.keys is None else load_bindings(options.keys)
    window = Window("Revisit", options.size or ((960, 800) if recipe.kind in ("dream", "real") else (1320, 620)))
    try:
        Player(options, window, bindings, engine).run(recipe, ask=engine is None and not options.begins_somewhere)
    finally:
        window.close()
    return 0


class Player:
    """One window, and in it session after session until the person leaves."""

    def __init__(self, options: Options, window: Window, bindings: Bindings, engine: Any) -> None:
        self._options, self._window, self._bindings, self._engine = options, window, bindings, engine
        self._shown: list[Shape] = []

    def run(self, recipe: Recipe, ask: bool) -> None:
        """Play `recipe`, or with `ask` what is chosen on the start screen. Raises what opening raises where nobody chose."""
        opening, choice, message = Opening(recipe, self._engine), None, ""
        while True:
            if ask:
                choice = self._ask(opening, message)
                if choice is None:
                    opening.drop()
                    return
            if (wanted := _recipe_of(choice, recipe)) != opening.recipe:
                opening.drop()
                opening = Opening(wanted, self._engine)
            try:
                choice = self._play(opening, choice)
            except FAILURES as error:
                if choice is None:
                    raise
                ask, message = True, " ".join(str(error).split())
                print(message)
                opening = Opening(recipe, self._engine)
                continue
            if choice is None:
                return
            ask = False
            opening = Opening(_recipe_of(choice, recipe), self._engine)

    def _ask(self, opening: Opening, message: str) -> Choice | None:
        folders = [self._options.sessions, *([self._options.clips] if self._options.clips else [])]
        choice, self._shown = choose_start(self._window, shelf(opening.recipe, folders), opening, message)
        return choice

    def _play(self, opening: Opening, choice: Choice | None) -> Choice | None:
        """Play until the person leaves; what was chosen to go on with elsewhere, if anything."""
        options, started = self._options, time.perf_counter()
        world = opening.wait(self._window, self._shown)
        if world is None:
            return None
        rate = chosen_rate(options.fps, world.fps)
        folder = _own_folder(options.sessions)
        session = Session(world, options.header(world, opening.recipe, rate.fps), folder / "session.jsonl")
        try:
            reset = options.reset(world, opening.recipe)
            if choice is not None and choice.item.kind in ("clip", "cold", "episode"):
                reset = reset_of(choice.item, choice.frame, options.seed)
            session.apply(reset)
            if options.moment is not None and choice is None:
                session.apply(LoadMoment(str(options.moment)))
            app = App(
                session, self._window, Keymap(world.actions, self._bindings), folder, rate, driver_file=_file(options.driver),
                clip_folders=[options.clips] if options.clips else [],
            )  # fmt: skip
            app.controls.driving.take(str(_file(options.driver) or options.driver))
        except BaseException:
            session.close()
            raise
        if choice is not None and choice.item.kind == "session":
            app.controls.commands.begin(choice)
        if options.profile is not None:
            app.controls.commands.quality.take(options.profile)
        options.prepare(world)
        seconds = time.perf_counter() - started
        print(f"{session.header.description}; {rate.describe(world.fps)}; opened after {seconds:.1f} s")
        app.run()
        if session.path is not None:
            print(f"{session.n_applied} steps kept; again: run_sim.py replay {session.path}")
        return app.controls.elsewhere


def _file(driver: str) -> Path | None:
    return None if driver in (YOU, *KINDS) else Path(driver)


def _recipe_of(choice: Choice | None, recipe: Recipe) -> Recipe:
    """The recipe that plays what was chosen: of its world and kind, everything else as flags say."""
    if choice is None:
        return recipe
    item = choice.item
    kind = item.kind if item.kind in ("beside", "real") else "dream"
    recipe = replace(recipe, kind=kind, context=None, context_hash=None)
    if not item.world:
        return recipe
    return replace(recipe, world=item.world, checkpoint=None if item.checkpoint is None else str(item.checkpoint))
