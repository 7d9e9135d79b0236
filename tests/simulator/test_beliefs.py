"""The map in play: of the moment that is shown, with its path, beside the truth or the dream that has forgotten."""

from __future__ import annotations

from functools import partial

import imageio.v3 as iio
import numpy as np
import pytest

from envs.policies import RandomPolicy
from models.belief import N_BALL_COLOURS, Belief
from simulator.beliefs import charts, path
from simulator.commands import record
from simulator.intents import Branch, Forget, Rewind, Split, Step
from simulator.rates import Rate
from simulator.twin import BesideWorld
from simulator.ui.app import App
from simulator.ui.keymap import Keymap
from simulator.ui.shapes import Image, Label
from simulator.worlds import LearnedWorld, RealWorld
from tests.simulator.fakes import ACTIONS, FakeEngine
from tests.simulator.playing import begun, play
from tests.simulator.test_app import ListScreen, keys
from tests.simulator.tiny_env import TinyEnv

LAYOUT = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 1]], np.uint8)


class FakeProbe:
    """Believes the more in walls the more is in the memory."""

    def believe(self, stream):
        sure = stream.layers[0].ssm.mean(dim=1).numpy()[:, None, None]
        return Belief(np.broadcast_to(sure, (len(sure), 5, 5)), np.zeros((len(sure), 5, 5, N_BALL_COLOURS)))


class MazeEnv(TinyEnv):
    """A real world that knows its maze."""

    def _info(self):
        return {**super()._info(), "maze_layout": LAYOUT, "targets_pos": np.array([[2.5, 0.5]])}


def engine():
    made = FakeEngine()
    made.belief = FakeProbe()
    return made


def dreaming():
    return begun(LearnedWorld(engine()))


def sure(session, name="what it believes"):
    return float(charts(session)[name].walls[0, 0])


def test_the_map_is_of_the_memory_and_the_place_shown():
    session = dreaming()
    before = sure(session)
    play(session, [1, 1, 2])
    chart = charts(session)["what it believes"]
    assert chart.walls[0, 0] > before
    assert chart.pose is session.tick.pose
    assert len(chart.path) == 4
    session.apply(Forget())
    assert sure(session) == 0


def test_looking_back_shows_the_memory_kept_last_before_and_going_on_the_exact_one():
    session = dreaming()
    known = [sure(session)]
    for _ in range(7):
        session.apply(Step(1))
        known.append(sure(session))
    session.apply(Rewind(2))
    assert sure(session) == known[4], "a keyframe every four ticks"
    assert len(charts(session)["what it believes"].path) == 6
    session.settle()
    assert sure(session) == pytest.approx(known[5])


def test_the_path_goes_back_across_branches_and_no_further_than_asked():
    session = dreaming()
    play(session, [1, 1, 1, 1])
    shown = [entry.tick for entry in session.timeline.line.entries]
    session.apply(Rewind(2))
    session.apply(Branch(5))
    play(session, [2])
    found = path(session.timeline, 100)
    assert found[:2] == shown[:2]
    assert [tick.t for tick in found] == [0, 1, 2, 2, 3], "the branch begins with the moment it left the other at"
    assert path(session.timeline, 4) == found[1:]
    assert path(session.timeline, 1) == [session.tick]


def test_a_dream_that_has_forgotten_is_shown_beside_the_one_that_remembers():
    session = dreaming()
    play(session, [1, 1])
    session.apply(Split(True))
    found = charts(session)
    assert list(found) == ["believed, remembering", "believed, having forgotten"]
    assert [float(chart.walls[0, 0]) > 0 for chart in found.values()] == [True, False]
    play(session, [1, 1])
    session.apply(Rewind(1))
    assert [float(chart.walls[0, 0]) > 0 for chart in charts(session).values()] == [True, False]


def test_the_truth_stands_beside_the_belief_where_reality_runs_along():
    real = RealWorld(MazeEnv)
    try:
        session = begun(BesideWorld(LearnedWorld(engine()), real, partial(RandomPolicy, ACTIONS), 5))
        play(session, [1, 1])
        for _ in range(2):
            found = charts(session)
            assert list(found) == ["what it believes", "the truth"]
            truth = found["the truth"]
            assert truth.walls.sum() == 25 - (LAYOUT == 1).sum()
            assert np.argwhere(truth.balls).tolist() == [[0, 2, 0]]
            assert truth.pose is session.tick.info["right_pose"]
            session.apply(Rewind(1))
    finally:
        real.close()


class ShapeScreen(ListScreen):
    """Keeps the shapes of every turn."""

    def draw(self, picture, rect, shapes):
        self.drawn.append(shapes)


def test_a_key_shows_the_map_and_hides_it_and_draws_it_anew_only_when_something_changed(tmp_path):
    screen = ShapeScreen([keys(turn) for turn in ("p", "+f7 -f7", "", ".", "+f7", "")])
    app = App(dreaming(), screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    app.run()
    images = [[shape for shape in shapes if isinstance(shape, Image)] for shapes in screen.drawn]
    assert [len(found) for found in images] == [0, 1, 1, 1, 0, 0, 0]
    assert images[1][0].frame is images[2][0].frame
    assert images[2][0].frame is not images[3][0].frame
    assert images[1][0].frame.shape[0] == round(images[1][0].rect.h)
    assert "what it believes" in [shape.text for shape in screen.drawn[1] if isinstance(shape, Label)]


def test_a_recording_shows_the_map_beside_the_picture(tmp_path):
    out = tmp_path / "a.mp4"
    options = record.Options(out=out, frames=3, belief=True)
    assert record.run(options, engine()) == 0
    frames = list(iio.imiter(out, plugin="FFMPEG"))
    assert len(frames) == 3
    assert frames[0].shape[1] == 1024
    with pytest.raises(ValueError, match="teach a probe"):
        record.run(options, FakeEngine())


def test_without_a_probe_one_line_says_how_to_have_one(tmp_path):
    screen = ShapeScreen([keys("+f7"), []])
    app = App(begun(), screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    app.run()
    assert any("run_sim.py probe --checkpoint DIR --data DIR" in note for _, note in app._notes)
    assert not app.controls.commands.beliefs.shown
