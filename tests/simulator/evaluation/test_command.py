"""`run_sim.py evaluate` from flags to the last line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import run_sim
from envs import episode as episodes
from simulator import load
from simulator.evaluation import maze, plan, scenes
from tests.simulator.evaluation import fakes

TINY = plan.Plan(
    n_frames=40, onestep_frames=40, control_every=4, reset_every=(9,), horizon_retrieval=(20, 15), horizon_reasoning=(25, 10),
    drift_context=10, drift_frames=20, standing_frames=10, cost_frames=15,
)  # fmt: skip

QUICK = plan.quick
AGES = {"age_lt3", "age_3_8", "age_9_24", "age_25_64", "age_65_256", "age_gt256", "first_seen"}
BY_AGE = ("onestep_psnr", "onestep_psnr_reset", "onestep_psnr_swapped", "wall_colour_accuracy")
PROMISED = ("whole_frame_psnr", "ball_hit_rate", "copy_last_psnr", "drift_psnr", "n_mazes", "interval95")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = fakes.make_folder(tmp_path / "data", 2, 40)
    truth = [episodes.load(path) for path in sorted(folder.glob("*.npz"))]

    def load_engine(checkpoint: Path, world: str, **_: object) -> fakes.Fake:
        if not checkpoint.exists():
            raise ValueError(f"{checkpoint} is no checkpoint")
        return fakes.PerfectMemory(truth)

    monkeypatch.setattr(load, "load_engine", load_engine)
    monkeypatch.setattr(plan, "quick", lambda: TINY)
    return folder


def flags(data: Path, *more: str) -> list[str]:
    return ["evaluate", "--checkpoint", str(data), "--data", str(data), "--out", str(data.parent / "out"), "--quick", *more]


def test_the_last_line_is_the_summary_and_bad_baselines_are_left_out(data: Path, capsys: pytest.CaptureFixture[str]):
    assert run_sim.main(flags(data, "--baselines", str(data), "/nowhere/at-all")) == 0
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert last["n_mazes"] == 2
    for mode in ("pose_given", "keys_only"):
        assert set(PROMISED) <= set(last[mode])
        assert all(set(last[mode][name]) == AGES for name in BY_AGE)
        assert len(last[mode]["drift_psnr"]) == 10
        for dream in ("retrieval_20_15", "reasoning_25_10"):
            assert {"psnr", "ssim", "perceptual", "perceptual_net"} <= set(last[mode][dream])
    assert any("at-all" in line for line in last["left_out"])
    assert list(json.loads((data.parent / "out" / "report.json").read_text())["baselines"]) == ["data"]


@pytest.mark.parametrize("more", [["--mazes", "0"], ["--data", "/nowhere/at-all"]])
def test_bad_flags_are_one_line_and_exit_code_two(data: Path, more: list[str], capsys: pytest.CaptureFixture[str]):
    assert run_sim.main(flags(data, *more)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_short_episodes_of_one_maze_cannot_tell_is_null_and_said(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    short = replace(QUICK(), cost_frames=12)
    monkeypatch.setattr(plan, "quick", lambda: short)
    (data / "y-1.npz").rename(data / "y-1.txt")
    assert run_sim.main(flags(data)) == 0
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    for mode in ("pose_given", "keys_only"):
        found = last[mode]
        assert found["n_mazes"] == 1
        assert all(set(found[name]) == AGES for name in BY_AGE)
        assert found["onestep_psnr"]["age_lt3"] == 60
        assert set(found["onestep_psnr_swapped"].values()) == {None}
        assert [found[name] for name in ("retrieval_400_400", "reasoning_576_224", "drift_psnr")] == [None] * 3
        told = " ".join(last["left_out"])
        for name in ("retrieval_400_400", "reasoning_576_224", "drift"):
            assert f"{name} ({mode.replace('_', ' ')}): needs" in told


def test_of_many_files_of_many_lengths_as_many_frames_as_can_be_are_used_and_the_rest_is_said(tmp_path: Path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for i, n_frames in enumerate((12, 30, 31, 40, 30, 30)):
        episodes.save(fakes.make_episode(n_frames, i), tmp_path / "deep" / "er" / f"{i} of Run.npz")
    found, left_out = scenes.load_scenes(tmp_path, (64, 64, 3), 6, 5, 35, maze.make_scene)
    assert [(one.name, len(one)) for one in found] == [(f"deep/er/{i} of Run.npz", 30) for i in (1, 2, 3, 4)]
    assert left_out == [
        "1 further files: 5 episodes are enough for this plan; --mazes takes more",
        "deep/er/0 of Run.npz: 12 frames; the others have 30 or more, evaluate it on its own",
    ]
