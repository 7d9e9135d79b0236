"""What a session plays: a World that turns actions into Ticks, real, learned or both side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from envs.actions import ActionSpec


@dataclass(frozen=True, slots=True)
class Tick:
    """One visible moment, whoever made it; window, recorders, metrics and tests see nothing else.

    frame: uint8 (H, W, 3). pose: float64 (5,) as in `envs.pose` (believed, in a dream), or None. t: frames since reset.
    action: the action that led here. seconds: wall time the world took to make it.
    info: what a real world knows beside the picture (layout, inventory, reward ...); empty in a dream.
    """

    frame: np.ndarray
    t: int
    action: int
    pose: np.ndarray | None = None
    seconds: float = 0.0
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A world's exact present as a value: its tick and whatever the world needs to go on from it."""

    tick: Tick
    state: Any


class World(Protocol):
    """A place one can step through. `restore(snapshot())` changes nothing that follows."""

    name: str
    actions: ActionSpec
    fps: float

    def reset(self, seed: int) -> Tick: ...

    def step(self, action: int) -> Tick: ...

    def snapshot(self) -> Snapshot:
        """The present as a value; raises envs.snapshot.SnapshotUnsupported where the world cannot be rewound."""
        ...

    def restore(self, snapshot: Snapshot) -> Tick: ...

    def close(self) -> None: ...
