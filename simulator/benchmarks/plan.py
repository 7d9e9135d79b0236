"""How much is measured, and the form in which every benchmark tells what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from simulator.benchmarks.subject import Subject

Row: TypeAlias = dict[str, Any]
"""One line of a table: its name, times by `timing.times`, and whatever else was measured."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of the benchmarks."""

    frames: int = 200
    """Frames timed for each row."""
    seconds: float = 10.0
    """Longest time spent on one row; slower machines time fewer frames."""
    long: int = 10_000
    """Frames of the flatness run; 0 leaves it out."""
    soak: int = 0
    """Frames of the soak run, 100,000 to be sure that nothing grows; 0 leaves it out."""
    presets: tuple[str, ...] = ("maze-small", "maze-large", "maze-attention", "maze-paper", "maze-mamba", "voxel-small")
    """Presets timed with random weights, beside the checkpoint."""
    widths: tuple[int, ...] = (96, 384, 768)
    """d_model of networks otherwise like the checkpoint's, timed with random weights."""
    worlds: tuple[str, ...] = ("memory-maze", "voxel")
    """Worlds whose shipped models are timed beside the checkpoint."""
    steps: tuple[int, ...] = (1, 2, 4)
    """Denoising steps a frame of the single stream."""
    compiled: bool = True
    """Time the compiled network beside the plain one (single, floor): making it takes a minute or more the first time."""
    histories: tuple[int, ...] = (100, 1000, 4000)
    """Frames of history at which a growing cache is timed."""
    windows: tuple[int, ...] = (16, 64, 256)
    """Frames of context computed anew for every frame."""
    batches: tuple[int, ...] = (1, 4, 16, 64, 256, 1024)
    """Dreams side by side."""
    window_frames: int = 64
    """Frames of a training window."""
    window_rows: int = 8
    """Rows of a training batch."""
    episode_steps: int = 1000
    """Steps of an episode collected in the real world."""

    def check(self) -> None:
        """Raise ValueError naming what cannot be measured."""
        many = {
            "steps": self.steps,
            "widths": self.widths or (1,),
            "histories": self.histories,
            "windows": self.windows,
            "batches": self.batches,
        }
        one = {name: (getattr(self, name),) for name in ("frames", "window_frames", "window_rows", "episode_steps")}
        for name, sizes in (many | one).items():
            if min(sizes, default=0) < 1:
                raise ValueError(f"{name} {sizes} must be at least 1 each")
        if self.seconds <= 0:
            raise ValueError(f"seconds {self.seconds} must be more than 0")
        if any(0 < n < N_PARTS or n < 0 for n in (self.long, self.soak)):
            raise ValueError(f"long {self.long} and soak {self.soak}; expected at least {N_PARTS} frames, or 0 to leave them out")


N_PARTS = 10
"""Parts of a long run that are compared with one another."""


@dataclass(frozen=True)
class Result:
    """What one benchmark found. about: what is timed against what. facts: device, dtype, threads, backend and why."""

    about: str
    facts: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


Benchmark: TypeAlias = Callable[[Subject, Plan], Result]
