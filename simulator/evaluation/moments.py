"""Rows of a moment, and its size: a moment is a value, so mazes can be picked from it or exchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.engine import Moment


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
