"""The last of a prediction: what rests stays as it was, and what has a drawer of its own is drawn by it."""

from __future__ import annotations

import torch
from torch import Tensor

from models.bar import Bar
from models.conditioning import Control, at_rest, unmoved
from models.edits import Edits
from models.effect import Effect
from models.hands import GOES, Done, Hands
from models.state import LastFrame


def finished(
    pictures: Tensor, behind: Tensor, last: LastFrame, control: Control, *,
    hands: Hands | None, edits: Edits | None, done: Done | None, effect: Effect | None, bar: Bar | None, rests: bool,
) -> Tensor:  # fmt: skip
    """`pictures` (b, t, 3, H, W) from the frames before them, `last` (b, t, ...). done: what `hands` do; effect: what one sees of
    it, which where a block goes is in `behind`: the pictures as they are drawn but for what is kept of the frame before. edits:
    what draws as much of a block that comes as hands, who see the middle of the view alone, leave.

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
        left = kept(unmoved(control), slice(0, view)) if rests else pictures
        if effect is None or done is None:
            pictures = hands(left, done)
        else:
            lit = (left[..., :view, :] + 1) * effect.light[:, :, None].to(left.dtype) - 1
            left = torch.cat([lit.clamp(max=1), left[..., view:, :]], dim=-2)
            opened = effect.there & (done.kind == GOES).view(effect.there.shape[:2])[..., None, None]
            drawn = hands(left, done)
            seen_now = torch.where(opened[:, :, None], behind[..., :view, :], drawn[..., :view, :])
            pictures = torch.cat([seen_now, drawn[..., view:, :]], dim=-2)
            if edits is not None:
                pictures = edits.whole(pictures, left, hands, done, effect.there & ~opened, control.pose)
    if bar is not None:
        pictures = bar(pictures, before, seen, control.action)
    return kept(at_rest(control), slice(view, height)) if rests else pictures
