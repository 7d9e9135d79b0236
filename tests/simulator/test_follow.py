"""Following a recorded walk: the context is absorbed as it was, what comes after is dreamt and compared with the truth."""

from __future__ import annotations

import json

import imageio.v3 as iio
import numpy as np
import pytest

from envs import episode as episodes
from simulator.commands import demo
from simulator.demo.follow import follow
from tests.simulator.fakes import FakeEngine, walk


class Driven(FakeEngine):
    """Knows how it moves."""

    has_ego_motion = True


def test_the_dream_takes_the_walks_own_actions_and_its_likeness_is_told_frame_by_frame():
    engine, episode, told = FakeEngine(), walk(20, 32, 1), []
    found = follow(engine, episode, 8, 12, 0, True, lambda: told.append(1))
    assert found.dream.shape == found.truth.shape == (12, 32, 32, 3)
    assert np.array_equal(found.truth, episode.image[8:20])
    assert len(told) == 12
    mse = np.square(found.dream[3].astype(float) - found.truth[3]).mean()
    assert found.psnr[3] == pytest.approx(10 * np.log10(255**2 / mse))


def test_a_walk_too_short_is_refused():
    with pytest.raises(ValueError, match="8 frames of context and 13 to dream do not fit an episode of 20"):
        follow(FakeEngine(), walk(20, 32, 1), 8, 13, 0, True, lambda: None)


def test_the_command_draws_both_ways_of_knowing_the_pose(tmp_path, capsys):
    episodes.save(walk(30, 32, 1), tmp_path / "walk.npz")
    engine = Driven()
    options = demo.Options(name="follow", out=tmp_path / "out", context=str(tmp_path / "walk.npz"), at=9, gap=12)
    assert demo.run(options, engine) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(line["psnr"]) == {"dream, poses given", "dream, keys only"}
    assert (tmp_path / "out" / "follow.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "out" / "follow.json").read_text()) == line
    assert (line["n_context"], line["n_frames"]) == (10, 12)
    video = list(iio.imiter(tmp_path / "out" / "follow.mp4", plugin="FFMPEG"))
    assert len(video) > 12
    assert video[0].shape[1] == 3 * 512
    with pytest.raises(ValueError, match="follow needs a recorded walk"):
        demo.run(demo.Options(name="follow", out=tmp_path), engine)
