"""`run_sim.py evaluate --world voxel` and `demo story` from flags to files, with a small untrained model of that world."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import run_sim
from envs import episode as episodes
from models import checkpoint as checkpoints
from models.config import BarSize, EditsSize, HandsSize, Layer
from models.ego_motion import EgoMotion
from models.presets import PRESETS
from simulator.commands import demo
from simulator.evaluation import plan
from simulator.evaluation.voxel.scene import VoxelScene
from tests.models.tiny import SMALL, randomised
from tests.simulator.evaluation import fakes as mazes
from tests.simulator.evaluation.voxel import fakes

TINY = plan.Plan(
    n_mazes=1, n_frames=24, onestep_frames=24, score_every=8, control_every=8, reset_every=(9,), horizon_retrieval=(12, 6),
    horizon_reasoning=(12, 6), drift_context=4, drift_frames=10, standing_frames=10, cost_frames=12, craft_every=12,
    edit_returns=2, stories=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = {name: value for name, value in SMALL.items() if name not in ("image", "patch")}
    config = dataclasses.replace(
        PRESETS["voxel-small"](), layers=(Layer(),), bar=BarSize(), hands=HandsSize(), edits=EditsSize(), **small
    )
    folder = tmp_path_factory.mktemp("model") / "tiny"
    checkpoints.save(randomised(config), folder, ego_motion=EgoMotion(config).eval())
    return folder


def test_an_untrained_model_is_evaluated_from_the_command_line(
    checkpoint: Path, batch: list[VoxelScene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(plan, "quick", lambda: TINY)
    episodes.save(batch[0].episode.clip(0, 24), tmp_path / "voxel-00000007.npz")
    out = tmp_path / "out"
    flags = ["--checkpoint", str(checkpoint), "--data", str(tmp_path), "--out", str(out), "--quick", "--world", "voxel"]
    assert run_sim.main(["evaluate", *flags]) == 0
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    for mode in ("pose_given", "keys_only"):
        assert last[mode]["inventory"]["bars_right"] < 0.5
        assert last[mode]["whole_frame_psnr"] < last[mode]["copy_last_psnr"]
    assert "hotbar read back" in (out / "report.md").read_text()


def test_mazes_are_no_data_for_a_model_of_islands(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    mazes.make_folder(tmp_path / "mazes", 1, 10)
    flags = ["--checkpoint", str(checkpoint), "--data", str(tmp_path / "mazes"), "--out", str(tmp_path), "--world", "voxel"]
    assert run_sim.main(["evaluate", *flags]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "6 actions; expected 40" in said


@pytest.mark.parametrize(("flags", "message"), [({"gap": 9}, "--gap, --context"), ({"world": "memory-maze"}, "the story is")])
def test_the_story_says_what_it_does_not_take(batch: list[VoxelScene], tmp_path: Path, flags: dict, message: str):
    with pytest.raises(ValueError, match=message):
        demo.run(demo.Options(name="story", out=tmp_path, **flags), fakes.PerfectMemory(batch))
