"""The table of baselines and ablations: every row trained alike, scored alike, and what it gains told rightly."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import tyro

import run_sim
from models.presets import PRESETS, preset
from models.training.objective import Objective
from models.training.trainer import Stage, TrainConfig, Trainer
from simulator.commands import compare as command
from simulator.commands import train
from simulator.evaluation import compare, compare_report, maze, rows
from simulator.evaluation.plan import Plan
from simulator.evaluation.tally import AGE_BINS
from tests.simulator.evaluation import fakes

PLAN = Plan(n_mazes=2, n_frames=80, onestep_frames=80, horizon_retrieval=(35, 30), horizon_reasoning=(50, 20), drift_context=20)
SHORT = Plan(n_mazes=2, n_frames=24, onestep_frames=12, horizon_retrieval=(8, 6), horizon_reasoning=(10, 4), drift_context=4)
OLD = ("age_3_8", "age_9_24")


@pytest.fixture(scope="module")
def batch() -> list[maze.MazeScene]:
    return [maze.make_scene(str(seed), fakes.make_episode(80, seed)) for seed in range(2)]


@pytest.fixture(scope="module")
def found(batch: list[maze.MazeScene]) -> dict:
    """A perfect memory twice and an amnesiac once, as if they were rows."""
    truth = [scene.episode for scene in batch]
    perfect, amnesiac = (
        json.loads(json.dumps(compare.score(fake(truth), batch, PLAN))) for fake in (fakes.PerfectMemory, fakes.Amnesiac)
    )
    return {rows.OURS: {0: perfect, 1: amnesiac}, rows.REFERENCE: {0: amnesiac}, "maze-paper": {0: perfect}}


def test_the_gain_over_the_reference_is_the_difference_in_decibels_by_age(found: dict):
    told = compare.table(rows.ROWS, found)
    gain = told["maze-paper"]["gain"][rows.REFERENCE]
    for age in OLD:
        difference = told["maze-paper"]["onestep_psnr"][age] - told[rows.REFERENCE]["onestep_psnr"][age]
        assert gain["onestep_psnr"][age] == pytest.approx(difference, abs=1e-3)
        assert gain["interval95"]["onestep_psnr"][age][0] > 20
    assert gain["onestep_psnr"]["first_seen"] == 0, "nobody can remember what was never seen"
    assert gain["retrieval_35_30"] > 20
    assert told[rows.REFERENCE]["gain"][rows.REFERENCE]["whole_frame_psnr"] == 0
    assert told["maze-paper"]["ball_hit_rate"] == 1.0 > told[rows.REFERENCE]["ball_hit_rate"]


def test_seeds_are_taken_together_and_their_spread_is_told(found: dict):
    ours = compare.table(rows.ROWS, found)[rows.OURS]
    apart = compare.spread(ours["by_seed"], "onestep_psnr", "age_9_24")
    assert apart == pytest.approx(
        ours["by_seed"][0]["onestep_psnr"]["age_9_24"] - ours["by_seed"][1]["onestep_psnr"]["age_9_24"], abs=1e-3
    )
    assert (
        ours["by_seed"][1]["onestep_psnr"]["age_9_24"]
        < ours["onestep_psnr"]["age_9_24"]
        < ours["by_seed"][0]["onestep_psnr"]["age_9_24"]
    )
    assert compare.spread({0: ours["by_seed"][0]}, "whole_frame_psnr") is None


def test_rows_are_named_presets_and_unknown_ones_are_refused():
    assert len({row.name for row in rows.ROWS}) == len(rows.ROWS)
    assert all(row.preset in PRESETS for row in rows.ROWS)
    assert [row.name for row in rows.chosen("maze-small,maze-attention")] == ["maze-attention", "maze-small"]
    with pytest.raises(ValueError, match="unknown row 'maze-big'; known: maze-attention, "):
        rows.chosen("maze-small,maze-big")


def test_every_row_differs_from_every_other():
    made = [(preset(row.preset), row.forget_share, row.recall_share) for row in rows.ROWS]
    assert all(one not in made[:i] for i, one in enumerate(made))


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> command.Options:
    for name in ("maze-attention", "maze-small"):
        config = preset(name)
        small = replace(config, d_model=32, d_head=16, layers=config.layers[-1:], mlp_ratio=1.0, nearness=(0.0,), d_condition=16)
        monkeypatch.setitem(PRESETS, name, partial(replace, small))
    monkeypatch.setattr(command, "Plan", lambda: SHORT)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    data, held_out = (fakes.make_folder(tmp_path / name, 2, 24) for name in ("data", "held-out"))
    return command.Options(
        data=data, held_out=held_out, out=tmp_path / "table", steps=2, rows="maze-attention,maze-small", compile=False,
        bf16=False, stages=(Stage(until=1.0, n_frames=8, n_rows=1),), objective=Objective(target_share=0.5), device="cpu",
    )  # fmt: skip


def test_one_command_trains_scores_and_tells_of_every_row_and_goes_on_where_it_stopped(
    options: command.Options, capsys: pytest.CaptureFixture[str]
):
    stopped = options.out / "maze-small" / "seed-0"
    config = TrainConfig(n_steps=2, stages=options.stages, objective=options.objective, bf16=False)
    half = Trainer(preset("maze-small"), config, options.data, None, stopped)
    half._run_stage(config.stages[0], 1, seed=0)
    half.save()
    assert command.run(options) == 0
    said = capsys.readouterr().out
    assert "[2 of 2] maze-small, seed 0" in said
    results = json.loads((options.out / "compare.json").read_text())
    assert list(results["rows"]) == ["maze-attention", "maze-small"]
    steps = [json.loads(line) for line in (stopped / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if "step" in line] == [0, 1]
    assert results["rows"]["maze-small"]["resumed_at"] == {"0": [1]}
    assert results["rows"]["maze-attention"]["resumed_at"] == {"0": []}
    assert results["recipe"]["n_frames"] == 16
    told = (options.out / "compare.md").read_text()
    assert "Gain over `maze-attention`, dB:" in told
    assert "--steps 2" in results["command"]
    assert (options.out / "compare.png").stat().st_size > 1000
    assert json.loads(said.strip().splitlines()[-1]).keys() == results["rows"].keys()

    before = (stopped / "model" / "model.safetensors").stat().st_mtime_ns
    assert command.run(options) == 0
    again = capsys.readouterr().out
    assert again.count("already trained") == again.count("already scored") == 2
    assert (stopped / "model" / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 3}, "was begun with steps 2, not 3; give the same, or another --out"),
        ({"objective": Objective(streams=1)}, "was begun with objective "),
        ({"rows": "maze-big"}, "unknown row 'maze-big'"),
        ({"seeds": "0,one"}, "--seeds '0,one'; expected whole numbers"),
        ({"mazes": 0}, "--mazes 0 must be at least 1"),
        ({"steps": 0}, "--steps 0; expected at least 1"),
    ],
)
def test_what_would_make_rows_unequal_or_cannot_be_done_is_refused(
    options: command.Options, monkeypatch: pytest.MonkeyPatch, changes: dict, message: str
):
    monkeypatch.setattr(command, "_train", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        command.run(options)
    with pytest.raises(ValueError, match=message):
        command.run(replace(options, **changes))


def test_mazes_that_were_trained_on_are_not_scored_on(options: command.Options):
    with pytest.raises(ValueError, match="is both --data and --held-out"):
        command.run(replace(options, held_out=options.data))


def test_rows_that_are_trained_otherwise_differ_in_that_alone(options: command.Options, monkeypatch: pytest.MonkeyPatch):
    asked: list[train.Options] = []
    monkeypatch.setattr(command.train, "run", asked.append)
    for row in rows.chosen("maze-small,maze-small-windows,maze-small-recall"):
        command._train(options, row, 3, options.out / row.name)
    one, other, third = asked
    assert (one.forget_share, other.forget_share) == (0.05, 1.0)
    assert replace(one, forget_share=1.0, out=other.out) == other
    assert (one.objective.recall_share, third.objective.recall_share) == (0.0, 0.5)
    assert replace(one, objective=third.objective, out=third.out) == third
    assert (one.seed, one.preset, one.ego_motion_steps) == (3, "maze-small", 0)


def test_the_flags_told_make_the_same_options_again(options: command.Options):
    plain = train.Recipe(data=Path())
    stages = tuple(replace(stage, n_rows=2, dreaming=not stage.dreaming) for stage in plain.stages)
    told = replace(plain, data=options.data, lr=0.01, bf16=False, stages=stages, objective=options.objective)
    assert tyro.cli(train.Recipe, args=command._flags(told, plain)) == told


def test_rows_can_be_listed(options: command.Options, capsys: pytest.CaptureFixture[str]):
    flags = ["compare", "--data", str(options.data), "--held-out", str(options.held_out), "--out", str(options.out)]
    assert run_sim.main([*flags, "--rows", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [row.name for row in rows.ROWS]


def test_the_report_leaves_out_what_was_not_scored_and_says_what_was_unequal(found: dict):
    told = compare.table(rows.ROWS, found)
    for row in told.values():
        row |= {"n_parameters": 5, "seconds_per_step": 1.5, "resumed_at": {"0": []}}
    recipe = {"steps": 2, "n_frames": 10, "n_episodes": 3, "lr": 0.02}
    results = {"recipe": recipe, "rows": told, "seeds": [0, 1], "command": "a", "command_of_a_row": "b", "left_out": ["c"]}
    text = compare_report.text(results, ["compare.png"])
    assert "## Ablations" not in text
    assert text.count("| `maze-paper` |") == 6
    assert "Seeds lie apart" in text
    assert "- c" in text
    assert len(AGE_BINS) == len(compare_report.AGES)
