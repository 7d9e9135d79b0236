"""What each command of the keymap does: one method of its name (the held ones are looked up where they matter)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulator.intents import Branch, Forget, Jump, LoadMoment, Mark, Reset, Rewind, Split, Switch
from simulator.library import reset_of, shelf
from simulator.rates import rates
from simulator.reel import SessionReel
from simulator.twin import BesideWorld, SplitWorld, dream_of
from simulator.ui.belief_panel import BeliefPanel
from simulator.ui.browser import Browser, Choice
from simulator.ui.keeping import Keeper
from simulator.ui.memory_test import MemoryTest
from simulator.ui.profiles import Quality

if TYPE_CHECKING:
    from simulator.ui.controls import Controls


class Commands:
    """The commands a person gives `controls`, and what they leave changed: overlays, quality, files.

    folder: where videos, stills, episodes and moments go.
    """

    def __init__(self, controls: Controls, folder: Path) -> None:
        self._controls, self._session = controls, controls.session
        self._notify, self._do, self._key_of = controls.notify, controls.do, controls.keymap.key_of
        self.keeper = Keeper(controls.session, folder, controls.notify)
        self.beliefs = BeliefPanel(controls.session, controls.notify)
        self.quality = Quality(controls.session, controls.do, controls.notify)
        self.shows_telemetry = self.bare = self.fullscreen_asked = False
        self.help_turns = 0
        self._last_mark = ""

    def pause(self) -> None:
        self._controls.paused = not self._controls.paused

    def single_step(self) -> None:
        self._controls.paused = True
        self._controls.single_steps += 1

    def step_back(self) -> None:
        self._controls.paused = True
        self._do(Rewind(1))

    def waits(self) -> None:
        driving = self._controls.driving
        driving.waits = not driving.waits
        self._notify("time waits for keys" if driving.waits else "time runs on, keys or not")

    def reset(self) -> None:
        if self._session.start is not None:
            self.start(self._session.start)

    def start(self, start: Reset) -> bool:
        """Begin anew, whoever drives."""
        done = self._do(start)
        if done:
            self._controls.driving.start_again()
        return done

    def new_seed(self) -> None:
        if (start := self._session.start) is not None and self.start(Reset(start.seed + 1, start.clip, start.frame)):
            self._notify(f"seed {self._session.seed}")

    def next_start(self) -> None:
        dream, start = dream_of(self._session.world), self._session.start
        if dream is None or start is None or isinstance(self._session.world, BesideWorld):
            self._notify("start clips are for a dream alone; here every start is a seed: press the key for a new seed")
            return
        names = [*dream.clips, ""]
        clip = names[(names.index(start.clip) + 1) % len(names)] if start.clip in names else names[0]
        if self.start(Reset(start.seed, clip)):
            self._notify(f"start: {clip or 'cold, from nothing'}")

    def browse(self) -> None:
        dream = dream_of(self._session.world)
        engine = None if dream is None else dream.engine
        items = shelf(self._session.header.recipe, [self.keeper.folder.parent, *self._controls.clip_folders])
        self._controls.show(Browser(items, lambda: engine, self._begin_elsewhere))

    def _begin_elsewhere(self, choice: Choice) -> None:
        """Begin from what was chosen in the browser; what needs another world is left to whoever opened this one."""
        recipe, item = self._session.header.recipe, choice.item
        model = Path(recipe.checkpoint) if recipe.checkpoint else None
        here = recipe.kind in ("dream", "split") and item.kind not in ("beside", "real")
        if here and (not item.world or (item.world, item.checkpoint) == (self._session.world.name, model)):
            self.begin(choice)
        else:
            self._controls.elsewhere, self._controls.closing = choice, True

    def begin(self, choice: Choice) -> None:
        """Begin in this world from what was chosen, a session from the very moment it was in."""
        if isinstance(choice.reel, SessionReel):
            self._go_on(choice.reel, choice.frame)
        elif self.start(reset_of(choice.item, choice.frame, self._session.seed)):
            self._notify(f"start: {choice.item.name}" + ("" if choice.frame < 0 else f", frame {choice.frame + 1}"))
        if choice.reel is not None:
            choice.reel.close()

    def _go_on(self, reel: SessionReel, frame: int) -> None:
        path = self.keeper.path("moment", ".safetensors")
        try:
            self._controls.busy("going there", lambda: reel.save_moment(frame, path))
        except (ValueError, OSError) as error:
            self._notify(str(error))
            return
        if self._do(LoadMoment(str(path))):
            self._controls.driving.start_again()
            self._notify(f"going on from frame {frame + 1}")

    def driver(self) -> None:
        self._controls.driving.switch()

    def rate(self) -> None:
        offered, fps = rates(self._session.world.fps), self._session.world.fps
        names = [rate.name for rate in offered]
        here = names.index(self._controls.rate.name) if self._controls.rate.name in names else -1
        self._controls.rate = offered[(here + 1) % len(offered)]
        self._notify(self._controls.rate.describe(fps))

    def more_steps(self) -> None:
        self.quality.change(1)

    def fewer_steps(self) -> None:
        self.quality.change(-1)

    def next_profile(self) -> None:
        self.quality.next()

    def mark(self) -> None:
        name = str(len(self._session.timeline.marks) + 1)
        if self._do(Mark(name)):
            self._last_mark = ""
            self._notify(f"mark {name}")

    def jump(self) -> None:
        names = list(self._session.timeline.marks)[::-1]
        if not names:
            self._notify(f"no mark yet; {self._key_of('mark')} sets one")
            return
        self._last_mark = names[(names.index(self._last_mark) + 1) % len(names)] if self._last_mark in names else names[0]
        if self._do(Jump(self._last_mark)):
            self._notify(f"at mark {self._last_mark}")

    def branch(self) -> None:
        if self._do(Branch(1_000_000 + self._session.n_applied)):
            self._notify(f"{self._branch_name()}, new seed")

    def switch_branch(self) -> None:
        ids = sorted(self._session.timeline.lines)
        if len(ids) < 2:
            self._notify("there is one branch so far; rewind and play on, or branch off, to have another")
        elif self._do(Switch(ids[(ids.index(self._session.timeline.branch) + 1) % len(ids)])):
            self._notify(self._branch_name())

    def _branch_name(self) -> str:
        ids = sorted(self._session.timeline.lines)
        return f"branch {ids.index(self._session.timeline.branch) + 1} of {len(ids)}"

    def forget(self) -> None:
        if self._do(Forget()):
            self._notify("the long memory is gone")

    def split(self) -> None:
        on = not isinstance(self._session.world, SplitWorld)
        if self._do(Split(on)):
            self._notify("left remembers, right has forgotten" if on else "one dream again, the remembering one")

    def memory_test(self) -> None:
        dream = dream_of(self._session.world)
        if dream is None:
            self._notify("the memory test is for dreams; this is the real world, which forgets nothing")
        else:
            self._session.settle()
            self._controls.show(MemoryTest(dream, self.keeper.folder, self._controls.rate.fps, self._notify))

    def record_mp4(self) -> None:
        self.keeper.toggle_video(".mp4", self._controls.rate.fps)

    def record_gif(self) -> None:
        self.keeper.toggle_video(".gif", self._controls.rate.fps)

    def record_episode(self) -> None:
        self.keeper.toggle_episode()

    def still(self) -> None:
        self.keeper.still()

    def save_moment(self) -> None:
        self.keeper.moment()

    def load_moment(self) -> None:
        path = self.keeper.latest_moment()
        if path is None:
            self._notify(f"no saved moment yet; {self._key_of('save_moment')} saves one")
        elif self._do(LoadMoment(str(path))):
            self._notify(f"went on from {path}")

    def belief(self) -> None:
        self.beliefs.toggle()

    def telemetry(self) -> None:
        self.shows_telemetry = not self.shows_telemetry

    def hide(self) -> None:
        self.bare = not self.bare

    def fullscreen(self) -> None:
        self.fullscreen_asked = True

    def help(self) -> None:
        self.help_turns += 1

    def quit(self) -> None:
        self._controls.closing = True
