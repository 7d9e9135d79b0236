"""A drawer for what hands do: a block goes, a block comes.

That happens in one frame of fifty, and in one of a handful in which it might: a network that is asked for the likeliest picture
never dares to show it, and draws a smear where it must. Here it is decided for a frame whether it happens now, from the middle of
the view as it was, the bar and the key; if so, which pixels change, and to what. All others are left to the network.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.conditioning import Control
from models.config import ModelConfig

STILL = (0.02, 0.02)
"""Blocks and radians a frame, up to which a player stands: hands are taken to work from where the middle of the view stays."""


def stands(motion: Tensor) -> Tensor:
    """bool (...): motions (..., 5) of one who stands, but for what ego-motion errs."""
    return (motion[..., :3].abs().amax(dim=-1) < STILL[0]) & (motion[..., 3:].abs().amax(dim=-1) < STILL[1])


class Hands(nn.Module):
    """Draws into the middle of the view what the last key did there; see the module."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, side, c = config, config.hands.side, config.hands.channels
        (top, bottom), (_, width) = config.bar_rows, config.image
        low, left = (top - side) // 2, (width - side) // 2
        self.box = slice(low, low + side), slice(left, left + side)
        self.acts = nn.Embedding(config.n_actions, c)
        self.held = nn.Linear(3 * (bottom - top) * width, c)
        self.told = nn.Linear(2 * c, 3 * c)
        self.fine = nn.Conv2d(12, c, 3, padding=1)
        self.coarse = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)
        self.small = nn.Conv2d(2 * c, 3 * c, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(nn.Conv2d(3 * c, 3 * c, 3, padding=1) for _ in range(2))
        self.happens = nn.Linear(3 * c, 1)
        nn.init.constant_(self.happens.bias, -4.0)  # untaught, nothing does
        self.up = nn.Conv2d(5 * c, 2 * c, 3, padding=1)
        self.wide = nn.Conv2d(3 * c, c, 3, padding=1)
        self.draw = nn.Conv2d(c, 16, 3, padding=1)

    def middle(self, frames: Tensor) -> Tensor:
        """What it sees, and draws into, of frames (n, 3, H, W): (n, 3, side, side)."""
        return frames[..., self.box[0], self.box[1]]

    def bar(self, frames: Tensor) -> Tensor:
        """What hangs below the view of frames (n, 3, H, W): (n, pixels)."""
        return frames[..., self.config.bar_rows[0] :, :].flatten(1)

    def judge(self, middle: Tensor, bar: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How likely something happens (n,), which pixels it changes (n, side, side), both logits, and to what (n, 3, side,
        side), from the middle and the bar of the frame before and the action (n,)."""
        told = F.gelu(self.told(torch.cat([self.acts(action), self.held(bar)], dim=1)))[..., None, None]
        fine = F.gelu(self.fine(F.pixel_unshuffle(middle, 2)))
        half = F.gelu(self.coarse(fine))
        deep = F.gelu(self.small(half)) + told
        for layer in self.deep:
            deep = deep + F.gelu(layer(deep)) * (1 + told)
        happens = self.happens(deep.mean(dim=(2, 3)) + deep.amax(dim=(2, 3)))[:, 0]
        wide = F.gelu(self.up(torch.cat([_like(deep, half), half], dim=1)))
        wide = F.gelu(self.wide(torch.cat([_like(wide, fine), fine], dim=1)))
        drawn = F.pixel_shuffle(self.draw(wide), 2)
        return happens, drawn[:, 3], middle + drawn[:, :3]

    def forward(self, pictures: Tensor, before: Tensor, seen: Tensor, control: Control) -> Tensor:
        """`pictures` (b, t, 3, H, W) with what happened drawn into them, from the frames `before` them where there were any,
        `seen` (b, t), and where the player stands. It is taught by itself (`models.training.hands`)."""
        now, past = pictures.flatten(0, 1), before.flatten(0, 1).to(pictures.dtype)
        happens, where, drawn = self.judge(self.middle(past), self.bar(past), control.action.flatten())
        there = (happens > 0) & (seen.flatten() > 0) & stands(control.motion.flatten(0, 1))
        change = there[:, None, None, None] & (where > 0)[:, None]
        middle = torch.where(change, drawn.to(now.dtype), self.middle(now))
        rows, columns = self.box
        strip = torch.cat([now[..., rows, : columns.start], middle, now[..., rows, columns.stop :]], dim=-1)
        return torch.cat([now[..., : rows.start, :], strip, now[..., rows.stop :, :]], dim=-2).view_as(pictures)


def _like(small: Tensor, large: Tensor) -> Tensor:
    return F.interpolate(small, size=large.shape[-2:], mode="nearest")
