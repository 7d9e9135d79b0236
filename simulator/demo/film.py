"""The video of a trial, for an audience: what was seen then stays beside what is seen now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from simulator import compose
from simulator.demo.trial import KEPT, OTHER, RESET, Trial
from simulator.demo.walk import score
from simulator.recorder import VideoRecorder
from simulator.world import Tick

HOLD_SECONDS = 3.0
"""How long the last picture stays."""
TITLES = {KEPT: "memory kept", RESET: "memory emptied", OTHER: "another place's memory"}


def then_now(trial: Trial) -> Iterator[Tick]:
    """then | now | difference."""
    for t, (now, then) in enumerate(zip(trial.frames[KEPT], trial.wanted, strict=True)):
        last = t == len(trial) - 1
        alike = score(then, now)
        verdict = f"difference  {alike.psnr:.1f} dB  SSIM {alike.ssim:.2f}" if last else "difference"
        yield _tick(t, (then, now, compose.difference(then, now)), ("then", _now(trial, t), verdict))


def amnesia(trial: Trial) -> Iterator[Tick]:
    """then | and now with the memory kept | emptied | of another maze."""
    for t in range(len(trial)):
        now = [seen[t] for seen in trial.frames.values()]
        names = [TITLES[name] if t >= trial.turned else "the same" for name in trial.frames]
        if t == len(trial) - 1:
            names = [f"{name}  {alike.psnr:.1f} dB" for name, alike in zip(names, trial.scores.values(), strict=True)]
        elif t < trial.turned:
            names[0] = _now(trial, t)
        yield _tick(t, (trial.wanted[t], *now), ("then", *names))


def _now(trial: Trial, t: int) -> str:
    if t <= trial.then:
        return "now"
    way = ", back" if t == len(trial) - 1 else ", coming back" if t >= trial.turned else ""
    n = t - trial.then
    return f"now, {n} frame{'s' if n > 1 else ''} later{way}"


def _tick(t: int, pictures: tuple[np.ndarray, ...], names: tuple[str, ...]) -> Tick:
    return Tick(compose.beside(*pictures), t, 0, info={"panels": names})


def write(ticks: Iterator[Tick], n_ticks: int, path: Path, fps: float) -> None:
    """Write `ticks` to `path` (.mp4 or .gif), the last one held."""
    recorder = VideoRecorder(path, fps)
    tick = None
    try:
        for tick in tqdm(ticks, desc=path.name, total=n_ticks, unit="frame", leave=False):
            recorder.add(tick)
        for _ in range(round(HOLD_SECONDS * fps)):
            assert tick is not None
            recorder.add(tick)
    finally:
        recorder.close()
