"""The last of a prediction: what rests stays as it was, and what has a drawer of its own is drawn by it."""

from __future__ import annotations

import torch
from torch import Tensor

from models.bar import Bar
from models.conditioning import Control, at_rest, unmoved
from models.hands import Done, Hands
from models.state import LastFrame


def finished(
    pictures: Tensor, last: LastFrame, control: Control, *,
    hands: Hands | None, done: Done | None, away: Tensor | None, bar: Bar | None, rests: bool,
) -> Tensor:  # fmt: skip
    """`pictures` (b, t, 3, H, W) from the frames before them, `last` (b, t, ...). done: what `hands` do; away
    (b, t, rows, W): how far what the pictures show is, once that is done, where they show what is known, 0 elsewhere.

    rests: nothing moves in this world but the player. So the view of one who does not move is the one before, but for what hands
    do; without hands that can be drawn, and for the bar, so it is for one who does nothing, either.
    """
    before, seen = last.frame.to(pictures.dtype), last.seen

    def kept(where: Tensor, rows: slice) -> Tensor:
        """`pictures` with `rows` as they were before in the frames `where` that is so."""
        same = (where & (seen > 0))[..., None, None, None]
        part = torch.where(same, before[..., rows, :], pictures[..., rows, :])
        return torch.cat([pictures[..., : rows.start, :], part, pictures[..., rows.stop :, :]], dim=-2)

    height = pictures.shape[-2]
    view = 0 if hands is None else hands.config.bar_rows[0]  # rows that hands see to
    if hands is not None:
        behind, pictures = pictures, kept(unmoved(control), slice(0, view)) if rests else pictures
        pictures = hands(pictures, done, behind, away)
    if bar is not None:
        pictures = bar(pictures, before, seen, control.action)
    return kept(at_rest(control), slice(view, height)) if rests else pictures
