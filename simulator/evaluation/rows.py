"""The rows of the comparison: models that are equal in parameters and trained alike, and what sets each apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """name: of its folder and in the tables. preset: of `models.config`. what: what sets it apart, in a few words.

    baseline: another way to remember; else an ablation. forget_share, recall_share: as `train --forget-share` and
    `--objective.recall-share`.
    """

    name: str
    preset: str
    what: str
    baseline: bool = False
    forget_share: float = 0.05
    recall_share: float = 0.0


def _row(preset: str, what: str, *, baseline: bool = False) -> Row:
    return Row(preset, preset, what, baseline)


REFERENCE = "maze-attention"
"""The row without any memory but its window, over which the gain of every other is told."""
OURS = "maze-small"

ROWS = (
    _row("maze-attention", "frame-local attention alone, 4 frames", baseline=True),
    _row("maze-mamba", "Mamba-2 alone, one block; pose as input", baseline=True),
    _row("maze-mamba-attention", "Mamba-2, one block, and frame-local attention; pose as input", baseline=True),
    _row("maze-paper", "block-wise Mamba-2 of mixed sizes and frame-local attention; pose as input", baseline=True),
    _row("maze-attention-32", "causal attention over 32 frames", baseline=True),
    _row("maze-attention-64", "causal attention as far as a training window of 64 frames reaches", baseline=True),
    _row("maze-small", "ours: a map addressed by pose, and frame-local attention", baseline=True),
    _row("maze-paper-blocks-2", "block sizes: two tokens a block everywhere"),
    _row("maze-paper-blocks-4", "block sizes: four tokens a block everywhere"),
    _row("maze-ssd", "addressing: Mamba-2 in place of the maps, pose as input and in attention"),
    _row("maze-ssd-turned", "addressing: the same, its B and C turned by the place looked at"),
    Row("maze-small-windows", "maze-small", "training: no state carried from window to window", forget_share=1.0),
    Row("maze-small-recall", "maze-small", "training: half of the targets recalled from the long memory alone", recall_share=0.5),
    _row("maze-small-coarse", "state: maps of a cell a slot, a quarter of the slots"),
    _row("maze-small-narrow", "state: half as many channels a map"),
    _row("maze-small-wide", "state: twice as many channels a map"),
    _row("maze-small-window-1", "attention window of 1 frame"),
    _row("maze-small-window-8", "attention window of 8 frames"),
    _row("maze-small-no-sweep", "no plane sweep: nothing taken over from the frame before"),
    _row("maze-attention-no-sweep", "no plane sweep, frame-local attention alone"),
)
"""In the order in which they are trained and told of."""


def chosen(names: str) -> list[Row]:
    """The rows of comma-separated `names`, in the order of the table; all for an empty string, ValueError for unknown ones."""
    if not names:
        return list(ROWS)
    wanted = [name.strip() for name in names.split(",")]
    known = [row.name for row in ROWS]
    for name in wanted:
        if name not in known:
            raise ValueError(f"unknown row {name!r}; known: {', '.join(known)}")
    return [row for row in ROWS if row.name in wanted]
