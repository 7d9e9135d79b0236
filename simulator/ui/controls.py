"""What keys do: events of the window become intents for the session, and settings of the play."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from envs.policies import Policy
from simulator.demo.routes import LOOK_AWAY
from simulator.demo.walk import Walk
from simulator.drivers import driver
from simulator.intents import (
    Branch,
    Forget,
    Intent,
    Jump,
    LoadMoment,
    Mark,
    Reset,
    Rewind,
    SetSteps,
    Split,
    Step,
    Switch,
)  # fmt: skip
from simulator.rates import Rate, rates
from simulator.session import Session
from simulator.twin import BesideWorld, SplitWorld, dream_of
from simulator.ui import timeline_bar
from simulator.ui.events import Closed, Event, FocusLost, KeyDown, KeyUp
from simulator.ui.hud import Layout
from simulator.ui.keeping import Keeper
from simulator.ui.keymap import COMMANDS, HeldKeys, Keymap

REWIND_FPS = 20.0
"""Ticks a second at least while the rewind key is held."""
MEMORY_TEST = "memory test"
"""The driver that looks away and back."""
HELD = frozenset(command.name for command in COMMANDS if command.held)


class Controls:
    """The state of play that is not the world's: paused, who drives, how fast, what is shown; and the meaning of every command.

    folder: where videos, stills, episodes and moments go. recorded: file of actions for the recorded driver, or None.
    notify: called with one-line messages. busy: called with a few words before something slow.
    """

    def __init__(
        self,
        session: Session,
        keymap: Keymap,
        folder: Path,
        rate: Rate,
        *,
        recorded: Path | None = None,
        notify: Callable[[str], None],
        busy: Callable[[str], None],
    ) -> None:
        self.session, self.keymap, self.rate = session, keymap, rate
        self.keeper = Keeper(session, folder, notify)
        self.held = HeldKeys()
        self.commands_held: set[str] = set()
        self.paused = self.closing = self.help = self.telemetry = self.bare = self.fullscreen = False
        self.single_steps = 0
        self.first_press: float | None = None
        self.driver = "you"
        self.score = ""
        self._recorded = recorded
        self._policy: Policy | None = None
        self._notify, self._busy = notify, busy
        self._last_mark = ""

    @property
    def fps(self) -> float:
        """Ticks a second wanted at this moment."""
        return max(self.rate.fps, REWIND_FPS) if "rewind" in self.commands_held else self.rate.fps

    def handle(self, event: Event, layout: Layout) -> None:
        """Take in one event of the window."""
        match event:
            case Closed():
                self.closing = True
            case FocusLost():
                self.held.release_all()
                self.commands_held.clear()
            case KeyUp(key):
                self.held.release(key)
                self.commands_held.discard(self.keymap.command(key, True) or "")
            case KeyDown(where=(x, y)) if not layout.bare and layout.bar.contains(x, y):
                self._scrub(x, layout)
            case KeyDown(key, ctrl, at):
                self._press(key, ctrl, at)

    def _press(self, key: str, ctrl: bool, at: float) -> None:
        logical, command = self.keymap.logical(key, ctrl), self.keymap.command(key, ctrl)
        if logical is not None:
            self.held.press(key, logical)
            if self.first_press is None and self._policy is None and not self.paused:
                self.first_press = at
        elif command in HELD:
            self.commands_held.add(command)
        elif command is not None:
            getattr(self, f"_{command}")()

    def next_intent(self) -> Intent | None:
        """What to do in the tick that is due, or None to stand still."""
        if "rewind" in self.commands_held:
            return Rewind(1)
        if self.paused and self.single_steps == 0:
            return None
        self.single_steps = max(0, self.single_steps - 1)
        tick = self.session.tick
        keys = self.held.sample()
        if self._policy is None:
            action = self.session.world.actions.from_keys(keys)
        else:
            n_panels = max(1, len(tick.info.get("panels", ())))
            pose = tick.pose if self.driver == MEMORY_TEST else tick.info.get("right_pose", tick.pose)
            try:
                action = self._policy.act(tick.frame[:, : tick.frame.shape[1] // n_panels], {"pose": pose, **tick.info})
            except (ValueError, LookupError, RuntimeError) as error:
                self._notify(f"the {self.driver} driver gave up ({error}); the keys are yours")
                self.driver, self._policy, action = "you", None, self.session.world.actions.noop
            if isinstance(self._policy, Walk) and self._policy.over:
                self.score = f" · memory {self._policy.score.psnr:.1f} dB"
                self._notify(f"memory test: {self._policy.verdict}")
                self.driver, self._policy = "you", None
                return None
        return Step(action, true="resync" in self.commands_held and isinstance(self.session.world, BesideWorld))

    def do(self, intent: Intent) -> bool:
        """Apply `intent`; what cannot be done becomes a message, and play goes on where it can."""
        try:
            self.session.apply(intent)
        except (ValueError, OSError) as error:
            self._notify(str(error))
            return False
        except RuntimeError as error:
            self._notify(f"{error}; paused")
            self.paused = True
            return False
        return True

    def _scrub(self, x: int, layout: Layout) -> None:
        self.paused = True
        timeline = self.session.timeline
        self.do(Rewind(timeline.position - timeline_bar.position_at(timeline, layout.bar, x)))

    # One method a command of `keymap.COMMANDS` (the held ones are looked up where they matter).

    def _pause(self) -> None:
        self.paused = not self.paused

    def _single_step(self) -> None:
        self.paused, self.single_steps = True, self.single_steps + 1

    def _again(self, start: Reset) -> None:
        self._busy("starting")
        if self.do(start) and self._policy is not None:
            self._take_driver()

    def _reset(self) -> None:
        if self.session.start is not None:
            self._again(self.session.start)

    def _new_seed(self) -> None:
        if (start := self.session.start) is not None:
            self._again(Reset(start.seed + 1, start.clip, start.frame))
            self._notify(f"seed {self.session.seed}")

    def _next_start(self) -> None:
        dream, start = dream_of(self.session.world), self.session.start
        if dream is None or start is None or isinstance(self.session.world, BesideWorld):
            self._notify("start clips are for a dream alone; here every start is a seed: press the key for a new seed")
            return
        names = [*dream.clips, ""]
        clip = names[(names.index(start.clip) + 1) % len(names)]
        self._again(Reset(start.seed, clip))
        self._notify(f"start: {clip or 'cold, from nothing'}")

    def _driver(self) -> None:
        kinds = ["you", "explore", "random", *(["recorded"] if self._recorded else [])]
        self.driver = kinds[(kinds.index(self.driver) + 1) % len(kinds)] if self.driver in kinds else "you"
        try:
            self._take_driver()
        except ValueError as error:
            self._notify(str(error))
            self.driver, self._policy = "you", None

    def _take_driver(self) -> None:
        kind = str(self._recorded) if self.driver == "recorded" else self.driver
        actions = self.session.world.actions
        if kind == MEMORY_TEST:
            self._policy = Walk(LOOK_AWAY, actions)
        else:
            self._policy = None if kind == "you" else driver(kind, actions, self.session.seed)

    def drive(self, kind: str) -> None:
        """Give the keys to `kind`: you, explore, random, recorded or MEMORY_TEST."""
        self.driver = kind
        self._take_driver()

    def _rate(self) -> None:
        offered = rates(self.session.world.fps)
        names = [rate.name for rate in offered]
        here = names.index(self.rate.name) if self.rate.name in names else -1
        self.rate = offered[(here + 1) % len(offered)]
        self._notify(self.rate.describe(self.session.world.fps))

    def _change_steps(self, change: int) -> None:
        dream = dream_of(self.session.world)
        if dream is None:
            self._notify("the real world has no denoising steps")
        elif self.do(SetSteps(dream.n_steps + change)):
            self._notify(f"{dream.n_steps} denoising steps a frame")

    def _more_steps(self) -> None:
        self._change_steps(1)

    def _fewer_steps(self) -> None:
        self._change_steps(-1)

    def _mark(self) -> None:
        name = str(len(self.session.timeline.marks) + 1)
        if self.do(Mark(name)):
            self._last_mark = ""
            self._notify(f"mark {name}")

    def _jump(self) -> None:
        names = list(self.session.timeline.marks)[::-1]
        if not names:
            self._notify(f"no mark yet; {self.keymap.key_of('mark')} sets one")
            return
        self._last_mark = names[(names.index(self._last_mark) + 1) % len(names)] if self._last_mark in names else names[0]
        if self.do(Jump(self._last_mark)):
            self._notify(f"at mark {self._last_mark}")

    def _branch(self) -> None:
        if self.do(Branch(1_000_000 + self.session.n_applied)):
            self._notify(f"{self._branch_name()}, new seed")

    def _switch_branch(self) -> None:
        ids = sorted(self.session.timeline.lines)
        if len(ids) < 2:
            self._notify("there is one branch so far; rewind and play on, or branch off, to have another")
        elif self.do(Switch(ids[(ids.index(self.session.timeline.branch) + 1) % len(ids)])):
            self._notify(self._branch_name())

    def _branch_name(self) -> str:
        ids = sorted(self.session.timeline.lines)
        return f"branch {ids.index(self.session.timeline.branch) + 1} of {len(ids)}"

    def _forget(self) -> None:
        if self.do(Forget()):
            self._notify("the long memory is gone")

    def _split(self) -> None:
        on = not isinstance(self.session.world, SplitWorld)
        if self.do(Split(on)):
            self._notify("left remembers, right has forgotten" if on else "one dream again, the remembering one")

    def _memory_test(self) -> None:
        self.paused, self.score = False, ""
        self.drive(MEMORY_TEST)

    def _record_mp4(self) -> None:
        self.keeper.toggle_video(".mp4", self.rate.fps)

    def _record_gif(self) -> None:
        self.keeper.toggle_video(".gif", self.rate.fps)

    def _record_episode(self) -> None:
        self.keeper.toggle_episode()

    def _still(self) -> None:
        self.keeper.still()

    def _save_moment(self) -> None:
        self.keeper.moment()

    def _load_moment(self) -> None:
        path = self.keeper.latest_moment()
        if path is None:
            self._notify(f"no saved moment yet; {self.keymap.key_of('save_moment')} saves one")
        elif self.do(LoadMoment(str(path))):
            self._notify(f"went on from {path}")

    def _telemetry(self) -> None:
        self.telemetry = not self.telemetry

    def _hide(self) -> None:
        self.bare = not self.bare

    def _fullscreen(self) -> None:
        self.fullscreen = True

    def _help(self) -> None:
        self.help = not self.help

    def _quit(self) -> None:
        self.closing = True
