"""Rewinding, branches and the bound on memory."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.intents import Branch, Forget, Jump, Mark, Rewind, SetSteps, Step, Switch
from simulator.sizes import n_bytes
from simulator.worlds import LearnedWorld
from tests.simulator.fakes import FakeEngine
from tests.simulator.playing import begun, play, same

WALK = [1, 1, 2, 4, 1, 3, 5, 1, 0, 2, 2, 1, 1, 5]


@pytest.mark.parametrize("n_back", [1, 3, 4, 9, 14])
def test_rewind_then_replay_repeats_every_frame(n_back):
    session = begun()
    frames = play(session, WALK)
    session.apply(Rewind(n_back))
    assert same(play(session, WALK[len(WALK) - n_back :]), frames[len(WALK) - n_back :])
    assert not session.notes


def test_rewinding_shows_the_old_frames_without_dreaming_them_again():
    engine = FakeEngine()
    session = begun(LearnedWorld(engine))
    frames = play(session, WALK)
    n_imagined = engine.n_imagined
    back = [session.apply(Rewind(1)).frame for _ in range(5)]
    assert same(back, frames[-2:-7:-1])
    assert engine.n_imagined == n_imagined


def test_rewind_stops_at_the_start_and_goes_forward_to_the_end():
    session = begun()
    first = session.tick.frame
    frames = play(session, WALK)
    assert np.array_equal(session.apply(Rewind(1000)).frame, first)
    assert np.array_equal(session.apply(Rewind(-1000)).frame, frames[-1])


def test_rewind_past_forgetting_and_changed_steps_repeats_them():
    def adventure(session):
        frames = play(session, WALK[:5])
        session.apply(Forget())
        session.apply(SetSteps(2))
        return frames + play(session, WALK[5:])

    session = begun(keyframe_every=100)
    frames = adventure(session)
    session.apply(Rewind(3))
    assert same(play(session, WALK[-3:]), frames[-3:])
    session.apply(Rewind(1000))
    assert session.apply(Step(1)) is not None
    assert session.world.n_steps == 4, "the start was dreamt in 4 steps"


def test_what_was_played_before_a_rewind_stays_on_its_own_branch():
    session = begun()
    old = play(session, WALK)
    session.apply(Rewind(6))
    new = play(session, [3, 3, 3])
    assert len(session.timeline.lines) == 2
    assert np.array_equal(session.apply(Switch(0)).frame, old[-1])
    assert np.array_equal(session.apply(Switch(1)).frame, new[-1])
    assert np.array_equal(session.apply(Rewind(4)).frame, old[-8]), "the branch's own past ends at the fork, its parent's goes on"


def test_branches_do_not_move_each_other():
    session = begun()
    play(session, WALK[:5])
    session.apply(Mark("fork"))
    alone = play(session, WALK[5:])
    session.apply(Jump("fork"))
    session.apply(Branch(99))
    other = play(session, WALK[5:])
    assert not same(alone, other), "a new seed is another future"
    session.apply(Jump("fork"))
    assert same(play(session, WALK[5:]), alone)


def test_memory_stays_bounded_in_a_session_of_20000_ticks():
    budget = 3 << 20
    session = begun(LearnedWorld(FakeEngine(side=8, n_ballast=2000)), history_bytes=budget, keyframe_every=16)
    session.apply(Mark("start"))
    rng, most = np.random.default_rng(0), 0
    for t in range(20_000):
        session.apply(Step(int(rng.integers(6))))
        if t % 997 == 0:
            session.apply(Rewind(5))
        most = max(most, session.timeline.n_bytes)
    timeline = session.timeline
    assert most <= budget + (1 << 15)
    held = sum(entry.n_bytes for line in timeline.lines.values() for entry in line.entries)
    held += sum(n_bytes(s.state) for line in timeline.lines.values() for s in line.keyframes.values())
    held += sum(n_bytes(mark.snapshot.state) for mark in timeline.marks.values())
    assert held == timeline.n_bytes, "the running total is what is really held"
    t = session.tick.t
    frames = [session.apply(Rewind(1)).frame for _ in range(200)][::-1]
    deed = timeline.line.entry(timeline.position + 1).deed
    assert session.tick.t == t - 200, "the latest past can be gone back to, across a fork"
    assert np.array_equal(session.apply(deed).frame, frames[1])
    assert session.apply(Jump("start")).t == 0, "a mark outlives the branch it was set on"


def test_marks_may_not_eat_the_history():
    session = begun(LearnedWorld(FakeEngine(n_ballast=2000)), history_bytes=60_000)
    n_fitting = 30_000 // n_bytes(session.world.snapshot().state)
    for i in range(n_fitting):
        session.apply(Mark(str(i)))
    with pytest.raises(ValueError, match="--history-mb"):
        session.apply(Mark("one more"))


def test_an_unknown_mark_or_branch_is_named():
    session = begun()
    session.apply(Mark("door"))
    with pytest.raises(ValueError, match="no mark 'window'; known: door"):
        session.apply(Jump("window"))
    with pytest.raises(ValueError, match="no branch 7; known: 0"):
        session.apply(Switch(7))
