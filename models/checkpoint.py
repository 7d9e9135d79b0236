"""A checkpoint folder <-> config, weights, start clips, fingerprint. Safetensors and json only: nothing that can run code."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from envs import episode as episodes
from envs.episode import Episode
from models.belief import BeliefProbe
from models.config import ModelConfig
from models.ego_motion import EgoMotion
from models.plain import from_dict, to_dict
from models.world_model import WorldModel

FORMAT_VERSION = 1
WEIGHTS = ("config.json", "model.safetensors", "ego_motion.safetensors")
REMEDY = "copy or train it again"


class CheckpointError(ValueError):
    """A folder that is not a usable checkpoint; the message names the folder, what came and what was expected."""


@dataclass(frozen=True)
class Checkpoint:
    """What a model folder holds. ego_motion is None where keys alone cannot drive the model, belief where its memory cannot
    be read as a map: no probe was trained, or the one there was trained on other weights."""

    model: WorldModel
    ego_motion: EgoMotion | None
    fingerprint: str
    contexts: Mapping[str, Episode] = field(default_factory=dict)
    belief: BeliefProbe | None = None


def save(model: WorldModel, folder: Path, *, ego_motion: EgoMotion | None = None, dtype: torch.dtype = torch.float32) -> None:
    """Write a folder under a temporary name, then put it in place of `folder`; clips and the card already there are kept."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        if folder.exists():
            shutil.copytree(folder, temporary)
        temporary.mkdir(parents=True, exist_ok=True)
        (temporary / "config.json").write_text(json.dumps(to_dict(model.config), indent=2) + "\n")
        _save_weights(model, temporary / "model.safetensors", dtype)
        if ego_motion is not None:
            _save_weights(ego_motion, temporary / "ego_motion.safetensors", torch.float32)
        if folder.exists():
            old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
            os.replace(folder, old)
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _save_weights(module: torch.nn.Module, path: Path, dtype: torch.dtype, about: dict[str, str] | None = None) -> None:
    write_tensors(
        {name: value.detach().to("cpu", dtype).contiguous() for name, value in module.state_dict().items()}, path, about
    )


def write_tensors(tensors: dict[str, Tensor], path: Path, about: dict[str, str] | None = None) -> None:
    """Write a safetensors file. OSError where it cannot be written whole, as on a full disk."""
    try:
        save_file(tensors, path, about)
    except SafetensorError as error:
        raise OSError(
            f"{path}: could not be written ({error}); free some space and go on, what was saved before is kept"
        ) from None


def load(folder: Path, device: torch.device | str = "cpu", *, contexts: bool = True, belief: bool = True) -> Checkpoint:
    """Read a checkpoint folder, or of its start clips and its probe of beliefs neither. Raises CheckpointError naming what is
    missing, truncated, foreign or not a number."""
    model = WorldModel(read_config(folder))
    _load_weights(model, folder / "model.safetensors")
    ego_motion = None
    if (folder / "ego_motion.safetensors").exists():
        ego_motion = EgoMotion(model.config)
        _load_weights(ego_motion, folder / "ego_motion.safetensors")
        ego_motion.to(device).eval()
    probe = _load_belief(folder, model.config) if belief else None
    if probe is not None:
        probe.to(device).eval()
    clips = {path.stem: episodes.load(path) for path in sorted((folder / "contexts").glob("*.npz"))} if contexts else {}
    return Checkpoint(model.to(device).eval(), ego_motion, fingerprint(folder), clips, probe)


def save_belief(probe: BeliefProbe, folder: Path, trained_on: str) -> None:
    """Put a probe beside the model in `folder`, whose `fingerprint_of_weights` it was `trained_on`; it names that model and is
    not used with another.

    CheckpointError where the folder holds another model by now: nothing is written then.
    """
    if fingerprint_of_weights(folder) != trained_on:
        raise CheckpointError(f"{folder}: holds other weights now than those the probe was trained on; train it again")
    path = folder / "belief.safetensors"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _save_weights(probe, temporary, torch.float32, {"model": trained_on})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _load_belief(folder: Path, config: ModelConfig) -> BeliefProbe | None:
    """The probe in `folder` if there is one that was trained on the model there."""
    path = folder / "belief.safetensors"
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            trained_on = (file.metadata() or {}).get("model")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error}); delete it or train it again") from None
    if trained_on != fingerprint_of_weights(folder):
        return None
    probe = BeliefProbe(config)
    _load_weights(probe, path)
    return probe


def read_config(folder: Path) -> ModelConfig:
    """The configuration of a checkpoint folder, brought up to this version."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such checkpoint folder; expected one with config.json and model.safetensors")
    path = folder / "config.json"
    try:
        data = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: not readable as json ({error}); expected a model's configuration") from None
    version = data.get("format_version") if isinstance(data, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path}: format_version {version!r}; this version reads {FORMAT_VERSION}")
    try:
        return from_dict(ModelConfig, data)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _load_weights(module: torch.nn.Module, path: Path) -> None:
    weights = read_tensors(path)
    expected = module.state_dict()
    missing, unknown = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing or unknown:
        raise CheckpointError(f"{path}: not this model's weights; missing {missing[:3]}, unknown {unknown[:3]}; {REMEDY}")
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            came, wanted = tuple(value.shape), tuple(expected[name].shape)
            raise CheckpointError(f"{path}: {name} has shape {came}; expected {wanted}: {REMEDY}")
        if not torch.isfinite(value.float()).all():
            raise CheckpointError(f"{path}: {name} holds NaN or infinite numbers; expected finite weights: {REMEDY}")
    module.load_state_dict({name: value.to(expected[name].dtype) for name, value in weights.items()})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file. Raises CheckpointError when it is missing, truncated or of another kind."""
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error}); {REMEDY}") from None


def fingerprint(folder: Path) -> str:
    """Sixteen hex digits that change with the configuration or any weight: what a saved Moment belongs to."""
    return _digest(folder, *WEIGHTS, "belief.safetensors")


def fingerprint_of_weights(folder: Path) -> str:
    """As `fingerprint`, of the model without its probe of beliefs: what a probe is trained on."""
    return _digest(folder, *WEIGHTS)


def _digest(folder: Path, *names: str) -> str:
    digest = hashlib.sha256()
    for name in names:
        if (folder / name).exists():
            digest.update(name.encode() + (folder / name).read_bytes())
    return digest.hexdigest()[:16]
