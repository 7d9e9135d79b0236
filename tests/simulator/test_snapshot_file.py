"""A moment on disk goes on exactly, in its own model only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from simulator import snapshot_file
from simulator.intents import LoadMoment, Rewind, SetSteps, Step
from simulator.worlds import LearnedWorld
from tests.simulator.fakes import FakeEngine
from tests.simulator.playing import begun, play, same


def test_a_saved_moment_goes_on_with_the_same_frames_elsewhere(tmp_path):
    session = begun()
    play(session, [1, 4, 2])
    session.apply(SetSteps(3))
    play(session, [1, 1])
    session.save_moment(tmp_path / "m.safetensors")
    wanted = play(session, [1, 2, 5, 0])
    other = begun(LearnedWorld(FakeEngine()), seed=77)
    tick = other.apply(LoadMoment(str(tmp_path / "m.safetensors")))
    assert tick.t == 5
    assert other.world.n_steps == 3
    assert same(play(other, [1, 2, 5, 0]), wanted)


def test_every_tensor_comes_back_bit_for_bit(tmp_path):
    engine = FakeEngine()
    world = LearnedWorld(engine)
    world.reset(3)
    world.step(4)
    before = world.snapshot()
    snapshot_file.save(before, tmp_path / "m.safetensors", engine)
    after = snapshot_file.load(tmp_path / "m.safetensors", engine)
    a, b = before.state.moment, after.state.moment
    assert torch.equal(a.stream.layers[1].ssm, b.stream.layers[1].ssm)
    assert a.pose.dtype == b.pose.dtype
    assert np.array_equal(a.pose, b.pose)
    assert (a.t, a.seed, type(a.stream)) == (b.t, b.seed, type(b.stream))


def test_a_moment_saved_while_looking_at_the_past_is_that_past(tmp_path):
    session = begun()
    frames = play(session, [1, 4, 2, 1])
    session.apply(Rewind(2))
    session.save_moment(tmp_path / "m.safetensors")
    loaded = snapshot_file.load(tmp_path / "m.safetensors", FakeEngine())
    assert np.array_equal(loaded.tick.frame, frames[1])


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (FakeEngine(fingerprint="other-9"), "a moment of model fake-1 .*; the loaded model is other-9"),
        (FakeEngine(n_ballast=9), r"moment.stream.ballast is \(1, 8\) .*; the loaded model has \(1, 9\)"),
    ],
)
def test_another_models_moment_is_refused_by_name(tmp_path, engine, message):
    session = begun()
    session.save_moment(tmp_path / "m.safetensors")
    other = begun(LearnedWorld(engine))
    shown = other.tick
    with pytest.raises(ValueError, match=message):
        other.apply(LoadMoment(str(tmp_path / "m.safetensors")))
    assert other.tick is shown
    other.apply(Step(1))


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_broken_moment_file_is_one_line(tmp_path, content):
    path = tmp_path / "m.safetensors"
    if content is None:
        begun().save_moment(path)
        content = path.read_bytes()[:-20]
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a whole moment file"):
        snapshot_file.load(path, FakeEngine())
    with pytest.raises(ValueError, match="no such file"):
        snapshot_file.load(tmp_path / "none", FakeEngine())


@pytest.mark.parametrize("damage", [{"about": "{"}, {"about": "[]"}, {"about": "{}"}, {"fingerprint": None}])
def test_a_damaged_header_is_one_line(tmp_path, damage):
    path = tmp_path / "m.safetensors"
    begun().save_moment(path)
    with safe_open(path, "pt") as file:
        header = {name: value for name, value in (file.metadata() | damage).items() if value is not None}
    save_file(load_file(path), path, header)
    with pytest.raises(ValueError, match=r"m.safetensors: its header is damaged \(.*\); save the moment again"):
        snapshot_file.load(path, FakeEngine())
