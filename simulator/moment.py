"""A moment of a dream, a value: rows can be picked from it or exchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from models.state import StreamState


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything needed to go on: keep it to rewind, copy it to branch, save it to resume.

    stream: recurrent and attention state, tensors with leading dimension b. frame: uint8 (b, H, W, 3), the last absorbed.
    pose: float64 (b, 5), where the dreamer believes it is. motion: float64 (b, 5), its last motion in its own frame, believed
    walls left aside.
    t: frames absorbed. seed: what all noise is drawn from, one for all rows or one a row.
    """

    stream: StreamState
    frame: np.ndarray
    pose: np.ndarray
    motion: np.ndarray
    t: int
    seed: int | tuple[int, ...]


def take_rows(moment: Moment, rows: Sequence[int]) -> Moment:
    """The moment whose row i is row `rows[i]` of `moment`; rows may repeat, be left out or change places."""
    index = list(rows)
    n = len(moment.frame)

    def pick(leaf: Any) -> Any:
        if len(leaf) != n:
            raise ValueError(f"a state array has {len(leaf)} rows; expected {n}, one a maze, as the engine's contract says")
        return leaf[index]

    return replace(
        moment,
        stream=map_arrays(pick, moment.stream),
        frame=moment.frame[index],
        pose=moment.pose[index],
        motion=moment.motion[index],
        seed=moment.seed if isinstance(moment.seed, int) else tuple(moment.seed[row] for row in index),
    )


def map_arrays(change: Callable[[Any], Any], value: Any) -> Any:
    """`value` with every array or tensor in it, at any depth of tuples, lists and dicts, replaced by `change` of it."""
    if hasattr(value, "shape") and len(value.shape):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_arrays(change, part) for part in value))
    if isinstance(value, (tuple, list)):
        return type(value)(map_arrays(change, part) for part in value)
    if isinstance(value, dict):
        return {key: map_arrays(change, part) for key, part in value.items()}
    return value


def state_bytes(moment: Moment) -> int:
    """Bytes of everything the moment carries from frame to frame, all rows together."""
    sizes: list[int] = [moment.frame.nbytes, moment.pose.nbytes, moment.motion.nbytes]

    def note(leaf: Any) -> Any:
        sizes.append(int(np.prod(leaf.shape)) * (leaf.itemsize if isinstance(leaf, np.ndarray) else leaf.element_size()))
        return leaf

    map_arrays(note, moment.stream)
    return sum(sizes)
