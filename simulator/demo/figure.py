"""The figure of a trial: then and now with and without the memory, the way back as a strip, and the scores of all mazes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator import compose
from simulator.demo.film import TITLES
from simulator.demo.trial import CONDITIONS, KEPT, Trial

COLOURS = dict(zip(CONDITIONS, ("#1f9d63", "#d0552f", "#7a6bc0"), strict=True))
INK, SOFT = "#1b2430", "#66717f"
N_STRIP = 8
"""Pictures of the way back."""


def draw(trials: Sequence[Trial], title: str, path: Path) -> None:
    """Write the figure of `trials`, the first of which is shown in pictures, to `path`. ImportError without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"the figure needs matplotlib ({error}): pip install 'revisit[train]'") from error
    shown = trials[0]
    names = list(shown.frames)
    with plt.rc_context({"font.size": 13, "text.color": INK, "axes.labelcolor": INK, "font.family": "sans-serif"}):
        figure = plt.figure(figsize=(15, 8.4), dpi=110, facecolor="white")
        outer = figure.add_gridspec(2, 1, height_ratios=(1.25, 1), left=0.02, right=0.985, top=0.87, bottom=0.075, hspace=0.24)
        top = outer[0].subgridspec(1, 3 + len(names) - 1, wspace=0.06)
        figure.suptitle(title, x=0.02, y=0.97, ha="left", fontsize=19, fontweight="bold")
        _views([figure.add_subplot(cell) for cell in top], shown)
        strip, bars = outer[1].subgridspec(1, 2, width_ratios=(3.1, 1), wspace=0.16)
        _strip(figure, strip.subgridspec(len(names), N_STRIP, wspace=0.04, hspace=0.06), shown)
        _bars(figure.add_subplot(bars), trials, names)
        figure.savefig(path)
        plt.close(figure)


def _views(cells: Sequence[Any], trial: Trial) -> None:
    now = trial.frames[KEPT][-1]
    pictures = [(trial.view, "then", f"{trial.n_between} frames ago", INK)]
    for name, alike in trial.scores.items():
        label = f"{alike.psnr:.1f} dB   SSIM {alike.ssim:.2f}"
        pictures.append((trial.frames[name][-1], f"now, {TITLES[name]}", label, COLOURS[name]))
        if name == KEPT:
            pictures.append((compose.difference(trial.view, now), "difference", "then, now with memory kept", INK))
    for cell, (picture, title, below, colour) in zip(cells, pictures, strict=True):
        _picture(cell, picture, colour)
        cell.set_title(title, fontsize=14, color=colour, fontweight="bold")
        cell.set_xlabel(below, fontsize=13, color=INK if colour != INK else SOFT)


def _picture(cell: Any, picture: np.ndarray, edge: str) -> None:
    cell.imshow(picture, interpolation="nearest")
    cell.set(xticks=[], yticks=[])
    for spine in cell.spines.values():
        spine.set(color=edge, linewidth=2)


def _strip(figure: Any, grid: Any, trial: Trial) -> None:
    """The way back in every condition, the same moments below one another."""
    times = np.linspace(trial.turned, len(trial) - 1, N_STRIP).round().astype(int)
    for row, (name, seen) in enumerate(trial.frames.items()):
        for column, t in enumerate(times):
            cell = figure.add_subplot(grid[row, column])
            _picture(cell, seen[t], COLOURS[name])
            if row == 0:
                cell.set_title("the way back" if column == 0 else f"+{t - times[0]}", fontsize=12, color=SOFT, loc="left")
            if column == 0:
                cell.set_ylabel(TITLES[name].replace("memory", "\nmemory").strip(), fontsize=10, color=COLOURS[name])


def _bars(axes: Any, trials: Sequence[Trial], names: list[str]) -> None:
    """The mean over mazes, and every maze as a dot."""
    for column, name in enumerate(names):
        values = [trial.scores[name].psnr for trial in trials if name in trial.frames]
        axes.bar(column, np.mean(values), 0.62, color=COLOURS[name], alpha=0.85)
        axes.plot([column] * len(values), values, "o", color=INK, markersize=5, alpha=0.7)
        mean = float(np.mean(values))
        axes.text(column, mean / 2, f"{mean:.1f}", ha="center", color="white", fontsize=15, fontweight="bold")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, None)
    over = f"mean of {len(trials)} mazes, each a dot" if len(trials) > 1 else "one maze"
    axes.set_title(f"like the first view, dB\n{over}", fontsize=13, color=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
