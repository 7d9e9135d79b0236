"""How much an evaluation runs: the full one and the quick one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of one evaluation. Frames are counted from the start of the episode."""

    n_mazes: int = 12
    n_frames: int = 1001
    """Longest part of an episode that is loaded; drift over 2,000 frames needs episodes of 2,100 or more."""
    onestep_frames: int = 1001
    """One-step prediction runs over the episode up to here."""
    score_every: int = 1
    """One-step predictions are made and scored every so many frames (all frames are absorbed)."""
    control_every: int = 4
    """As `score_every`, of which it is a multiple, for the predictions of the reset and swapped controls."""
    reset_every: tuple[int, ...] = (3, 9, 25, 65, 257)
    """Resets of the long memory, in frames; a bin takes the longest that is not above its youngest age."""
    horizon_retrieval: tuple[int, int] = (400, 400)
    horizon_reasoning: tuple[int, int] = (576, 224)
    """True frames given, then frames generated."""
    drift_context: int = 100
    drift_frames: int = 2000
    drift_mazes: int = 4
    standing_frames: int = 400
    route_mazes: int = 4
    cost_frames: int = 1000
    edit_returns: int = 40
    """Voxel world: returns to a changed block that are dreamt, at most so many an island."""
    craft_every: int = 25
    """Voxel world: recipes are tried every so many frames."""
    stories: int = 3
    """Voxel world: islands on which the story is told; working one out takes about a minute."""


def full() -> Plan:
    """Under an hour for a small model on two CPU cores."""
    return Plan(n_frames=2201)


def quick() -> Plan:
    """About five minutes: four mazes, every third frame scored, fewer resets, one dream of 2,000 frames."""
    return Plan(
        n_mazes=4,
        n_frames=2201,
        onestep_frames=601,
        score_every=3,
        control_every=9,
        reset_every=(3, 9, 65),
        drift_mazes=2,
        standing_frames=100,
        route_mazes=2,
        cost_frames=200,
        edit_returns=12,
        craft_every=60,
        stories=1,
    )
