"""An episode: what was seen, done and true, as a value and as a file in the public Memory Maze schema.

File: one npz a trajectory, every array with leading dimension T + 1. `image[0]` is before the first action and
`action[t]` led to `image[t]` (row 0 is a no-op: all zeros in the public data). Arrays we do not know travel along.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from envs import pose as poses

SCHEMA = frozenset({"image", "action", "pose", "agent_pos", "agent_dir", "agent_pitch", "seed", "t"})
"""What a file holds or leaves out by itself, whatever a world tells under these names."""


class EpisodeError(ValueError):
    """A file that is not a usable episode; the message names the file, what came and what was expected."""


@dataclass(frozen=True)
class Episode:
    """One trajectory of `len(episode)` frames.

    image: uint8 (t, H, W, 3). action: int64 (t,), `action[i]` led to `image[i]`, `action[0]` is the no-op.
    pose: float64 (t, 5) as in `envs.pose`, or None where the world has none. n_actions: size of the action set.
    extras: every other array of the file, leading dimension t, by name.
    """

    image: np.ndarray
    action: np.ndarray
    n_actions: int
    pose: np.ndarray | None = None
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _validate(self)

    def __len__(self) -> int:
        return len(self.image)

    def clip(self, start: int, stop: int) -> Episode:
        """Frames `start` .. `stop - 1` as an episode of its own, whose first action is a no-op like any other's."""
        if not 0 <= start < stop <= len(self):
            raise ValueError(f"clip {start}..{stop} is not inside 0..{len(self)}")
        part = slice(start, stop)
        action = self.action[part].copy()
        action[0] = 0
        pose = None if self.pose is None else self.pose[part]
        return Episode(self.image[part], action, self.n_actions, pose, {k: v[part] for k, v in self.extras.items()})


def _validate(episode: Episode) -> None:
    image, action = episode.image, episode.action
    if image.dtype != np.uint8 or image.ndim != 4 or image.shape[-1] != 3 or len(image) == 0:
        raise EpisodeError(f"image is {image.dtype} {image.shape}; expected uint8 (t, H, W, 3) with t >= 1")
    if action.shape != (len(image),):
        raise EpisodeError(f"action has shape {action.shape}; expected ({len(image)},), one id a frame")
    if len(action) and not (action.min() >= 0 and action.max() < episode.n_actions):
        raise EpisodeError(f"action ids run from {action.min()} to {action.max()}; expected 0..{episode.n_actions - 1}")
    if episode.pose is not None:
        if episode.pose.shape != (len(image), poses.N_POSE):
            raise EpisodeError(f"pose has shape {episode.pose.shape}; expected ({len(image)}, {poses.N_POSE})")
        if not np.isfinite(episode.pose).all():
            raise EpisodeError("pose holds NaN or infinite numbers; expected finite cells and radians")
    for name, value in episode.extras.items():
        if value.ndim == 0 or len(value) != len(image):
            came = "no" if value.ndim == 0 else len(value)
            raise EpisodeError(f"{name} has {came} rows; expected {len(image)}, one a frame")


def extras_of(infos: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """What a world tells beside the picture, one `info` a frame, as an episode's extras: its arrays, and the rewards if any.

    The first frame counts as rewarded with nothing: what led to it lies before the episode.
    """
    told = [name for name, value in infos[0].items() if isinstance(value, np.ndarray) and name not in SCHEMA]
    extras = {name: np.stack([info[name] for info in infos]) for name in told if all(name in info for info in infos)}
    if any("reward" in info for info in infos):
        extras["reward"] = np.array([0.0, *(info.get("reward", 0.0) for info in infos[1:])], np.float32)
    return extras


def save(episode: Episode, path: Path) -> None:
    """Write `episode` to `path` (npz) under a temporary name, then rename: a reader never sees half a file."""
    arrays: dict[str, np.ndarray] = {"image": episode.image, "action": np.eye(episode.n_actions, dtype=np.uint8)[episode.action]}
    if episode.pose is not None:
        n_position = 2 if not episode.pose[:, 2].any() and not episode.pose[:, 4].any() else 3
        heading = episode.pose[:, 3]
        arrays["agent_pos"] = episode.pose[:, :n_position].astype(np.float32)
        arrays["agent_dir"] = np.stack([np.cos(heading), np.sin(heading)], axis=1).astype(np.float32)
        if n_position == 3:
            arrays["agent_pitch"] = episode.pose[:, 4].astype(np.float32)
    arrays |= dict(episode.extras)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


_UNREADABLE = (
    OSError, ValueError, EOFError, LookupError, TypeError, SyntaxError, MemoryError, NotImplementedError, RuntimeError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What numpy and zipfile raise for damaged bytes, depending on which byte."""


_ONE_HEADER = threading.Lock()
"""Python 3.11 counts how deep it is in a literal for all threads together (python/cpython#106905): two at once fail, rarely."""


def load(path: Path, *, images: bool = True) -> Episode:
    """Read an episode file, ours or the public data set's. Raises EpisodeError naming the file and what is wrong.

    images=False leaves the frames as an all-zero view of the right shape, for callers that need poses and layout only.
    """
    try:
        with open(path, "rb") as raw, NpzFile(raw, allow_pickle=False) as file:  # np.load would take others for pickles
            names = [name for name in file.files if images or name != "image"]
            arrays = {name: _array(file, name) for name in names}
            if not images and "action" in arrays:
                arrays["image"] = np.broadcast_to(np.uint8(0), (len(arrays["action"]), 1, 1, 3))
    except FileNotFoundError:
        raise EpisodeError(f"{path}: no such file; expected an episode (npz)") from None
    except _UNREADABLE as error:
        raise EpisodeError(f"{path}: not a readable npz ({error}); expected a whole episode file, collect it again") from error
    try:
        return from_arrays(arrays)
    except EpisodeError as error:
        raise EpisodeError(f"{path}: {error}") from None


def _array(file: NpzFile, name: str) -> np.ndarray:
    """One array of an open npz, unpacked beside what other threads unpack; headers are read by one thread at a time."""
    assert file.zip is not None  # it is open
    whole = io.BytesIO(file.zip.read(f"{name}.npy"))
    with _ONE_HEADER:
        return np.lib.format.read_array(whole, allow_pickle=False)


def from_arrays(arrays: dict[str, np.ndarray]) -> Episode:
    """An Episode from the arrays of one file. Raises EpisodeError where they do not fit the schema."""
    rest = dict(arrays)
    for name in ("image", "action"):
        if name not in rest:
            raise EpisodeError(f"no array {name!r}; found {', '.join(sorted(arrays)) or 'nothing'}")
    image, action = rest.pop("image"), rest.pop("action")
    if action.ndim != 2 or action.shape[1] == 0 or action.dtype.kind not in "biuf":
        raise EpisodeError(f"action has shape {action.shape}; expected one-hot (t, n_actions)")
    pose = None
    if "agent_pos" in rest and "agent_dir" in rest:
        pose = _pose(rest.pop("agent_pos"), rest.pop("agent_dir"), rest.pop("agent_pitch", None))
    return Episode(image, action.argmax(axis=1).astype(np.int64), action.shape[1], pose, rest)


def _pose(position: np.ndarray, direction: np.ndarray, pitch: np.ndarray | None) -> np.ndarray:
    t, numeric = len(np.atleast_1d(position)), position.dtype.kind in "biuf" and direction.dtype.kind in "biuf"
    if not numeric or position.shape not in ((t, 2), (t, 3)) or direction.shape != (t, 2):
        came = f"agent_pos {position.shape} {position.dtype} and agent_dir {direction.shape} {direction.dtype}"
        raise EpisodeError(f"{came}; expected numbers, (t, 2) or (t, 3) and (t, 2)")
    pose = poses.from_maze(position, direction)
    if pitch is not None:
        if pitch.shape != (t,) or pitch.dtype.kind not in "biuf":
            raise EpisodeError(f"agent_pitch is {pitch.dtype} {pitch.shape}; expected one number a frame, ({t},)")
        pose[:, 4] = pitch
    return pose
