"""The videos of the app, from the real window on no screen, and the example that plans in the dream."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

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


class RedWall(FakeEngine):
    """A dream in which more of a red ball comes into view the further one has turned left."""

    def imagine(self, moment, actions, pose=None):
        frames, after = super().imagine(moment, actions, pose)
        frames[:] = 30
        for frame, heading in zip(frames, after[:, 3], strict=True):
            frame[: max(0, round(4 * heading))] = (197, 44, 35)
        return frames, after


def test_the_plan_is_the_one_that_shows_most_of_the_ball(planning):
    env, envs = LearnedEnv(RedWall(), clip=""), LearnedVectorEnv(24, RedWall())
    env.reset(seed=1)
    env.step(0)
    plan = planning.think(envs, env.snapshot(), np.array([197.0, 44.0, 35.0]), 8, 3, np.random.default_rng(0))
    assert (plan.actions == 2).mean() + (plan.actions == 4).mean() >= 0.75, "it turns left"
    assert plan.pixels > 32
    assert env.step(0)[0].any(), "trying plans has not moved the dream they were tried from"


def test_a_ball_is_told_from_a_wall_of_its_hue(planning):
    frames = np.full((3, 8, 8, 3), 60, np.uint8)
    frames[0, :2], frames[1, :2] = (197, 44, 35), (99, 22, 18)
    assert planning.ball_pixels(frames, np.array([197.0, 44.0, 35.0])).tolist() == [16, 0, 0]
    assert Path(planning.__file__).name in (ROOT / "docs" / "app.md").read_text()
