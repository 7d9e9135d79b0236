"""record and replay from flags to files; errors in one line."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import run_sim
import simulator
from envs import episode as episodes
from simulator.commands import record
from simulator.drivers import Explorer, Wanderer, driver, read_actions
from simulator.rates import chosen_rate, default_rate, rates
from simulator.session_file import read_session
from tests.simulator.fakes import ACTIONS, FakeEngine, walk
from tests.simulator.playing import begun, play


@pytest.fixture(autouse=True)
def fake_load(monkeypatch):
    """Every checkpoint is the fake engine."""

    class Load:
        @staticmethod
        def load_engine(checkpoint, world, *, n_steps=None, device="auto"):
            if checkpoint is not None and not checkpoint.is_dir():
                raise ValueError(f"{checkpoint}: no such folder")
            return FakeEngine(n_steps=n_steps or 4)

    monkeypatch.setitem(sys.modules, "simulator.load", Load)
    monkeypatch.setattr(simulator, "load", Load, raising=False)


def frames_in(path):
    return list(iio.imiter(path, plugin="FFMPEG" if path.suffix == ".mp4" else "pillow"))


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
@pytest.mark.parametrize("policy", ["explore", "random"])
def test_a_recording_is_made_again_from_its_log(tmp_path, capsys, suffix, policy):
    a, b = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    assert run_sim.main(["record", "--frames", "20", "--out", str(a), "--policy", policy, "--seed", "3", "--steps", "2"]) == 0
    assert run_sim.main(["replay", str(a.with_suffix(".jsonl")), "--out", str(b)]) == 0
    assert "21 of 21 frames are identical" in capsys.readouterr().out
    assert len(frames_in(a)) == 20
    assert a.read_bytes() == b.read_bytes()


def test_recorded_actions_from_every_kind_of_file(tmp_path):
    clip = walk(9, 32, 3)
    episodes.save(clip, tmp_path / "a.npz")
    session = begun(path=tmp_path / "a.jsonl")
    play(session, [1, 2, 5])
    session.close()
    (tmp_path / "a.txt").write_text("forward\nleft\n4\n")
    assert read_actions(tmp_path / "a.npz", ACTIONS) == clip.action[1:].tolist()
    assert read_actions(tmp_path / "a.jsonl", ACTIONS) == [1, 2, 5]
    (tmp_path / "cut.jsonl").write_bytes((tmp_path / "a.jsonl").read_bytes()[:-5])
    assert read_actions(tmp_path / "cut.jsonl", ACTIONS) == [1, 2], "what a killed program left plays up to its last whole line"
    assert read_actions(tmp_path / "a.txt", ACTIONS) == [1, 2, 4]
    recorded = driver(str(tmp_path / "a.txt"), ACTIONS, 0)
    assert [recorded.act(np.zeros(1), {}) for _ in range(5)] == [1, 2, 4, 0, 0]
    (tmp_path / "b.txt").write_text("forward\nfly\n")
    with pytest.raises(ValueError, match="unknown action 'fly'"):
        read_actions(tmp_path / "b.txt", ACTIONS)


def test_a_recording_starts_from_a_clip_and_its_log_remembers_which(tmp_path):
    clip = tmp_path / "walk.npz"
    episodes.save(walk(9, 32, 3), clip)
    out = tmp_path / "a.mp4"
    assert run_sim.main(["record", "--frames", "3", "--out", str(out), "--context", str(clip), "--at", "4"]) == 0
    saved = read_session(out.with_suffix(".jsonl"))
    assert (saved.records[0].intent.clip, saved.records[0].intent.frame) == ("walk", 4)
    assert run_sim.main(["replay", str(out.with_suffix(".jsonl"))]) == 0
    episodes.save(walk(9, 32, 4), clip)
    assert run_sim.main(["replay", str(out.with_suffix(".jsonl"))]) == 2


def test_a_replay_that_differs_has_exit_code_1(tmp_path, capsys):
    out = tmp_path / "a.mp4"
    run_sim.main(["record", "--frames", "3", "--out", str(out)])
    log = out.with_suffix(".jsonl")
    lines = log.read_text().splitlines()
    lines[2] = lines[2].replace('"h":"', '"h":"x')
    log.write_text("\n".join(lines) + "\n")
    assert run_sim.main(["replay", str(log)]) == 1
    assert "frames differ from record 1 of 4 on (1 in all)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--frames", "-3"], "--frames -3; expected 1 or more"),
        (["--frames", "0"], "--frames 0; expected 1 or more"),
        (["--steps", "0"], "--steps 0"),
        (["--seed", "-1"], "--seed -1; expected 0 or more"),
        (["--fps", "0"], "0.0 ticks a second"),
        (["--policy", "dance"], "no driver 'dance'; known: explore, random"),
        (["--real", "--beside"], "give one of them"),
        (["--context", "nowhere.npz"], "nowhere.npz: no such file"),
        (["--at", "99"], "frame 99 is outside clip 'hall'"),
        (["--checkpoint", "nowhere"], "nowhere: no such folder"),
        (["--world", "mars", "--real"], "unknown world 'mars'; known: memory-maze"),
    ],
)
def test_bad_flags_are_one_line_and_exit_code_2(tmp_path, capsys, flags, message):
    assert run_sim.main(["record", "--out", str(tmp_path / "a.mp4"), *flags]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize("out", ["/dev/full/x.mp4", "x.avi"])
def test_an_output_that_cannot_be_is_refused_before_anything_is_dreamt(capsys, out):
    assert run_sim.main(["record", "--out", out]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_failed_recording_leaves_the_older_video_its_log_and_the_policy_it_would_overwrite(tmp_path, monkeypatch, capsys):
    out = tmp_path / "a.mp4"
    assert run_sim.main(["record", "--frames", "3", "--out", str(out)]) == 0
    before, log = out.read_bytes(), out.with_suffix(".jsonl").read_bytes()
    assert run_sim.main(["record", "--frames", "3", "--out", str(out), "--checkpoint", "nowhere"]) == 2
    assert run_sim.main(["record", "--frames", "3", "--out", str(out), "--policy", str(out.with_suffix(".jsonl"))]) == 2
    assert "choose another --out" in capsys.readouterr().err
    monkeypatch.setattr(FakeEngine, "imagine", lambda *_: (_ for _ in ()).throw(ValueError("no keys")))
    assert run_sim.main(["record", "--frames", "3", "--out", str(out)]) == 2
    assert sorted(tmp_path.iterdir()) == [out.with_suffix(".jsonl"), out]
    monkeypatch.setattr(FakeEngine, "has_ego_motion", False)
    assert run_sim.main(["record", "--frames", "3", "--out", str(out)]) == 2
    assert "no ego-motion, so keys alone cannot drive it; go on with its training" in capsys.readouterr().err
    assert (out.read_bytes(), out.with_suffix(".jsonl").read_bytes()) == (before, log)


def test_a_disk_that_fills_while_recording_is_exit_code_2(tmp_path, capsys):
    (tmp_path / "x.mp4").symlink_to("/dev/full")
    assert run_sim.main(["record", "--out", str(tmp_path / "x.mp4"), "--frames", "400"]) == 2
    assert "No space left" in capsys.readouterr().err


def test_replay_of_nothing_is_one_line(tmp_path, capsys):
    assert run_sim.main(["replay", str(tmp_path / "none.jsonl")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_rates_are_named_and_natural_is_told():
    assert [rate.name for rate in rates(4.0)] == ["natural", "smooth", "fast"]
    assert [rate.name for rate in rates(20.0)] == ["natural", "fast"]
    assert default_rate(4.0).describe(4.0) == "10 Hz smooth (natural 4 Hz)"
    assert chosen_rate(4.0, 4.0).describe(4.0) == "4 Hz natural"


def test_the_wanderer_turns_away_from_walls():
    wanderer, pose = Wanderer(ACTIONS, 0), np.zeros(5)
    stuck = [wanderer.act(np.zeros(1), {"pose": pose}) for _ in range(12)]
    assert {2, 3} & set(stuck)


def test_the_explorer_plans_anew_where_time_jumps():
    explorer, layout = Explorer(ACTIONS, 0), np.ones((5, 5), np.uint8)
    info = {"pose": np.array([1.5, 1.5, 0, 0, 0]), "maze_layout": layout}
    plans = []
    for t in (0, 1, 2, 7, 8):
        explorer.act(np.zeros(1), {**info, "t": t})
        plans.append(explorer._policy)
    assert plans[0] is plans[1] is plans[2]
    assert plans[3] is plans[4] is not plans[2]


def test_options_are_frozen_and_keyword_only():
    options = record.Options(out=Path("x.mp4"))
    with pytest.raises(AttributeError):
        options.frames = 3  # type: ignore[misc]
    assert replace(options, frames=3).frames == 3
