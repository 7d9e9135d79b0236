"""From episodes on disk to a folder that plays: the whole `train` command at toy size."""

from __future__ import annotations

import signal
from dataclasses import replace

import numpy as np
import pytest
from safetensors import SafetensorError

from envs import episode as episodes
from models import checkpoint
from models.checkpoint import CheckpointError
from models.training.objective import Objective
from models.training.saved import steps_done
from models.training.trainer import Stage, Trainer
from simulator.commands import train
from simulator.load import load_engine
from tests.models.tiny import FAMILIES, episode


def test_what_train_leaves_behind_plays_from_its_own_start_clips(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "preset", lambda name: FAMILIES["maze-small"])
    data, held_out, out = (tmp_path / name for name in ("data", "held-out", "run"))
    for folder, seeds in ((data, range(3)), (held_out, range(3, 6))):
        folder.mkdir()
        for seed in seeds:
            episodes.save(episode(80, seed), folder / f"{seed}.npz")
    options = train.Options(
        data=data, out=out, validation=held_out, steps=2, stages=(Stage(until=1.0, n_frames=8, n_rows=2),),
        objective=Objective(own_frames=2, hold_share=0.5, novelty=1.0), retrace_share=0.5, compile=False, bf16=False,
        ego_motion_steps=3, start_clips=2,
    )  # fmt: skip
    assert train.run(options) == 0
    assert f"trained: {out / 'model'}" in capsys.readouterr().out
    engine = load_engine(out / "model", "memory-maze")
    assert sorted(engine.contexts) == ["3", "4"]
    moment = engine.begin([engine.contexts["3"]], seed=1)
    after = engine.step(moment, np.array([1]))
    assert after.frame.shape == (1, 16, 16, 3)
    assert after.t == 81


@pytest.mark.parametrize("save", [None, "full"])
def test_a_run_that_is_told_to_stop_is_saved_first_and_goes_on_from_there(tmp_path, monkeypatch, capsys, save):
    monkeypatch.setattr(train, "preset", lambda name: FAMILIES["maze-small"])
    (tmp_path / "data").mkdir()
    for seed in range(2):
        episodes.save(episode(80, seed), tmp_path / "data" / f"{seed}.npz")
    options = train.Options(
        data=tmp_path / "data", out=tmp_path / "run", steps=50, stages=(Stage(until=1.0, n_frames=8, n_rows=2),),
        objective=Objective(own_frames=2), compile=False, bf16=False, ego_motion_steps=0,
    )  # fmt: skip
    one_step = Trainer._one_step
    monkeypatch.setattr(Trainer, "_one_step", lambda self, *given: (_interrupt(self.step == 2), one_step(self, *given))[1])
    if save == "full":
        monkeypatch.setattr(checkpoint, "save_file", lambda *_: (_ for _ in ()).throw(SafetensorError("No space left on device")))
        with pytest.raises(
            OSError, match=r"model.safetensors: could not be written .*No space left.*; free some space and go on"
        ):
            train.run(options)
        assert [path.name for path in options.out.iterdir()] == ["log.jsonl"]
        return
    with pytest.raises(CheckpointError, match="no run was saved there to go on with; leave out --resume"):
        train.run(replace(options, resume=True))
    with pytest.raises(KeyboardInterrupt):
        train.run(options)
    assert "once more stops at once" in capsys.readouterr().err
    assert steps_done(options.out) == 3
    assert train.run(replace(options, resume=True, steps=4)) == 0
    assert steps_done(options.out) == 4


def _interrupt(now):
    if now:
        signal.raise_signal(signal.SIGINT)


def test_splitting_the_weights_over_a_single_process_is_refused_in_a_line(tmp_path, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(ValueError, match="over processes, and there is one; start more with torchrun, or leave it out"):
        train.run(train.Options(data=tmp_path, out=tmp_path / "run", shard=True))
