"""From a folder and a device to an engine, or one line that says why not."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from models import checkpoint as checkpoints
from models.checkpoint import CheckpointError
from simulator import load
from simulator.load import choose_device, load_engine
from tests.models.tiny import FAMILIES, randomised

CONFIG = FAMILIES["maze-small"]


@pytest.fixture
def folder(tmp_path):
    checkpoints.save(randomised(CONFIG), tmp_path / "ck")
    return tmp_path / "ck"


def test_a_checkpoint_becomes_an_engine_that_says_what_it_runs_on_and_why(folder):
    engine = load_engine(folder, "memory-maze", n_steps=3, device="cpu")
    assert (engine.world, engine.n_steps, engine.fps, engine.actions.n_actions) == ("memory-maze", 3, 4.0, 6)
    assert engine.frame_shape == (16, 16, 3)
    assert engine.fingerprint == checkpoints.fingerprint(folder)
    for word in ("cpu", "float32", torch.__version__.split("+")[0], "thread", "asked for"):
        assert word in engine.description


def test_the_model_shipped_for_a_world_is_found_without_being_named(folder, monkeypatch):
    folder.rename(folder.with_name("memory-maze"))
    monkeypatch.setattr(load, "SHIPPED", folder.parent)
    assert load_engine(None, "memory-maze").world == "memory-maze"
    with pytest.raises(ValueError, match="no model is shipped for world 'atlantis'; shipped: memory-maze; give --checkpoint DIR"):
        load_engine(None, "atlantis")


def test_a_model_of_another_world_is_refused_by_name(folder, tmp_path):
    with pytest.raises(ValueError, match="is a model of 'memory-maze', not of 'voxel'; give --world memory-maze"):
        load_engine(folder, "voxel")
    checkpoints.save(randomised(dataclasses.replace(CONFIG, world="atlantis")), tmp_path / "other")
    with pytest.raises(ValueError, match="unknown world 'atlantis'; known: memory-maze"):
        load_engine(tmp_path / "other", "atlantis")


def test_a_model_whose_frames_see_later_ones_is_refused_for_play(tmp_path):
    checkpoints.save(randomised(dataclasses.replace(CONFIG, chunk=2, window=2)), tmp_path / "ck")
    with pytest.raises(ValueError, match="ck has chunk 2: its frames see later ones, which a live player has not") as caught:
        load_engine(tmp_path / "ck", "memory-maze")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("broken", ["missing", "empty", "foreign"])
def test_what_is_no_checkpoint_is_one_line(folder, broken):
    if broken == "missing":
        folder = folder.with_name("none")
    elif broken == "empty":
        (folder / "model.safetensors").write_bytes(b"")
    else:
        (folder / "config.json").write_text(json.dumps({"model": "resnet"}))
    with pytest.raises(CheckpointError, match=str(folder)) as caught:
        load_engine(folder, "memory-maze")
    assert "\n" not in str(caught.value)


def test_an_absent_device_names_the_ones_there_are():
    with pytest.raises(ValueError, match="device 'tpu' is not available here; available: cpu"):
        choose_device("tpu")
    assert choose_device("cpu") == ("cpu", "asked for")
    assert choose_device("auto")[0] in ("cpu", "cuda", "mps")
