"""A checkpoint folder there and back, and one line for every way it can be broken."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from envs import episode as episodes
from models import checkpoint
from models.belief import BeliefProbe
from models.checkpoint import CheckpointError
from models.ego_motion import EgoMotion
from tests.models.tiny import FAMILIES, episode, inputs, randomised

CONFIG = FAMILIES["map-and-ssd"]


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    checkpoint.save(randomised(CONFIG), tmp_path / "ck", ego_motion=EgoMotion(CONFIG))
    (tmp_path / "ck" / "contexts").mkdir()
    episodes.save(episode(5), tmp_path / "ck" / "contexts" / "hall.npz")
    return tmp_path / "ck"


def refused(folder, message):
    with pytest.raises(CheckpointError, match=message) as caught:
        checkpoint.load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_what_is_saved_is_loaded(folder):
    loaded = checkpoint.load(folder)
    args = (*inputs(CONFIG, 2, 3), loaded.model.init_state(2))
    with torch.no_grad():
        assert torch.equal(loaded.model(*args)[0], randomised(CONFIG)(*args)[0])
    assert loaded.model.config == CONFIG
    assert not loaded.model.training
    assert loaded.ego_motion is not None
    assert list(loaded.contexts) == ["hall"]
    assert len(loaded.contexts["hall"]) == 5


def test_a_model_without_ego_motion_says_so(tmp_path):
    checkpoint.save(randomised(CONFIG), tmp_path / "ck")
    assert checkpoint.load(tmp_path / "ck").ego_motion is None


def test_saving_again_keeps_clips_and_leaves_nothing_behind(folder):
    checkpoint.save(randomised(CONFIG, seed=1), folder)
    assert list(checkpoint.load(folder).contexts) == ["hall"]
    assert [path.name for path in folder.parent.iterdir()] == ["ck"]


def test_half_precision_weights_are_half_the_size_and_load(folder):
    full = (folder / "model.safetensors").stat().st_size
    checkpoint.save(randomised(CONFIG), folder, dtype=torch.bfloat16)
    assert (folder / "model.safetensors").stat().st_size < 0.65 * full
    assert next(checkpoint.load(folder).model.parameters()).dtype == torch.float32


def test_the_fingerprint_changes_with_any_weight_or_setting_and_with_nothing_else(folder):
    first = checkpoint.load(folder).fingerprint
    assert len(first) == 16
    (folder / "card.md").write_text("a card")
    assert checkpoint.load(folder).fingerprint == first
    for name, key in (("model.safetensors", "head.bias"), ("ego_motion.safetensors", "out.bias")):
        weights = load_file(folder / name)
        weights[key][0] += 1e-3
        save_file(weights, folder / name)
        second = checkpoint.load(folder).fingerprint
        assert second != first
        first = second
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"world": "elsewhere"}))
    assert checkpoint.load(folder).fingerprint != first


def test_a_probe_of_beliefs_is_loaded_with_its_own_model_alone_and_is_part_of_the_fingerprint(folder):
    first, weights = checkpoint.load(folder), checkpoint.fingerprint_of_weights(folder)
    assert first.belief is None
    probe = BeliefProbe(CONFIG)
    checkpoint.save_belief(probe, folder, weights)
    loaded = checkpoint.load(folder)
    assert loaded.fingerprint != first.fingerprint  # believed walls stop the player
    assert checkpoint.fingerprint_of_weights(folder) == weights
    assert loaded.belief is not None
    assert torch.equal(loaded.belief.tell.weight, probe.tell.weight)
    checkpoint.save(randomised(CONFIG, seed=1), folder)
    assert checkpoint.load(folder).belief is None
    with pytest.raises(CheckpointError, match="holds other weights now than those the probe was trained on"):
        checkpoint.save_belief(probe, folder, weights)
    assert checkpoint.load(folder).belief is None


def test_a_missing_folder_is_named(tmp_path):
    refused(tmp_path / "none", "no such checkpoint folder")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, name)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "ego_motion.safetensors", "belief.safetensors"])
@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_truncated_file_is_named(folder, name, keep):
    checkpoint.save_belief(BeliefProbe(CONFIG), folder, checkpoint.fingerprint_of_weights(folder))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(keep * len(content))])
    refused(folder, name)
    if name == "belief.safetensors":
        assert checkpoint.load(folder, belief=False).belief is None, "so that the probe can be trained again"


@pytest.mark.parametrize(
    "content", [b"\x80\x04\x95pickle", b"[1, 2]", b'{"format_version": 99}', b'{"format_version": 1, "d_modle": 3}']
)
def test_a_foreign_configuration_is_refused(folder, content):
    (folder / "config.json").write_bytes(content)
    refused(folder, "config.json")


def test_another_models_weights_are_refused(folder, tmp_path):
    checkpoint.save(randomised(FAMILIES["maze-attention"]), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", folder / "model.safetensors")
    refused(folder, "not this model's weights; missing .*mixer")


@pytest.mark.parametrize("name", ["model.safetensors", "ego_motion.safetensors"])
def test_weights_that_are_not_numbers_are_refused(folder, name):
    weights = load_file(folder / name)
    key = next(key for key, value in weights.items() if value.ndim == 2)
    weights[key][0, 0] = float("nan")
    save_file(weights, folder / name)
    refused(folder, f"{key} holds NaN or infinite numbers; expected finite weights: copy or train it again")


def test_weights_of_another_shape_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights["head.bias"] = weights["head.bias"][:-1].clone()
    save_file(weights, folder / "model.safetensors")
    refused(folder, r"head.bias has shape \(95,\); expected \(96,\)")


def test_a_broken_clip_is_named(folder):
    (folder / "contexts" / "hall.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"hall.npz: not a readable npz"):
        checkpoint.load(folder)
    assert checkpoint.load(folder, contexts=False).contexts == {}


def test_a_failed_save_leaves_the_old_checkpoint_whole(folder, monkeypatch):
    first = checkpoint.load(folder).fingerprint
    monkeypatch.setattr(checkpoint, "save_file", lambda *_: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(randomised(CONFIG, seed=1), folder)
    assert checkpoint.load(folder).fingerprint == first
    assert [path.name for path in folder.parent.iterdir()] == ["ck"]
