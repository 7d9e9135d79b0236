"""Rows split over processes are the rows of one process: the same numbers drawn, the same windows, the same loss curve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from envs import episode as episodes
from models.checkpoint import read_tensors
from models.training.data import EpisodeWindows
from models.training.distributed import Ranks, join
from models.training.draws import Draws
from models.training.objective import Objective, diffusion_forcing
from models.training.trainer import Stage, TrainConfig, Trainer
from models.world_model import DRAWERS
from tests.models.tiny import FAMILIES, episode, inputs, randomised
from tests.models.train_tiny import train

CONFIG = FAMILIES["maze-small"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("episodes")
    for seed in range(5):
        episodes.save(episode(64, seed), folder / f"{seed}.npz")
    return folder


def torchrun(n, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
    script = str(Path(__file__).with_name("train_tiny.py"))
    done = subprocess.run([*command, script, *map(str, arguments)], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("streams", "stops"), [(1, [5]), (2, [3, 5])])
def test_two_processes_have_the_loss_curve_of_one_with_the_same_batch_also_after_a_resume(data, tmp_path, streams, stops):
    for n_steps in stops:
        train(data, tmp_path / "one", streams, n_steps, Ranks())
        torchrun(2, data, tmp_path / "two", streams, n_steps)
    assert_same_run(tmp_path / "one", tmp_path / "two")


def test_processes_that_split_the_weights_too_have_that_curve_and_one_or_several_go_on_where_the_others_stopped(data, tmp_path):
    for n_steps in (2, 3, 5):
        train(data, tmp_path / "one", 2, n_steps, Ranks())
        if n_steps == 3:
            train(data, tmp_path / "two", 2, n_steps, Ranks())
        else:
            torchrun(2, data, tmp_path / "two", 2, n_steps, "sharded")
    assert_same_run(tmp_path / "one", tmp_path / "two")


def assert_same_run(one, two):
    told = [[row for row in log(out) if "loss" in row] for out in (one, two)]
    assert [row["step"] for row in told[1]] == [0, 1, 2, 3, 4], "one process writes"
    for a, b in zip(*told, strict=True):
        assert a["frames"] == b["frames"] == 32
        for key, rounding in (("loss", 1e-5), ("psnr", 0.01), ("norm", 1e-3)):
            assert b[key] == pytest.approx(a[key], rel=5e-4, abs=2 * rounding), (a, b)  # sums run in another order
    scores = [[row["validation"]["whole"] for row in log(out) if "validation" in row] for out in (one, two)]
    assert len(scores[0]) == 2
    assert scores[1] == pytest.approx(scores[0], abs=0.03)
    tensors = [read_tensors(out / "resume.safetensors") for out in (one, two)]
    assert tensors[0].keys() == tensors[1].keys()
    for name, value in tensors[0].items():
        assert tensors[1][name].shape == value.shape, name
        if name.startswith("ema/"):
            torch.testing.assert_close(tensors[1][name], value, atol=5e-4, rtol=0, msg=name)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_of_every_kind_of_model_learns_which_averaging_over_processes_relies_on(family):
    model = randomised(FAMILIES[family]).requires_grad_(True)
    clean, _, control = inputs(model.config, 2, 6)
    for streams in (1, 2):
        model.zero_grad()
        result = diffusion_forcing(model, clean, control, model.init_state(2), Objective(streams=streams), Draws(1, 0, range(2)))
        result.loss.backward()
        idle = [name for name, parameter in model.named_parameters() if parameter.grad is None]
        assert [name for name in idle if not name.startswith(DRAWERS)] == [], "these are taught by themselves"


def test_what_is_drawn_for_a_row_is_the_same_in_any_company():
    whole, parts = Draws(1, 5, range(4)), [Draws(1, 5, range(2)), Draws(1, 5, range(2, 4))]
    for draw in (
        lambda draws, n: draws.rand(2 * n, 3), lambda draws, n: draws.randn(n, 40), lambda draws, n: draws.randint(3, 9, n, 5)
    ):  # fmt: skip
        assert torch.equal(draw(whole, 4), torch.cat([draw(part, 2) for part in parts]))
    assert not torch.equal(Draws(1, 5, range(4)).rand(4), Draws(1, 6, range(4)).rand(4))
    assert not torch.equal(Draws(1, 5, range(4)).rand(4), Draws(2, 5, range(4)).rand(4))
    assert len(Draws(1, 5, range(4)).rand(4).unique()) == 4
    with pytest.raises(ValueError, match="5 entries drawn for 4 rows; expected a multiple"):
        whole.rand(5)


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (0.25, 3), (0.5, 6), (1.0, 12)])
def test_a_share_of_the_rows_is_spread_evenly_over_processes_and_falls_on_all_in_time(share, n):
    met = torch.zeros(12)
    for step in range(60):
        some = Draws(1, step, range(12)).some(share)
        parts = [Draws(1, step, range(first, first + 4)).some(share) + first for first in (0, 4, 8)]
        assert torch.equal(some, torch.cat(parts))
        assert [len(part) for part in parts] == [n / 3] * 3
        met[some] += 1
    assert (met > 0).all() if n else not met.any()


def test_the_windows_of_a_row_do_not_depend_on_the_other_rows(data):
    def windows(rows):
        return iter(EpisodeWindows(data, CONFIG, rows, 16, seed=3, retrace_share=0.5))

    whole, parts = windows(range(4)), [windows(range(2)), windows(range(2, 4))]
    for _ in range(12):
        batch, halves = next(whole), [next(part) for part in parts]
        assert torch.equal(batch.frames, torch.cat([half.frames for half in halves]))
        assert torch.equal(batch.fresh, torch.cat([half.fresh for half in halves]))
        for together, alone in zip(batch.control, zip(*(half.control for half in halves), strict=True), strict=True):
            assert torch.equal(together, torch.cat(alone))


def test_rows_that_cannot_be_split_evenly_are_refused_before_the_run_begins(data, tmp_path):
    train = TrainConfig(stages=(Stage(until=0.5, n_frames=8, n_rows=4), Stage(until=1.0, n_frames=16, n_rows=3)))
    with pytest.raises(ValueError, match="3 rows cannot be split evenly over 2 processes; give each stage a multiple of 2"):
        Trainer(CONFIG, train, data, None, tmp_path, Ranks(rank=1, n=2))


def test_without_torchrun_a_run_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join("cpu") == (Ranks(rank=0, n=1), "cpu")
