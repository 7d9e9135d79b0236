"""The videos of the app, from the real window on no screen, and the example that plans in the dream."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from models.belief import Belief
from simulator.gym_env import LearnedEnv, LearnedVectorEnv
from tests.simulator.fakes import FakeEngine
from tests.simulator.test_app import ROOT, run_python

TOUR_SCRIPT = """
import sys
from pathlib import Path
from simulator.commands import tour
from tests.simulator.fakes import FakeEngine
engine = FakeEngine()
for name in sys.argv[2:]:
    tour.run(tour.Options(out=Path(sys.argv[1]), only=name), engine)
"""


def test_every_feature_of_a_dream_alone_is_filmed(tmp_path):
    names = ("rewind", "branches", "amnesia", "browser", "drivers", "telemetry", "belief")
    done = run_python(TOUR_SCRIPT, str(tmp_path), *names[:-1])
    assert done.returncode == 0, done.stderr
    for name in names[:-1]:
        frames = list(iio.imiter(tmp_path / f"{name}.mp4", plugin="FFMPEG"))
        assert len(frames) >= 40
        assert max(np.abs(frame.astype(int) - frames[0]).mean() for frame in frames) > 3, "something happens in it"
        assert iio.imread(tmp_path / f"{name}.png").shape[:2] == frames[0].shape[:2]
    assert "going on from" not in done.stdout
    assert "start: a walk, frame" in done.stdout, "the browser began from the middle of the recorded clip"
    assert "went" not in done.stderr


def test_an_unknown_feature_is_named(tmp_path):
    done = run_python(TOUR_SCRIPT, str(tmp_path), "flying")
    assert "--only 'flying'; known: rewind, branches" in done.stderr


@pytest.fixture(scope="module")
def planning():
    spec = importlib.util.spec_from_file_location("plan_in_dream", ROOT / "examples" / "plan_in_dream.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def belief(walls, ball):
    """A belief that is sure of `walls` (y, x) and of a green ball in the cell `ball` (y, x)."""
    balls = np.zeros((1, *walls.shape, 6))
    balls[0, *ball, 1] = 1
    return Belief(walls[None], balls)


def test_the_way_to_the_ball_leads_round_walls(planning):
    walls = np.zeros((8, 8))
    walls[0], walls[:, (0, 4)] = 1, 1
    walls[6, 4] = 0
    goal = planning.believed_goal(belief(walls, (1, 6)), np.array([117.0, 170.0, 101.0]))
    assert goal.sure == 1
    assert goal.distance(np.array(6.5), np.array(1.5)) == 0
    assert goal.distance(np.array(2.5), np.array(1.5)) == pytest.approx(14), "up to the gap, through it, and down again"
    nearer = goal.distance(np.array([2.5, 2.5]), np.array([2.0, 2.1]))
    assert nearer[1] < nearer[0], "within a cell too"
    assert planning.believed_goal(belief(walls, (1, 6)), np.array([197.0, 44.0, 35.0])).sure == 0, "no red one is believed in"


def test_the_plan_is_the_one_that_comes_nearest_to_the_ball(planning):
    env, envs = LearnedEnv(FakeEngine(), clip=""), LearnedVectorEnv(24, FakeEngine())
    env.reset(seed=1)
    before = env.snapshot()
    goal = planning.believed_goal(belief(np.zeros((12, 12)), (3, 0)), np.array([117.0, 170.0, 101.0]))
    plan = planning.think(envs, before, goal, 12, np.random.default_rng(0))
    for action in plan:
        _, _, _, _, info = env.step(int(action))
    assert goal.distance(*info["pose"][:2]) < goal.distance(*before.tick.pose[:2]) - 0.5, "the ball is to the left"
    assert (plan == planning.LEFT).sum() >= 3
    env.restore(before)
    assert env.snapshot().tick.t == 0
    assert Path(planning.__file__).name in (ROOT / "docs" / "app.md").read_text()
