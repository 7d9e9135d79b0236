"""Short ways to a session for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulator.intents import Reset, Step
from simulator.recipe import Recipe
from simulator.session import Session
from simulator.session_file import Header
from simulator.world import World
from simulator.worlds import LearnedWorld
from tests.simulator.fakes import FakeEngine


def header(history_bytes: int = 1 << 24, keyframe_every: int = 4, fingerprint: str = "fake-1") -> Header:
    """A session header of the fake engine."""
    return Header(
        recipe=Recipe(), fingerprint=fingerprint, description="cpu, float32, fake: made for tests", n_steps=4, fps=10.0,
        history_bytes=history_bytes, keyframe_every=keyframe_every,
    )  # fmt: skip


def begun(world: World | None = None, path: Path | None = None, seed: int = 1, clip: str = "hall", **options: int) -> Session:
    """A session that has been reset to `clip` (or the world's only start)."""
    session = Session(LearnedWorld(FakeEngine()) if world is None else world, header(**options), path)
    session.apply(Reset(seed, clip))
    return session


def play(session: Session, actions: list[int]) -> list[np.ndarray]:
    """The frames that `actions` lead to."""
    return [session.apply(Step(action)).frame for action in actions]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    """Whether two lists of frames are equal byte for byte."""
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
