"""A session file gives the same session again, or says plainly why not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from simulator.intents import (
    KINDS,
    Branch,
    Forget,
    Jump,
    Mark,
    Reset,
    Rewind,
    SetPath,
    SetSteps,
    Split,
    Step,
    Switch,
    decode,
    encode,
)
from simulator.replay import reopen, replay, verdict
from simulator.session import Session
from simulator.session_file import read_session
from simulator.worlds import LearnedWorld
from tests.simulator.fakes import FakeEngine
from tests.simulator.playing import begun, header, play

EVERYTHING = [
    Step(1), Step(4), SetSteps(2), SetPath("plain"), Step(1), Mark("a"), Step(2), Step(1), Rewind(2), Step(3), Forget(), Step(1),
    Branch(5), Step(1), Switch(0), Step(2), Jump("a"), Step(5), Split(True), Step(1), Forget(), Step(1), Rewind(1), Step(3),
    Split(False), Step(2), Reset(9, "garden", 3), Step(1), Reset(9), Step(1), Rewind(1), Rewind(-1), Step(0),
]  # fmt: skip


def again(path, engine=None):
    saved = read_session(path)
    session = Session(reopen(saved.header, engine or FakeEngine()), saved.header)
    return saved, list(replay(saved, session)), session


def test_a_replay_repeats_a_session_with_everything_in_it(tmp_path):
    session = begun(path=tmp_path / "s.jsonl")
    shown = [session.apply(intent).frame for intent in EVERYTHING]
    session.close()
    saved, repeated, _ = again(session.path)
    assert all(record.same for record in repeated)
    assert all(np.array_equal(a, b.tick.frame) for a, b in zip(shown, repeated[1:], strict=True))
    assert verdict([r.same for r in repeated], saved, "x") == f"{len(shown) + 1} of {len(shown) + 1} frames are identical"


def test_every_line_is_on_disk_as_soon_as_its_frame_is_shown(tmp_path):
    session = begun(path=tmp_path / "s.jsonl")
    for n in range(5):
        session.apply(Step(1))
        assert len(read_session(session.path).records) == n + 2


def test_a_session_cut_anywhere_in_its_last_line_replays_up_to_there(tmp_path):
    session = begun(path=tmp_path / "s.jsonl")
    play(session, [1, 2, 3])
    session.close()
    whole = session.path.read_bytes()
    session.path.write_bytes(whole[:-9])
    saved, repeated, _ = again(session.path)
    assert saved.cut_short
    assert [r.same for r in repeated] == [True] * 3
    assert "in the middle of a line" in verdict([True] * 3, saved, "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no complete line"),
        ("hello\n", "line 1: not JSON"),
        ('{"a":1}\n', "no revisit-session header"),
        ('{"format":"revisit-session","version":99}\n', "format version 99"),
        ('{"format":"revisit-session","version":1,"recipe":{"wrld":"x"}}\n', "other fields"),
    ],
)
def test_a_file_that_is_no_session_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_session(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"do":"Fly","h":"00"}', "unknown deed 'Fly'; known: Step"),
        ('{"a":"left","h":"00"}', "Step came with action 'left'; expected int"),
        ('{"a":null,"h":"00"}', "Step came with action None; expected int"),
        ('{"do":"Jump","name":3,"h":"00"}', "Jump came with name 3; expected str"),
        ('{"a":1}', "no h; expected the hash of the frame"),
        ("[1]", "list; expected a JSON object"),
    ],
)
def test_a_broken_line_is_named_by_its_number(tmp_path, line, message):
    session = begun(path=tmp_path / "s.jsonl")
    play(session, [1, 2])
    session.close()
    lines = session.path.read_text().splitlines()
    lines[2] = line
    session.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=rf"line 3: {message}"):
        read_session(session.path)


@pytest.mark.parametrize(
    ("was", "now"), [('"n_steps":4', '"n_steps":"4"'), ('"fps":10.0', '"fps":null'), ('"world":"', '"wrld":"')]
)
def test_a_header_of_another_kind_is_named(tmp_path, was, now):
    session = begun(path=tmp_path / "s.jsonl")
    session.close()
    session.path.write_text(session.path.read_text().replace(was, now))
    with pytest.raises(ValueError, match=rf"a header with other fields \(.*{now[1:4]}"):
        read_session(session.path)


def test_another_engine_is_noticed_at_the_first_frame_that_differs(tmp_path):
    session = begun(path=tmp_path / "s.jsonl")
    play(session, [1, 2, 3])
    session.close()
    other = FakeEngine(n_steps=3)
    saved, repeated, _ = again(session.path, other)
    assert [r.same for r in repeated] == [True, False, False, False]
    assert "frames differ from record 1 of 4 on" in verdict([r.same for r in repeated], saved, "gpu")
    assert "made with [cpu, float32, fake: made for tests], repeated with [gpu]" in verdict([False], saved, "gpu")


def test_another_model_is_refused_by_name(tmp_path):
    session = begun(path=tmp_path / "s.jsonl")
    session.close()
    with pytest.raises(ValueError, match="played with model fake-1; the loaded one is fake-2"):
        again(session.path, FakeEngine(fingerprint="fake-2"))


def test_every_intent_survives_its_line():
    for intent in EVERYTHING:
        assert decode(json.loads(json.dumps(encode(intent)))) == intent
    assert {type(intent).__name__ for intent in EVERYTHING} | {"Reseed", "LoadMoment"} == set(KINDS)


def test_a_session_that_cannot_be_written_is_played_all_the_same(tmp_path):
    (tmp_path / "file").write_text("")
    session = Session(LearnedWorld(FakeEngine()), header(), tmp_path / "file" / "s.jsonl")
    assert "not being kept" in session.notes[0]
    assert session.apply(Reset(1)).t == 0


def test_a_full_disk_ends_the_session_file_not_the_play():
    from pathlib import Path

    session = Session(LearnedWorld(FakeEngine()), header(), Path("/dev/full"))
    session.apply(Reset(1))
    assert session.apply(Step(1)).t == 1
    assert "kept" in session.notes[0]
    assert "No space left" in session.notes[0]
