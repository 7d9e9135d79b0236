"""Follow a recorded walk: the true frames above, the dream on the same actions below, and how alike they are frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.episode import Episode
from simulator.evaluation.metrics import psnr

N_SHOWN = 10


@dataclass(frozen=True)
class Followed:
    """truth, dream: uint8 (t, H, W, 3). psnr: (t,) decibels. start: frames of true context before them."""

    truth: np.ndarray
    dream: np.ndarray
    psnr: np.ndarray
    start: int


def follow(
    engine: Any, episode: Episode, start: int, n_frames: int, seed: int, pose_given: bool, tell: Callable[[], object]
) -> Followed:
    """Absorb the first `start` frames of `episode`, then dream `n_frames` on its actions. ValueError where it is too short."""
    if start < 1 or start + n_frames > len(episode):
        raise ValueError(f"{start} frames of context and {n_frames} to dream do not fit an episode of {len(episode)}")
    moment, frames = engine.begin([episode.clip(0, start)], seed), []
    for t in range(start, start + n_frames):
        pose = episode.pose[t : t + 1] if pose_given and episode.pose is not None else None
        moment = engine.step(moment, episode.action[t : t + 1], pose)
        frames.append(moment.frame[0])
        tell()
    dream, truth = np.stack(frames), episode.image[start : start + n_frames]
    mse = np.square(dream.astype(np.float64) - truth).mean(axis=(1, 2, 3))
    return Followed(truth, dream, psnr(mse), start)


def draw(followed: dict[str, Followed], path: Path) -> None:
    """A strip for each of `followed` (by name) under the truth, and all their curves. ImportError without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"the figure needs matplotlib ({error}): pip install 'revisit[train]'") from error
    first = next(iter(followed.values()))
    picks = np.linspace(0, len(first.truth) - 1, N_SHOWN).astype(int)
    rows = {"truth": first.truth} | {name: one.dream for name, one in followed.items()}
    figure: Any = plt.figure(figsize=(1.5 * N_SHOWN, 1.55 * len(rows) + 3), layout="constrained")
    pictures, curves = figure.subfigures(2, 1, height_ratios=(1.5 * len(rows), 3))
    cells = pictures.subplots(len(rows), N_SHOWN)
    for row, (name, frames) in zip(cells, rows.items(), strict=True):
        for cell, pick in zip(row, picks, strict=True):
            cell.imshow(frames[pick], interpolation="nearest")
            cell.set(xticks=[], yticks=[])
            if name == "truth":
                cell.set_title(f"frame {pick + 1}", fontsize=10)
        row[0].set_ylabel(name)
    axes = curves.subplots()
    for name, one in followed.items():
        axes.plot(np.arange(1, len(one.psnr) + 1), one.psnr, label=f"{name}: mean {one.psnr.mean():.1f} dB")
    axes.set(xlabel=f"frames dreamt, after {first.start} true ones", ylabel="PSNR (dB)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=90)
    plt.close(figure)
