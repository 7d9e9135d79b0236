"""The last of a prediction: what rests stays as it was, and what has a drawer of its own is drawn by it."""

from __future__ import annotations

import torch
from torch import Tensor

from models.bar import Bar
from models.conditioning import Control, at_rest, unmoved
from models.hands import Hands
from models.state import LastFrame


def finished(pictures: Tensor, last: LastFrame, control: Control, *, hands: Hands | None, bar: Bar | None, rests: bool) -> Tensor:
    """`pictures` (b, t, 3, H, W) from the frames before them, `last` (b, t, ...).

    rests: nothing moves in this world but the player. So the view of one who does not move is the one before, but for what hands
    do; without hands that can be drawn, and for the bar, so it is for one who does nothing, either.
    """

    before, seen = last.frame.to(pictures.dtype), last.seen

    def kept(where: Tensor, drawn: Tensor, was: Tensor) -> Tensor:
        return torch.where((where & (seen > 0))[..., None, None, None], was, drawn)

    if hands is not None:
        pictures = kept(unmoved(control), pictures, before) if rests else pictures
        waited = torch.where(control.action == last.action, last.since, 0)
        pictures = hands(pictures, before, seen, waited, control)
    if bar is not None:
        pictures = bar(pictures, before, seen, control.action)
    if not rests:
        return pictures
    rows = 0 if hands is None else hands.config.bar_rows[0]  # of the view, which hands have seen to
    below = kept(at_rest(control), pictures[..., rows:, :], before[..., rows:, :])
    return torch.cat([pictures[..., :rows, :], below], dim=-2)
