"""A dream's moment as a file: safetensors with a JSON header, so nothing in it can run. It names the model it belongs to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from simulator.moment import Moment
from simulator.world import Snapshot, Tick
from simulator.worlds import DreamState

FORMAT, FORMAT_VERSION = "revisit-moment", "1"

Visit = Callable[[str, Any], Any]


def walk(name: str, value: Any, visit: Visit) -> Any:
    """`value` rebuilt with `visit(dotted name, leaf)` in place of every leaf; inner nodes are (named) tuples, lists, dicts."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(walk(f"{name}.{field}", getattr(value, field), visit) for field in value._fields))
    if isinstance(value, tuple | list):
        return type(value)(walk(f"{name}.{i}", item, visit) for i, item in enumerate(value))
    if isinstance(value, dict):
        return {key: walk(f"{name}.{key}", item, visit) for key, item in value.items()}
    return visit(name, value)


def _tensor(value: Any) -> torch.Tensor | None:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    return value.detach().cpu().contiguous() if isinstance(value, torch.Tensor) else None


def save(snapshot: Snapshot, path: Path, engine: Any) -> None:
    """Write a LearnedWorld's snapshot to `path`, under a temporary name first. engine: whose moment it is."""
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, Any] = {}

    def collect(name: str, leaf: Any) -> None:
        tensor = _tensor(leaf)
        if tensor is None:
            plain[name] = leaf
        else:
            tensors[name] = tensor.clone()  # safetensors refuses tensors that share memory

    state, tick = snapshot.state, snapshot.tick
    walk("moment", {field.name: getattr(state.moment, field.name) for field in fields(Moment)}, collect)
    about = {
        "world": engine.world,
        "n_steps": state.n_steps,
        "path": state.path,
        "t": tick.t,
        "action": tick.action,
        "plain": plain,
    }
    header = {"format": FORMAT, "version": FORMAT_VERSION, "fingerprint": engine.fingerprint, "about": json.dumps(about)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        save_file(tensors, temporary, header)
        os.replace(temporary, path)
    except SafetensorError as error:
        raise OSError(f"{path}: could not be written ({error})") from None
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path, engine: Any) -> Snapshot:
    """The snapshot at `path`, to go on from in `engine`. ValueError: not a moment, cut short, or another model's (named)."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a moment saved while playing")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (clone: aligned memory)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: not a whole moment file ({error}); save it again") from None
    if header.get("format") != FORMAT or header.get("version") != FORMAT_VERSION:
        raise ValueError(f"{path}: format {header.get('format')} {header.get('version')}; expected {FORMAT} {FORMAT_VERSION}")
    try:
        fingerprint, about = header["fingerprint"], json.loads(header["about"])
        world, n_steps, plain, t, action = (about[name] for name in ("world", "n_steps", "plain", "t", "action"))
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path}: its header is damaged ({error!r}); save the moment again") from None
    if fingerprint != engine.fingerprint:
        raise ValueError(
            f"{path}: a moment of model {fingerprint} ({world}); the loaded model is {engine.fingerprint} "
            f"({engine.world}): start with the --checkpoint it was saved with, and the belief.safetensors it had then, if any"
        )
    blank = engine.begin(None, 0)

    def fill(name: str, leaf: Any) -> Any:
        like = _tensor(leaf)
        if like is None:
            return plain.get(name, leaf)
        found = tensors.get(name, like if not like.numel() else None)  # what holds nothing may be newer than the file
        if found is None or found.shape != like.shape or found.dtype != like.dtype:
            came = "nothing" if found is None else f"{tuple(found.shape)} {found.dtype}"
            raise ValueError(f"{path}: {name} is {came}; the loaded model has {tuple(like.shape)} {like.dtype}")
        return found.numpy() if isinstance(leaf, np.ndarray) else found.to(leaf.device)

    values = walk("moment", {field.name: getattr(blank, field.name) for field in fields(Moment)}, fill)
    moment = replace(blank, **values)
    tick = Tick(moment.frame[0], t, action, moment.pose[0] if engine.has_pose else None)
    return Snapshot(tick, DreamState(moment, n_steps, about.get("path", "plain")))
