"""The figure of a trial: then and now with and without the memory, the way back as a strip, and the scores of all mazes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator import compose
from simulator.demo.trial import CONDITIONS, KEPT, OTHER, RESET, Trial

COLOURS = dict(zip(CONDITIONS, ("#1f9d63", "#d0552f", "#7a6bc0"), strict=True))
SHORT = {KEPT: "memory kept", RESET: "memory emptied", OTHER: "other memory"}
INK, SOFT = "#1b2430", "#66717f"
N_STRIP = 8
"""Pictures of the way back."""


def drawn(path: Path, draw: Callable[[], None]) -> str | None:
    """Where the figure that `draw` makes is; None, which is said, without matplotlib: all else is made without it."""
    try:
        draw()
    except ImportError as error:
        print(f"left out: {error}")
        return None
    return str(path)


def draw(trials: Sequence[Trial], title: str, subtitle: str, path: Path) -> None:
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
        figure = plt.figure(figsize=(15, 9.2), dpi=110, facecolor="white")
        outer = figure.add_gridspec(2, 1, height_ratios=(1, 1.32), left=0.03, right=0.985, top=0.83, bottom=0.075, hspace=0.29)
        top = outer[0].subgridspec(1, 2 + len(names), wspace=0.06)
        figure.text(0.03, 0.945, title, fontsize=22, fontweight="bold")
        figure.text(0.03, 0.908, subtitle, fontsize=14, color=SOFT)
        _views([figure.add_subplot(top[0, column]) for column in range(2 + len(names))], shown)
        bottom = outer[1].subgridspec(1, 2, width_ratios=(3.6, 1), wspace=0.14)
        _strip(figure, bottom[0, 0].subgridspec(len(names), N_STRIP, wspace=0.04, hspace=0.05), shown)
        _bars(figure.add_subplot(bottom[0, 1]), trials, names)
        figure.savefig(path)
        plt.close(figure)


def _views(cells: Sequence[Any], trial: Trial) -> None:
    now = trial.frames[KEPT][-1]
    pictures = [(trial.view, "then", f"{trial.n_between} frames ago", INK)]
    for name, alike in trial.scores.items():
        pictures.append(
            (trial.frames[name][-1], f"now, {SHORT[name]}", f"{alike.psnr:.1f} dB   SSIM {alike.ssim:.2f}", COLOURS[name])
        )
        if name == KEPT:
            pictures.append((compose.difference(trial.view, now), "difference", "then and now, memory kept", INK))
    for cell, (picture, title, below, colour) in zip(cells, pictures, strict=True):
        _picture(cell, picture, colour)
        cell.set_title(title, fontsize=15, color=colour, fontweight="bold")
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
                cell.set_title("from here" if column == 0 else f"+{t - times[0]}", fontsize=12, color=SOFT, loc="left")
            if column == 0:
                cell.set_ylabel(SHORT[name].replace(" ", "\n"), fontsize=12, color=COLOURS[name])


def _bars(axes: Any, trials: Sequence[Trial], names: list[str]) -> None:
    """The mean over mazes, and every maze as a dot."""
    for column, name in enumerate(names):
        values = [trial.scores[name].psnr for trial in trials if name in trial.frames]
        axes.bar(column, np.mean(values), 0.62, color=COLOURS[name], alpha=0.85)
        axes.plot([column] * len(values), values, "o", color=INK, markersize=5, alpha=0.7)
        mean = float(np.mean(values))
        axes.text(column, mean / 2, f"{mean:.1f}", ha="center", color="white", fontsize=15, fontweight="bold")
    axes.set_xticks(range(len(names)), [SHORT[name].replace(" ", "\n") for name in names])
    axes.set_ylim(0, None)
    over = f"mean of {len(trials)} mazes, each a dot" if len(trials) > 1 else "one world"
    axes.set_title(f"like what was seen, dB\n{over}", fontsize=13, color=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
