"""Other paths through the network: the same dream but for rounding, the same bits again on the same path, never in the way.

Tests that truly compile are slow (`pytest -m slow tests/simulator/test_accelerate.py`); elsewhere another rounding stands in.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import run_sim
from envs.memory_maze import ACTIONS
from models.checkpoint import Checkpoint
from models.state import rebuilt, tensors
from simulator import accelerate, precision
from simulator.accelerate import both_calls, compiler, whole_frame
from simulator.engine import Engine
from simulator.intents import LoadMoment, Reset, Rewind, SetPath, Step
from simulator.load import load_engine
from simulator.precision import choose_precision
from simulator.rates import Rate
from simulator.recipe import Recipe
from simulator.replay import reopen, replay
from simulator.session import Session
from simulator.session_file import read_session
from simulator.ui.app import App
from simulator.ui.keymap import Keymap
from simulator.worlds import LearnedWorld
from tests.models.tiny import episode, randomised
from tests.simulator.playing import begun, header
from tests.simulator.test_app import ListScreen, keys
from tests.simulator.test_engine import CONFIG, TRAIT, WALK, assert_same, ego_motion, make, play

needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C++ compiler (CXX, g++ or clang++)")
LONG = (WALK * 4)[:40]
TOLD = "cpu, float32, made for tests"


def flat_calls(model, path, plain):
    """The calls of `path` as they would be compiled, run by PyTorch."""
    denoise, absorb = both_calls(model, path).values()

    def given(frames, level, control, state, dreamt=True):
        return frames, level, *control, *tensors(state)

    return plain._replace(denoise=lambda *x: denoise(*given(*x))[0], absorb=lambda *x: rebuilt(x[3], absorb(*given(*x))))


@pytest.fixture
def rounded(monkeypatch):
    """Engines are made whose other paths are there at once, in the rounding of bfloat16."""
    monkeypatch.setattr(accelerate, "compiler", lambda: "c++")
    monkeypatch.setattr(accelerate.Accelerator, "choice", ("bfloat16", "for a test"))
    make_calls = lambda self, path: flat_calls(self._checkpoint.model, path, self._plain)  # noqa: E731
    monkeypatch.setattr(accelerate.Accelerator, "_make", make_calls)
    return partial(make, n_steps=2, description=TOLD)


def wait(condition):
    give_up = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_what_is_compiled_is_the_plain_network_bit_for_bit_before_a_compiler_rounds_otherwise():
    engine = make(n_steps=2)
    other = make(n_steps=2)
    other._calls = flat_calls(other._model, "float32", other._calls)
    start = engine.begin([episode(5)], seed=1)
    for one, two in zip(play(engine, start, WALK), play(other, start, WALK), strict=True):
        assert_same(one, two)


def test_bfloat16_is_another_rounding_of_the_same_dream_and_leaves_states_in_float32(rounded):
    plain = rounded()
    half = plain.with_path("bfloat16")
    assert (plain.path, half.path) == ("plain", "bfloat16")
    assert half.description == "cpu, bfloat16, made for tests; compiled, for a test"
    start = plain.begin([episode(5)], seed=1)
    before = [part.clone() for part in tensors(start.stream)]
    one, two = plain.step(start, np.array([1])), half.step(start, np.array([1]))
    assert not np.array_equal(one.frame, two.frame)
    assert np.abs(one.frame.astype(int) - two.frame).mean() < 2
    assert [(part.dtype, part.stride()) for part in tensors(two.stream)] == [(p.dtype, p.stride()) for p in tensors(one.stream)]
    assert all(torch.equal(a, b) for a, b in zip(before, tensors(start.stream), strict=True))
    assert half.with_path("plain").description == TOLD


def test_a_session_that_changed_its_path_replays_bit_for_bit_and_rewinds_over_the_change(rounded, tmp_path):
    session = Session(LearnedWorld(rounded()), header(fingerprint="tiny"), tmp_path / "s.jsonl")
    session.apply(Reset(1, "hall"))
    deeds = [Step(1), Step(4), SetPath("bfloat16"), Step(2), Step(1), Step(4), Rewind(4), Step(5), Step(1), Rewind(1), Step(2)]
    for intent in deeds:
        session.apply(intent)
    assert not session.notes, "repeating from a keyframe gave the very frames"
    session.close()
    saved = read_session(session.path)
    assert all(repeated.same for repeated in replay(saved, Session(reopen(saved.header, rounded()), saved.header)))
    plain = replace(saved, records=[record for record in saved.records if record.intent != SetPath("bfloat16")])
    assert not all(repeated.same for repeated in replay(plain, Session(reopen(saved.header, rounded()), saved.header)))


def test_a_saved_moment_goes_on_with_the_same_frames_on_the_path_it_was_saved_on(rounded, tmp_path):
    session = Session(LearnedWorld(rounded()), header(fingerprint="tiny"))
    for intent in (Reset(1, "hall"), SetPath("bfloat16"), Step(1)):
        session.apply(intent)
    session.save_moment(tmp_path / "m.safetensors")
    other = Session(LearnedWorld(rounded()), header(fingerprint="tiny"))
    for intent in (Reset(2, "hall"), LoadMoment(str(tmp_path / "m.safetensors"))):
        other.apply(intent)
    for action in WALK:
        assert np.array_equal(session.apply(Step(action)).frame, other.apply(Step(action)).frame)


def test_a_session_begun_compiled_says_so_in_its_header_and_opens_on_that_path(rounded):
    from simulator.commands.world_options import WorldOptions

    options = WorldOptions(compile="on")
    assert options.recipe().path == "auto"
    told = options.header(LearnedWorld(rounded().with_path("auto")), options.recipe(), 10.0)
    assert told.recipe.path == "bfloat16", "what auto came to is what a replay takes"
    assert reopen(told, rounded()).engine.path == "bfloat16"
    assert WorldOptions().recipe().path == Recipe(world="memory-maze").path == "plain"


def app_with(engine, folder, monkeypatch):
    """The intents of an app that plays `engine` and is to go on compiled, and what was said meanwhile."""
    session = begun(LearnedWorld(engine), folder / "s.jsonl", fingerprint="tiny")
    engine.accelerator.begin()
    wait(lambda: engine.accelerator._aside.done)
    ready, turns = engine.accelerator.ready, iter(range(1000))
    monkeypatch.setattr(engine.accelerator, "ready", lambda: ready() if next(turns) >= 3 else None)
    screen = ListScreen([keys("+up")] + [[]] * 8 + [keys("-up")])
    app = App(session, screen, Keymap(ACTIONS), folder, Rate("smooth", 10.0), clock=screen.clock)
    app.controls.driving.begun, app.controls.driving.waits = True, False
    app.run()
    return [record.intent for record in read_session(folder / "s.jsonl").records[1:]]


def test_play_goes_on_on_the_faster_path_between_two_steps_and_says_so(rounded, tmp_path, monkeypatch, capsys):
    done = app_with(rounded(), tmp_path, monkeypatch)
    assert [type(intent) for intent in done[:5]] == [Step] * 4 + [SetPath]
    assert done.count(SetPath("bfloat16")) == 1
    assert len(done) > 6
    assert capsys.readouterr().out.count("compiled: bfloat16 from t=4 on") == 1


def test_where_nothing_can_be_compiled_play_is_plain_and_says_why_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accelerate.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    engine, why = make(description=TOLD), "not compiled: no C++ compiler was found (CXX, g++ or clang++)"
    for path in ("auto", "float32"):
        assert (engine.with_path(path).path, engine.with_path(path).description) == ("plain", f"{TOLD}; {why}")
    with pytest.raises(ValueError, match="path 'quick'; known: plain, float32, bfloat16, or auto"):
        engine.with_path("quick")
    assert {type(intent) for intent in app_with(engine, tmp_path, monkeypatch)} == {Step}
    assert capsys.readouterr().out.count(why) == 1


def test_a_compiler_that_fails_leaves_nothing_and_play_goes_on(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(accelerate, "compiler", lambda: "c++")
    monkeypatch.setattr(accelerate.sys, "executable", "false")
    engine = make(description=TOLD).with_path("float32")
    assert (engine.path, engine.description) == ("plain", f"{TOLD}; not compiled: the compiler failed: exit code 1")
    engine.step(engine.begin([episode(5)], seed=1), np.array([1]))
    assert list((tmp_path / "revisit").iterdir()) == []


def test_a_recording_can_begin_plainly_and_go_on_compiled(rounded, tmp_path, monkeypatch, capsys):
    from simulator.commands import record

    engine = rounded()
    monkeypatch.setattr(
        engine.accelerator, "begin", lambda: setattr(engine.accelerator, "_aside", accelerate.Job(lambda: path()))
    )
    path = lambda: engine.accelerator._made("auto")[0]  # noqa: E731
    options = record.Options(out=tmp_path / "a.gif", frames=40, compile="auto", policy="random")
    assert record.run(options, engine) == 0
    saved = read_session(tmp_path / "a.jsonl")
    assert [r.intent for r in saved.records].count(SetPath("bfloat16")) == 1
    assert "compiled: bfloat16 from t=" in capsys.readouterr().out
    assert run_sim.main(["replay", str(tmp_path / "nothing.jsonl")]) == 2


def test_the_precision_is_chosen_by_timing_and_the_figure_told(monkeypatch):
    for worth, found in ((0.0, "float32"), (float("inf"), "bfloat16")):
        monkeypatch.setattr(precision, "WORTH", worth)
        chosen, why = choose_precision(randomised(CONFIG))
        assert chosen == found
        assert float(why.split("take ")[1].split(" of")[0]) > 0


@pytest.mark.parametrize("n_steps", [1, 3])
def test_a_whole_frame_in_tensors_is_the_step_of_the_engine(n_steps):
    """What a GPU captures as one graph, on the CPU, with `Calls.frame` in its place."""
    plain, whole = (make(n_steps=n_steps, context_noise=0.05) for _ in range(2))
    calls = both_calls(whole._model, "float32")

    def frame(noise, control, state, n_steps, context_noise):
        clean, *after = whole_frame(calls, n_steps, context_noise, noise, *control, *tensors(state))
        return clean, rebuilt(state, after)

    whole.path, whole._calls = "float32", whole._calls._replace(frame=frame)
    one = two = plain.begin([episode(5), episode(5, seed=4)], seed=1)
    for action in WALK:
        one, two = (engine.step(m, np.array([action, 1])) for engine, m in ((plain, one), (whole, two)))
        assert_same(one, two)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: the CUDA graph of a frame is not tested here")
@pytest.mark.parametrize(("path", "share"), [("float32", 0.999), ("bfloat16", 0.9)])
def test_the_cuda_graph_of_a_frame_gives_the_frames_of_the_plain_engine(path, share):
    plain = Engine(Checkpoint(randomised(CONFIG).cuda(), ego_motion().cuda(), "tiny", {}), TRAIT, device="cuda")
    graphed = plain.with_path(path)
    assert graphed.path == path
    start = plain.begin([episode(5)], seed=1)
    kept = [part.clone() for part in tensors(start.stream)]
    truth, found = (play(engine, start, LONG) for engine in (plain, graphed))
    assert all(torch.equal(a, b) for a, b in zip(kept, tensors(start.stream), strict=True))
    near = np.abs(np.stack([m.frame for m in found]).astype(int) - np.stack([m.frame for m in truth])) <= 1
    assert near.mean() >= share
    for one, other in zip(found, play(graphed, start, LONG), strict=True):
        assert_same(one, other)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of compiled calls of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@needs_compiler
@pytest.mark.slow
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("path", "share"), [("float32", 0.999), ("bfloat16", 0.9)])
def test_compiled_frames_are_the_plain_ones_but_for_rounding_and_the_same_at_the_next_start(path, share, monkeypatch):
    """float32: within one level of 255 for 99.9% of all pixels of 40 frames in a row; bfloat16, whose dream drifts: for 90%."""
    plain = make(n_steps=2, description=TOLD)
    compiled = plain.with_path(path)
    assert compiled.path == path, compiled.description
    start = plain.begin([episode(5)], seed=1)
    before = [part.clone() for part in tensors(start.stream)]
    truth, found = (play(engine, start, LONG) for engine in (plain, compiled))
    near = np.abs(np.stack([m.frame for m in found]).astype(int) - np.stack([m.frame for m in truth])) <= 1
    assert near.mean() >= share
    assert all(torch.equal(a, b) for a, b in zip(before, tensors(start.stream), strict=True))
    for part in tensors(found[-1].stream):
        assert part.is_contiguous()
        assert part.untyped_storage().nbytes() == part.numel() * part.element_size()
    rows = compiled.begin([episode(5), episode(5, seed=4)], seed=1)
    assert_same(compiled.step(rows, np.array([1, 2])), plain.step(rows, np.array([1, 2])))
    monkeypatch.setattr(accelerate, "compile_aside", lambda *_: pytest.fail("compiled again"))
    for one, other in zip(found, play(make(n_steps=2).with_path(path), start, LONG), strict=True):
        assert_same(one, other)
    other = Engine(Checkpoint(randomised(CONFIG), ego_motion(), "another", {}), TRAIT)
    with pytest.raises(pytest.fail.Exception, match="compiled again"):
        other.with_path(path)


@needs_compiler
@pytest.mark.usefixtures("cache")
def test_the_island_that_ships_compiles_and_digs_and_builds_as_it_does_plainly():
    """It has parts that no maze has, and a compiler that fails leaves play slow: two minutes, not only among the slow tests."""
    plain = load_engine(None, "voxel")
    compiled = plain.with_path("float32")
    assert compiled.path == "float32", compiled.description
    keys = ["look_down", "look_down", *["mine"] * 8, "slot_1", "place", "left", "noop"]
    ways = [play(engine, plain.begin(None, 0), [plain.actions.names.index(key) for key in keys]) for engine in (plain, compiled)]
    truth, found = (np.stack([moment.frame for moment in way]).astype(int) for way in ways)
    assert (np.abs(found - truth) <= 1).mean() >= 0.999
