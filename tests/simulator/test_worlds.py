"""Learned and real worlds, and the two side by side."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from envs.policies import RandomPolicy
from envs.snapshot import SnapshotUnsupported
from simulator.env_process import WorldDied
from simulator.intents import Branch, Forget, Mark, Reset, Rewind, SetSteps, Split, Step
from simulator.twin import BesideWorld, SplitWorld
from simulator.worlds import LearnedWorld, RealWorld
from tests.simulator.fakes import ACTIONS, FakeEngine, walk
from tests.simulator.playing import begun, play, same
from tests.simulator.tiny_env import ForgetfulTinyEnv, TinyEnv

IDENTICAL = 60.0


@pytest.fixture(scope="module")
def real():
    world = RealWorld(TinyEnv)
    yield world
    world.close()


def beside(real, n_lead_in=5):
    return BesideWorld(LearnedWorld(FakeEngine()), real, partial(RandomPolicy, ACTIONS), n_lead_in)


def test_a_dream_starts_from_any_frame_of_a_clip():
    world = LearnedWorld(FakeEngine(), {"mine": walk(9, 32, 5)})
    world.choose_start("mine", 4)
    tick = world.reset(1)
    assert np.array_equal(tick.frame, world.clips["mine"].image[4])
    assert (tick.t, world.moment.t) == (0, 5)
    with pytest.raises(ValueError, match=r"frame 9 is outside clip 'mine' of 9 frames; give 0\.\.8"):
        world.choose_start("mine", 9)
    with pytest.raises(ValueError, match="no start clip 'yours'; known: hall, garden, mine"):
        world.choose_start("yours")


def test_a_cold_start_is_black_until_the_first_step():
    world = LearnedWorld(FakeEngine())
    world.choose_start("")
    assert not world.reset(1).frame.any()
    assert world.step(0).frame.any()


def test_a_clip_of_another_world_or_size_is_refused():
    world = LearnedWorld(FakeEngine(), {"big": walk(3, 64, 5)})
    world.choose_start("big")
    with pytest.raises(ValueError, match="choose a clip of this world"):
        world.reset(1)


def test_a_refused_branch_of_the_real_world_leaves_no_branch(real):
    session = begun(real)
    play(session, [1, 1])
    with pytest.raises(ValueError, match="a new seed is for dreams; in the real world rewind and play on"):
        session.apply(Branch(5))
    assert len(session.timeline.lines) == 1
    session.apply(Rewind(1))
    play(session, [2])
    assert len(session.timeline.lines) == 2


@pytest.mark.parametrize("n", [0, -3])
def test_no_denoising_steps_at_all_are_refused_and_nothing_changes(n):
    session = begun()
    with pytest.raises(ValueError, match=f"{n} denoising steps a frame; expected 1 or more"):
        session.apply(SetSteps(n))
    assert session.world.n_steps == 4


def test_actions_out_of_range_are_named():
    with pytest.raises(ValueError, match=r"action 9 is outside 0..5"):
        begun().apply(Step(9))


def test_a_real_world_in_its_own_process_repeats_after_restore(real):
    real.reset(3)
    real.step(1)
    kept = real.snapshot()
    first = [real.step(a).frame for a in (1, 2, 1)]
    assert np.array_equal(real.restore(kept).frame, kept.tick.frame)
    assert same([real.step(a).frame for a in (1, 2, 1)], first)
    assert real.step(4).t == 5


def test_a_real_session_rewinds_but_does_not_forget(real):
    session = begun(real)
    frames = play(session, [1, 2, 1, 4, 1, 1])
    session.apply(Rewind(4))
    assert same(play(session, [1, 4, 1, 1]), frames[2:])
    with pytest.raises(ValueError, match="Forget is for dreams"):
        session.apply(Forget())
    with pytest.raises(ValueError, match="start with --beside"):
        session.apply(Step(1, true=True))


def test_a_world_that_cannot_be_rewound_says_so_and_plays():
    world = RealWorld(ForgetfulTinyEnv)
    try:
        session = begun(world)
        assert "ForgetfulTinyEnv cannot be put back" in session.notes[0]
        play(session, [1] * 9)
        with pytest.raises(ValueError, match="has no rewind, marks or branches"):
            session.apply(Rewind(1))
        with pytest.raises(ValueError, match="has no rewind, marks or branches"):
            session.apply(Mark("a"))
        with pytest.raises(SnapshotUnsupported):
            world.snapshot()
    finally:
        world.close()


def test_side_by_side_shows_both_their_difference_and_how_alike_they_are(real):
    world = beside(real)
    tick = world.reset(2)
    dream, true, difference = np.split(tick.frame, 3, axis=1)
    assert np.array_equal(dream, true), "the dream has just absorbed the real frame"
    assert not difference.any()
    assert (tick.info["psnr"], tick.info["parted_since"]) == (IDENTICAL, None)
    assert world.dream.moment.t == 6
    ticks = [world.step(1) for _ in range(3)]
    assert ticks[-1].info["parted_since"] == 1
    dream, true, difference = np.split(ticks[-1].frame, 3, axis=1)
    assert np.array_equal(difference, np.abs(dream.astype(int) - true))


def test_resync_feeds_real_frames_and_play_goes_on_from_them(real):
    session = begun(beside(real))
    play(session, [1, 2, 1])
    tick = session.apply(Step(1, true=True))
    assert tick.info["psnr"] == IDENTICAL
    assert tick.info["parted_since"] is None
    assert np.array_equal(tick.pose, tick.info["right_pose"])
    frames = play(session, [2, 1])
    session.apply(Rewind(5))
    session.apply(Step(2))
    session.apply(Step(1))
    session.apply(Step(1, true=True))
    assert same(play(session, [2, 1]), frames), "both worlds went back together"


def test_reality_dying_does_not_end_the_dream():
    real = RealWorld(partial(TinyEnv, dies_at=8))
    session = begun(beside(real, n_lead_in=4))
    ticks = [session.apply(Step(1)) for _ in range(7)]
    assert "exit code 7" in ticks[-1].info["lost"]
    assert ticks[-1].t == 7
    session.apply(Rewind(2))
    session.apply(Step(2))
    session.close()


def test_a_dead_real_world_is_an_error_and_no_hang():
    real = RealWorld(partial(TinyEnv, dies_at=1))
    real.reset(0)
    with pytest.raises(WorldDied, match="exit code 7"):
        real.step(1)
    real.close()


def test_splitting_forgets_on_the_right_only_and_unsplitting_keeps_the_left():
    session, plain = begun(), begun()
    play(session, [1, 2, 1])
    play(plain, [1, 2, 1])
    tick = session.apply(Split(True))
    assert isinstance(session.world, SplitWorld)
    assert tick.info["panels"] == ("remembers", "forgot", "difference")
    left, right, _ = np.split(play(session, [1, 1])[-1], 3, axis=1)
    wanted = play(plain, [1, 1])[-1]
    assert np.array_equal(left, wanted)
    assert not np.array_equal(right, wanted)
    session.apply(Split(False))
    assert same(play(session, [2, 4]), play(plain, [2, 4]))


def test_a_session_that_begins_split_has_forgotten_its_start_on_the_right():
    split, plain = begun(SplitWorld(LearnedWorld(FakeEngine()))), begun()
    left, right, _ = np.split(play(split, [1])[-1], 3, axis=1)
    wanted = play(plain, [1])[-1]
    assert np.array_equal(left, wanted)
    assert not np.array_equal(right, wanted)


def test_seed_and_start_decide_a_session():
    a, b = begun(seed=4), begun(seed=5)
    assert not same(play(a, [1, 2]), play(b, [1, 2]))
    b.apply(Reset(4, "hall"))
    a.apply(Reset(4, "hall"))
    assert same(play(a, [1, 2]), play(b, [1, 2]))
