"""`run_sim.py evaluate` from flags to the last line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import run_sim
from envs import episode as episodes
from simulator import load
from simulator.evaluation import plan
from tests.simulator.evaluation import fakes

TINY = plan.Plan(
    n_frames=40, onestep_frames=40, control_every=4, reset_every=(9,), horizon_retrieval=(20, 15), horizon_reasoning=(25, 10),
    drift_context=10, drift_frames=20, standing_frames=10, cost_frames=15,
)  # fmt: skip

PROMISED = (
    "onestep_psnr", "onestep_psnr_reset", "onestep_psnr_swapped", "whole_frame_psnr", "wall_colour_accuracy", "ball_hit_rate",
    "copy_last_psnr", "drift_psnr", "n_mazes", "interval95",
)  # fmt: skip


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
    assert any("at-all" in line for line in last["left_out"])
    assert list(json.loads((data.parent / "out" / "report.json").read_text())["baselines"]) == ["data"]


@pytest.mark.parametrize("more", [["--mazes", "0"], ["--data", "/nowhere/at-all"]])
def test_bad_flags_are_one_line_and_exit_code_two(data: Path, more: list[str], capsys: pytest.CaptureFixture[str]):
    assert run_sim.main(flags(data, *more)) == 2
    assert capsys.readouterr().err.count("\n") == 1
