"""The loop with a window made of a list, and the real window on SDL's dummy screen with posted events."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.memory_maze import ACTIONS
from envs.policies import RandomPolicy
from simulator.engine import Engine
from simulator.intents import SetSteps, Step
from simulator.rates import Rate
from simulator.session_file import read_session
from simulator.twin import BesideWorld
from simulator.ui.app import App
from simulator.ui.driving import Driving
from simulator.ui.events import Closed, FocusLost, KeyDown, KeyUp, PadLost
from simulator.ui.keymap import Keymap
from simulator.ui.profiles import Adapter
from simulator.worlds import LearnedWorld, RealWorld
from tests.simulator.fakes import FakeEngine
from tests.simulator.playing import begun
from tests.simulator.test_recorder import frames_in
from tests.simulator.tiny_env import TinyEnv

ROOT = Path(__file__).parents[2]


class ListScreen:
    """A window whose events come from a list, one item a turn, and whose clock runs 0.1 s a turn."""

    size = (800, 700)

    def __init__(self, turns):
        self.turns, self.now, self.drawn = list(turns), 0.0, []

    def clock(self):
        return self.now

    def poll(self):
        return self.turns.pop(0) if self.turns else [Closed()]

    def wait(self, seconds):
        self.now += 0.1

    def draw(self, picture, rect, shapes):
        self.drawn.append(picture)

    def toggle_fullscreen(self):
        pass

    def close(self):
        pass


def keys(text):
    """Events from words: "+up" presses, "-up" releases, "p" is a tap."""
    events = []
    for word in text.split():
        key = word.lstrip("+-") if len(word) > 1 else word
        events += [KeyUp(key)] if word[0] == "-" and len(word) > 1 else [KeyDown(key, False, 0.0)]
        events += [KeyUp(key)] if word[0] not in "+-" or len(word) == 1 else []
    return events


def played(tmp_path, turns, name="session", waits=False):
    """The intents of a session in which each item of `turns` is what happened before one tick. waits: time waits for keys."""
    session = begun(path=tmp_path / name / "s.jsonl")
    screen = ListScreen([keys(turn) for turn in turns])
    app = App(session, screen, Keymap(ACTIONS), tmp_path / name, Rate("smooth", 10.0), clock=screen.clock)
    app.controls.driving.begun, app.controls.driving.waits = True, waits
    app.run()
    return read_session(tmp_path / name / "s.jsonl").records[1:], screen, app


def actions(records):
    return [ACTIONS.names[r.intent.action] if isinstance(r.intent, Step) else type(r.intent).__name__ for r in records]


def test_a_press_shows_in_the_very_next_picture(tmp_path):
    session = begun()
    screen = ListScreen([keys("+up")])
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    app.turn()
    assert session.tick.action == ACTIONS.id_of("forward")
    assert screen.drawn[-1] is session.tick.frame


def test_held_keys_chords_and_taps_become_actions(tmp_path):
    records, _, _ = played(tmp_path, ["+up", "", "+left", "-up", "-left", "d", "", "w a", "+a +d", "-a"])
    assert actions(records)[:10] == [
        "forward", "forward", "forward_left", "left", "noop", "right", "noop", "forward_left", "noop", "right",
    ]  # fmt: skip


def test_play_begins_with_the_first_key_and_time_then_waits_for_keys(tmp_path):
    session = begun()
    screen = ListScreen([[], [], keys("+up"), [], keys("-up"), [], [], [], keys("d"), [], [], keys("f4"), [], []])
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    seen = []
    for _ in range(14):
        app.turn()
        seen.append((session.tick.t, app._mode().split(" ·")[0]))
    assert seen[:3] == [(0, "waiting"), (0, "waiting"), (1, "playing")]
    assert seen[3:8] == [
        (2, "playing"),
        (3, "playing"),
        (3, "waiting for keys"),
        (3, "waiting for keys"),
        (3, "waiting for keys"),
    ]
    assert session.timeline.tick.t == 3 + 2 + 3, "a tap and its settling, then three ticks because time runs on"


def test_what_a_key_set_moving_comes_to_rest_before_time_does(tmp_path):
    class Rolling(FakeEngine):
        """Rolls on after the first key, half as far with every tick."""

        def imagine(self, moment, actions, pose=None):
            frame, _ = super().imagine(moment, actions, pose)
            return frame, moment.pose + np.array([[0.5 ** (moment.t - 12), 0, 0, 0, 0]])

    session = begun(LearnedWorld(Rolling()))
    screen = ListScreen([keys("up")] + [[]] * 30)
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    app.run()
    assert session.tick.t == 7, "0.5 ** 6 is the first step shorter than what counts as still"


def test_a_pause_stands_still_and_single_steps_go_one_by_one(tmp_path):
    records, _, _ = played(tmp_path, ["+up", "p", "", "", ".", ".", "", "p", ""])
    assert actions(records)[:5] == ["forward"] * 5
    assert len(actions(records)) == 1 + 2 + 2 + 1, "one, two single steps, two after the pause and the turn that closes"


def test_rewinding_while_held_then_playing_on_branches(tmp_path):
    records, _, app = played(tmp_path, ["+up", "", "", "", "+backspace", "", "-backspace", ""])
    assert "Rewind" in actions(records)
    assert len(app.session.timeline.lines) == 2


def test_losing_the_focus_releases_every_key(tmp_path):
    session = begun()
    screen = ListScreen([keys("+up"), [FocusLost()], []])
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    shown = []
    for _ in range(3):
        app.turn()
        shown.append(session.tick.action)
    assert [ACTIONS.names[a] for a in shown] == ["forward", "noop", "noop"]


def test_the_same_keys_give_the_same_session_with_and_without_overlays(tmp_path):
    turns = ["+up", "", "+left", "", "-up", "m", "+right", "", "k", "=", "+up", "b", "", ""]
    plain, _, _ = played(tmp_path, turns, "plain")
    overlaid = ["h " + turns[0], "t " + turns[1], "x " + turns[2], *turns[3:6], "u " + turns[6], *turns[7:]]
    assert played(tmp_path, overlaid, "overlaid")[0] == plain


def test_a_world_too_slow_for_its_rate_skips_ticks_and_never_queues_them(tmp_path):
    session = begun()
    screen = ListScreen([[]] * 6)
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("fast", 30.0), clock=screen.clock)
    app.controls.driving.begun, app.controls.driving.waits = True, False
    for n in range(5):
        app.turn()
        assert session.tick.t == n + 1, "one tick a turn, although three were due"


def test_what_cannot_be_done_becomes_a_message(tmp_path):
    _, screen, app = played(tmp_path, ["-", "-", "-", "-", "y", "o", "j", "f9", ""])
    notes = " | ".join(note for _, note in app._notes)
    assert "0 denoising steps a frame; expected 1 or more" in notes
    assert "no mark yet" in notes
    assert "no saved moment" in notes
    assert screen.drawn


def test_recordings_stills_and_moments_land_in_the_sessions_folder(tmp_path):
    turns = ["v", "g r", "+up", "", "x", "f5", "", "", "v", "", "f9", ""]
    records, _, _ = played(tmp_path, turns)
    suffixes = {path.suffix for path in (tmp_path / "session").iterdir()}
    assert suffixes == {".gif", ".jsonl", ".mp4", ".npz", ".png", ".safetensors"}
    assert "LoadMoment" in actions(records)


def test_a_recording_begins_with_what_is_seen_and_without_a_step_is_one_picture_or_none(tmp_path):
    _, _, app = played(tmp_path, ["v r", "v r", "r", "+up", "-up", "r"], waits=True)
    said, folder = notes_of(app), tmp_path / "session"
    assert f"{folder / 'video-001.mp4'} is finished" in said
    assert len(frames_in(folder / "video-001.mp4")) == 1
    assert "no episode was written, for no step was made" in said
    assert not (folder / "episode-002.npz").exists()
    assert f"{folder / 'episode-003.npz'} is finished" in said
    kept, entries = episodes.load(folder / "episode-003.npz"), app.session.timeline.line.entries
    shown = [entry.tick.frame for entry in entries]
    assert len(kept) > 1
    assert any(np.array_equal(kept.image, shown[i : i + len(kept)]) for i in range(len(shown))), "none is left out"


def test_a_recording_whose_end_cannot_be_written_is_said_and_not_called_finished(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(episodes, "save", full)
    _, _, app = played(tmp_path, ["r", "+up", "", "r", ""])
    assert "episode: No space left on device" in notes_of(app)
    assert "finished" not in notes_of(app)


def test_a_driver_that_fails_gives_the_keys_back(tmp_path):
    class Broken:
        def act(self, observation, info):
            raise KeyError("layout")

    session = begun()
    screen = ListScreen([[], keys("+up")])
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    app.controls.driving._policy = Broken()
    app.turn()
    app.turn()
    assert app.controls.driving.kind == "you"
    assert session.tick.action == ACTIONS.id_of("forward")


DUMMY_SCRIPT = """
import pygame, sys
from pathlib import Path
from simulator.rates import Rate
from simulator.ui.app import App
from simulator.ui.keymap import Keymap
from simulator.ui.window import Window
from envs.memory_maze import ACTIONS
from tests.simulator.playing import begun

def post(kind, **values):
    pygame.event.post(pygame.event.Event(kind, values))

window = Window("test", (700, 600))
session = begun()
app = App(session, window, Keymap(ACTIONS), Path(sys.argv[1]), Rate("fast", 200.0))
app.controls.driving.waits = False
post(pygame.KEYDOWN, key=pygame.K_w, mod=0)
app.turn()
assert session.tick.action == ACTIONS.id_of("forward"), session.tick
post(pygame.KEYDOWN, key=pygame.K_LEFT, mod=0); post(pygame.KEYUP, key=pygame.K_LEFT, mod=0)
app._due = 0
app.turn()
assert session.tick.action == ACTIONS.id_of("forward_left"), "a quick tap is not lost"
post(pygame.KEYUP, key=pygame.K_w, mod=0)
for key in (pygame.K_h, pygame.K_t, pygame.K_m, pygame.K_F1, pygame.K_l, pygame.K_F11, pygame.K_u):
    post(pygame.KEYDOWN, key=key, mod=0); post(pygame.KEYUP, key=key, mod=0)
    app.turn()
post(pygame.MOUSEBUTTONDOWN, button=1, pos=(200, 540)); post(pygame.MOUSEBUTTONUP, button=1, pos=(200, 540))
post(pygame.VIDEORESIZE, w=900, h=500, size=(900, 500))
app.turn()
post(pygame.JOYHATMOTION, instance_id=0, hat=0, value=(-1, 1)); app._due = 0; app.turn()
assert session.tick.action == ACTIONS.id_of("forward_left"), "the cross of a gamepad"
post(pygame.JOYAXISMOTION, instance_id=0, axis=1, value=0.2); post(pygame.JOYHATMOTION, instance_id=0, hat=0, value=(0, 1))
app._due = 0; app.turn()
assert session.tick.action == ACTIONS.id_of("forward")
post(pygame.JOYDEVICEREMOVED, instance_id=0); app._due = 0; app.turn()
assert session.tick.action == ACTIONS.noop, "a gamepad pulled out lets go"
post(pygame.QUIT)
app.run()
print("left well", app.controls.closing)
"""


def run_python(code, *arguments, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")} | environment
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_the_real_window_on_a_dummy_screen_takes_posted_events(tmp_path):
    done = run_python(DUMMY_SCRIPT, str(tmp_path), SDL_VIDEODRIVER="dummy")
    assert "left well True" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_without_a_display_one_line_names_the_headless_form():
    done = run_python("import sys, run_sim; sys.exit(run_sim.main([]))")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no display was found" in done.stderr
    assert "run_sim.py record" in done.stderr


def test_pygame_is_imported_by_one_file_only():
    users = [path for path in (ROOT / "simulator").rglob("*.py") if "import pygame" in path.read_text()]
    assert [path.name for path in users] == ["window.py"]


def test_every_command_has_its_method():
    from simulator.ui.commands import Commands
    from simulator.ui.controls import HELD
    from simulator.ui.keymap import COMMANDS

    assert all(hasattr(Commands, command.name) for command in COMMANDS if command.name not in HELD)


def test_the_picture_drawn_is_the_newest(tmp_path):
    _, screen, app = played(tmp_path, ["+up", "", ""])
    assert np.array_equal(screen.drawn[-1], app.session.tick.frame)


def test_a_window_need_not_wait_for_torch():
    done = run_python("import sys, simulator.commands.play; print('torch' in sys.modules, 'mujoco' in sys.modules)")
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_profiles_set_the_steps_and_the_adaptive_one_holds_the_time_a_frame_may_take(tmp_path):
    records, _, app = played(tmp_path, ["f3", "+up", "f3", "", "f3", "", "="])
    assert [r.intent.n for r in records if isinstance(r.intent, SetSteps)] == [1, 2, 4, 5]
    assert app.controls.commands.quality.profile == "", "steps chosen by hand are no profile"
    for milliseconds_a_step, settled in ((5.0, 8), (19.0, 4), (200.0, 1)):
        adapter, n_steps = Adapter(), 2
        for _ in range(200):
            n_steps = adapter.steps(n_steps, milliseconds_a_step * n_steps, 10.0)
        assert n_steps == settled, "80 ms of the 100 between two ticks are for making one"


def test_the_overlay_measures_what_it_shows(tmp_path):
    class Slow(FakeEngine):
        """Takes 30 ms to denoise, 10 to decode and 60 to commit, on the test's clock."""

        def imagine(self, moment, actions, pose=None):
            made = super().imagine(moment, actions, pose)
            for part, seconds in (("denoise", 0.03), ("decode", 0.01)):
                screen.now += seconds
                self._lap(part)
            return made

        def absorb(self, *arguments, **told):
            after = super().absorb(*arguments, **told)
            screen.now += 0.06
            self._lap("commit")
            return after

    Slow.device, Slow.step = torch.device("cpu"), Engine.step
    screen = ListScreen([keys("t +up"), [], [], []])
    app = App(begun(LearnedWorld(Slow())), screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    for _ in range(4):
        app.turn()
    rows = dict(app.telemetry.rows(10.0, screen.now))
    assert rows["denoise / decode / commit / draw"] == "30 / 10 / 60 / 0 %"
    assert rows["frame, median / p95"] == "100.0 / 100.0 ms"
    norm = app.session.world.engine.state_norm(app.session.world.moment)
    assert rows["state norm, drift since the start"].startswith(f"{norm:.3f}, +")


def notes_of(app):
    return " | ".join(note for _, note in app._notes)


def test_a_moment_of_another_model_is_one_line_and_play_goes_on(tmp_path, capsys):
    other = begun(LearnedWorld(FakeEngine(fingerprint="fake-2")))
    other.save_moment(tmp_path / "before" / "moment-001.safetensors")
    records, _, app = played(tmp_path, ["f9", "+up", ""])
    assert "a moment of model fake-2 (memory-maze); the loaded model is fake-1" in notes_of(app)
    assert "fake-2" in capsys.readouterr().out, "on the terminal too"
    assert actions(records)[:3] == ["noop", "forward", "forward"]


def test_a_gamepad_pulled_out_lets_go_and_is_said(tmp_path, capsys):
    session = begun()
    screen = ListScreen([[KeyDown("pad up", False, 0.0)], [PadLost()], [], keys("+up")])
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    shown = []
    for _ in range(4):
        app.turn()
        shown.append((session.tick.t, ACTIONS.names[session.tick.action]))
    assert shown == [(1, "forward"), (2, "noop"), (2, "noop"), (3, "forward")]
    assert "the gamepad is gone" in notes_of(app)
    assert "the gamepad is gone" in capsys.readouterr().out


def test_reality_dying_in_play_is_said_once_and_the_dream_goes_on(tmp_path, capsys):
    world = BesideWorld(LearnedWorld(FakeEngine()), RealWorld(partial(TinyEnv, dies_at=8)), partial(RandomPolicy, ACTIONS), 4)
    session = begun(world)
    screen = ListScreen([keys("+up"), *([[]] * 8)])
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    app.run()
    assert session.tick.t == 10
    assert capsys.readouterr().out.count("exit code 7") == 1
    assert "reality is lost" in app._view().alert


def test_when_dream_and_reality_part_the_window_says_since_when(tmp_path):
    world = BesideWorld(LearnedWorld(FakeEngine()), RealWorld(TinyEnv), partial(RandomPolicy, ACTIONS), 4)
    session = begun(world)
    screen = ListScreen([keys("+up"), *([[]] * 3)])
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    for _ in range(4):
        app.turn()
    assert app._view().alert == "parted since t 1"
    app.controls.handle(KeyDown("y", False, 0.0), app.layout())
    app.turn()
    assert app._view().alert == "", "fed with reality they are together again"
    session.close()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def make_policy(seed): return 3", "AttributeError"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def act(", "SyntaxError"),
        ("x = 1", "has no attribute 'make_policy'"),
    ],
)
def test_a_policy_file_that_is_none_is_one_line_and_the_keys_stay_yours(tmp_path, source, message):
    (tmp_path / "policy.py").write_text(source)
    session = begun()
    driving = Driving(session, tmp_path / "policy.py", (said := []).append)
    for _ in range(3):
        driving.switch()
    assert driving.kind == "you"
    assert message in said[0]
    assert "expected make_policy(seed)" in said[0]
    assert "\n" not in said[0]


@pytest.mark.parametrize(
    ("answer", "message"), [("9", "action 9 is outside 0..5"), ("1 / 0", "ZeroDivisionError"), ("'up'", "ValueError")]
)
def test_a_policy_that_fails_in_play_gives_the_keys_back(tmp_path, answer, message):
    (tmp_path / "policy.py").write_text(
        f"from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Hand:\n    t: int = 0\n"
        f"class Policy:\n    def __init__(self, seed): self.t = seed\n    def act(self, observation):\n"
        f"        self.t += 1\n        assert observation.shape == (32, 32, 3)\n        return 2 if self.t < 4 else {answer}\n"
        f"make_policy = Policy\n"
    )
    session = begun()
    screen = ListScreen([keys("tab tab tab"), [], [], keys("+up"), []])
    app = App(
        session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), driver_file=tmp_path / "policy.py", clock=screen.clock
    )
    app.run()
    assert message in notes_of(app)
    assert "the keys are yours" in notes_of(app)
    taken = [entry.tick.action for entry in session.timeline.line.entries]
    assert taken[:5] == [0, 2, 2, 0, 1], "the policy, seed 1, turned twice; a pause; then the person"
