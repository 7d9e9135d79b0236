"""What recordings leave on disk, also when everything is killed half-way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from envs import episode as episodes
from envs.memory_maze import ACTIONS
from simulator.commands import replay
from simulator.compose import video_frame
from simulator.intents import Rewind, Step
from simulator.recorder import EpisodeRecorder, VideoRecorder, save_still
from simulator.world import Tick
from tests.simulator.fakes import FakeEngine
from tests.simulator.playing import begun, play

ROOT = Path(__file__).parents[2]


def ticks(n, side=32):
    ramp = np.arange(side, dtype=np.uint8)[:, None, None] * np.ones((side, side, 3), np.uint8)
    return [Tick((ramp + 3 * t).astype(np.uint8), t, 1, np.zeros(5)) for t in range(n)]


def frames_in(path):
    return list(iio.imiter(path, plugin="FFMPEG" if path.suffix == ".mp4" else "pillow"))


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_holds_every_tick_in_order(tmp_path, suffix):
    recorder = VideoRecorder(tmp_path / f"x{suffix}", 10.0)
    shown = ticks(12)
    for tick in shown:
        recorder.add(tick)
    recorder.close()
    recorder.close()
    found = frames_in(recorder.path)
    assert len(found) == 12
    for tick, frame in zip(shown, found, strict=True):
        wanted = video_frame(tick, frame.shape[0])
        assert np.abs(wanted.astype(int) - frame[..., :3]).mean() < 4


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_killed_half_way_plays(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    script = f"""
        import time
        from pathlib import Path
        from simulator.recorder import VideoRecorder
        from tests.simulator.test_recorder import ticks
        recorder = VideoRecorder(Path({str(path)!r}), 10.0)
        for tick in ticks(45):
            recorder.add(tick)
        print(recorder._encoder.pid, flush=True)
        time.sleep(60)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    encoder = int(child.stdout.readline())
    deadline = time.monotonic() + 20
    while path.stat().st_size < 3000 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(encoder, signal.SIGKILL)  # the encoder first: it gets no chance to finish the file
    child.kill()
    child.wait()
    assert len(frames_in(path)) >= 45 - 10 - 2, "at most the last second is lost"


def test_a_full_disk_is_said_in_one_line_and_play_goes_on(tmp_path):
    full = tmp_path / "x.mp4"
    full.symlink_to("/dev/full")
    session = begun()
    session.sinks["video"] = VideoRecorder(full, 10.0)
    for _ in range(400):
        session.apply(Step(4))
        if not session.sinks:
            break
    session.close()
    assert session.notes
    assert "No space left" in session.notes[0]
    assert "\n" not in session.notes[0]


def test_a_path_that_cannot_be_written_or_is_no_video_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        VideoRecorder(tmp_path / "file" / "x.mp4", 10.0)
    with pytest.raises(ValueError, match=r"unknown video kind '.avi'; expected .mp4 or .gif"):
        VideoRecorder(tmp_path / "x.avi", 10.0)


def test_a_picture_of_another_size_ends_the_video_with_what_it_has(tmp_path):
    session = begun()
    session.sinks["video"] = recorder = VideoRecorder(tmp_path / "x.mp4", 10.0)
    recorder.add(ticks(1)[0])
    recorder._shape = (2, 2, 3)
    session.apply(Step(1))
    assert "start another video" in session.notes[0]
    assert len(frames_in(recorder.path)) == 1


def test_an_unused_video_leaves_no_empty_file(tmp_path):
    VideoRecorder(tmp_path / "x.gif", 10.0).close()
    assert not list(tmp_path.iterdir())


def test_episodes_are_in_the_public_schema_and_a_jump_in_time_begins_another(tmp_path):
    session = begun()
    session.sinks["episode"] = EpisodeRecorder(tmp_path / "e.npz", ACTIONS, part=6)
    frames = play(session, [1, 2, 4, 1, 1, 1, 5, 3])
    session.apply(Rewind(3))
    play(session, [2, 2])
    session.close()
    loaded = {path.stem: episodes.load(path) for path in tmp_path.glob("*.npz")}
    assert {name: len(episode) for name, episode in loaded.items()} == {"e": 6, "e-001": 2, "e-002": 3}
    assert np.array_equal(loaded["e"].image, np.stack(frames[:6]))
    assert loaded["e"].action.tolist() == [0, 2, 4, 1, 1, 1]
    assert loaded["e-002"].action.tolist() == [0, 2, 2]


@pytest.mark.parametrize(("panels", "kept"), [((), {"layout", "reward"}), (("dream", "real", "difference"), set())])
def test_an_episode_keeps_all_that_a_real_world_tells_but_nothing_of_one_beside_a_dream(tmp_path, panels, kept):
    recorder = EpisodeRecorder(tmp_path / "e.npz", ACTIONS)
    for tick in ticks(3):
        told = {"layout": np.full((9, 9), tick.t), "reward": 1.0, "pose": tick.pose, "seed": 3, "panels": panels}
        recorder.add(replace(tick, info=told))
    recorder.close()
    extras = episodes.load(recorder.path).extras
    assert set(extras) == kept
    if kept:
        assert extras["layout"][:, 0, 0].tolist() == [tick.t for tick in ticks(3)]
        assert extras["reward"].tolist() == [0.0, 1.0, 1.0], "what was earned before it began is not its own"


def test_a_still_is_the_enlarged_frame(tmp_path):
    tick = ticks(1)[0]
    save_still(tick, tmp_path / "deep" / "x.png")
    assert np.array_equal(iio.imread(tmp_path / "deep" / "x.png"), video_frame(tick, 512))


def test_a_session_killed_while_recording_an_episode_has_every_frame_and_makes_the_episode_again(tmp_path):
    script = f"""
        import time
        from pathlib import Path
        from envs.memory_maze import ACTIONS
        from simulator.intents import Step
        from simulator.recorder import EpisodeRecorder
        from tests.simulator.playing import begun
        session = begun(path=Path({str(tmp_path / "s.jsonl")!r}))
        session.sinks["episode"] = EpisodeRecorder(Path({str(tmp_path / "e.npz")!r}), ACTIONS)
        for t in range(45):
            session.apply(Step(t % 6))
        print("ready", flush=True)
        time.sleep(60)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    child.stdout.readline()
    child.kill()
    child.wait()
    assert replay.run(replay.Options(log=tmp_path / "s.jsonl", out=tmp_path / "again.npz"), FakeEngine()) == 0
    session = begun()
    wanted = [session.tick.frame, *(session.apply(Step(t % 6)).frame for t in range(45))]
    again = episodes.load(tmp_path / "again.npz")
    assert np.array_equal(again.image, np.stack(wanted))
    assert again.action[1:].tolist() == [t % 6 for t in range(45)]
