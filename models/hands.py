"""A drawer for what hands do: a block cracks, a block goes, a block comes.

That happens in one frame of fifty, and in one of a handful in which it might: a network that is asked for the likeliest picture
never dares to show it, and draws a smear where it must. Here it is decided for a frame what happens now, from the middle of the
view as it was, the bar, the key and where one stands; then, for what was decided and not for a mean of all that might be, which
pixels change, and to what. All others are left to the network.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.conditioning import Control
from models.config import ModelConfig
from models.pixels import CHANGED

STILL = (0.02, 0.02)
"""Blocks and radians a frame, up to which a player stands: hands are taken to work from where the middle of the view stays."""


def stands(motion: Tensor) -> Tensor:
    """bool (...): motions (..., 5) of one who stands, but for what ego-motion errs."""
    return (motion[..., :3].abs().amax(dim=-1) < STILL[0]) & (motion[..., 3:].abs().amax(dim=-1) < STILL[1])


KINDS = ("nothing", "cracks", "goes or comes")
"""What can happen: nothing; something in the view alone; something in view and bar, which is a block that goes or comes."""
N_PLACE = 14
LONGEST = 63
"""Frames beyond which it is all one for how long a key has been held."""
LEAST = 4
"""Pixels of the middle of the view that change at least for something to have happened."""


def what_happened(middle: Tensor, bar: Tensor, middle_after: Tensor, bar_after: Tensor) -> Tensor:
    """`KINDS` int64 (...) told from two pictures: middles (..., 3, side, side) and bars (..., pixels) before and after."""
    happens = ((middle_after - middle).abs().amax(dim=-3) > CHANGED).flatten(-2).sum(dim=-1) >= LEAST
    return happens.long() + (happens & ((bar_after - bar).abs().amax(dim=-1) > CHANGED))


def waited(action: Tensor, earlier: Tensor, since: Tensor) -> Tensor:
    """For how many frames `action` has been held before it is taken once more, after the action `earlier` that was `since`."""
    return torch.where(action == earlier, since, 0)


def place(pose: Tensor) -> Tensor:
    """Where in its cell one stands, and which way one looks, (n, 14) from poses (n, 5): a block's edges in the view follow."""
    turns = [2 * math.pi * pose[:, :3], pose[:, 3:4], 2 * pose[:, 3:4], 4 * pose[:, 3:4], pose[:, 4:]]
    waves = torch.cat(turns, dim=1)
    return torch.cat([waves.sin(), waves.cos()], dim=1)


class Hands(nn.Module):
    """Draws into the middle of the view what the last key did there; see the module."""

    across: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, side, c = config, config.hands.side, config.hands.channels
        (top, bottom), (_, width) = config.bar_rows, config.image
        low, left = (top - side) // 2, (width - side) // 2
        self.box = slice(low, low + side), slice(left, left + side)
        self.acts = nn.Embedding(config.n_actions, c)
        self.waits = nn.Embedding(LONGEST + 1, c)
        nn.init.zeros_(self.waits.weight)
        self.held = nn.Linear(3 * (bottom - top) * width, c)
        self.stand = nn.Linear(N_PLACE, c)
        self.told = nn.Linear(3 * c, 3 * c)
        self.fine = nn.Conv2d(14, c, 3, padding=1)
        self.coarse = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)
        self.small = nn.Conv2d(2 * c, 3 * c, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(nn.Conv2d(3 * c, 3 * c, 3, padding=1) for _ in range(3))
        self.kind = nn.Linear(3 * c, len(KINDS))
        with torch.no_grad():
            self.kind.bias.copy_(torch.tensor([4.0, 0.0, 0.0]))  # untaught, nothing happens
        self.drawn_as = nn.Embedding(len(KINDS), 3 * c)
        self.up = nn.Conv2d(5 * c, 2 * c, 3, padding=1)
        self.wide = nn.Conv2d(3 * c, 2 * c, 3, padding=1)
        self.draw = nn.Conv2d(2 * c, 16, 3, padding=1)
        line = torch.linspace(-1, 1, side // 2)
        across = torch.stack([line.expand(side // 2, -1), line[:, None].expand(-1, side // 2)])
        self.register_buffer("across", across, persistent=False)

    def middle(self, frames: Tensor) -> Tensor:
        """What it sees, and draws into, of frames (n, 3, H, W): (n, 3, side, side)."""
        return frames[..., self.box[0], self.box[1]]

    def bar(self, frames: Tensor) -> Tensor:
        """What hangs below the view of frames (..., 3, H, W): (..., pixels)."""
        return frames[..., self.config.bar_rows[0] :, :].flatten(-3)

    def since(self, frames: Tensor, action: Tensor, motion: Tensor, first: Tensor) -> Tensor:
        """For how many frames on end, up to each of `frames` (b, t + 1, 3, H, W), the same key has been held: (b, t + 1).

        action (b, t + 1) led to each, motion (b, t, 5) to all but the first, for which it is `first` (b,). It begins anew for
        another key, where the player moves, and where a block has gone or come: for how long a block has been mined is hard to
        see, and when it breaks hangs on that.
        """
        middle, bar = self.middle(frames), self.bar(frames)
        done = what_happened(middle[:, :-1], bar[:, :-1], middle[:, 1:], bar[:, 1:]) == 2
        goes_on, same = stands(motion) & ~done, action[:, 1:] == action[:, :-1]
        found = [first]
        for i in range(motion.shape[1]):
            found.append(torch.where(goes_on[:, i], torch.where(same[:, i], found[-1], 0) + 1, 0))
        return torch.stack(found, dim=1)

    def judge(
        self, middle: Tensor, bar: Tensor, action: Tensor, waited: Tensor, pose: Tensor, kind: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What happens, logits (n, 3) of `KINDS`; which pixels that changes, logits (n, side, side); and to what (n, 3, side,
        side). From the middle and the bar of the frame before, the action (n,), for how many frames it has been held before (n,),
        and the pose (n, 5).

        kind (n,): what to draw; None is what is likeliest.
        """
        acts = self.acts(action) + self.waits(waited.long().clamp(max=LONGEST))
        told = torch.cat([acts, self.held(bar), self.stand(place(pose).to(bar.dtype))], dim=1)
        told = F.gelu(self.told(told))[..., None, None]
        seen = torch.cat([F.pixel_unshuffle(middle, 2), self.across.to(middle.dtype).expand(len(middle), -1, -1, -1)], dim=1)
        fine = F.gelu(self.fine(seen))
        half = F.gelu(self.coarse(fine))
        deep = F.gelu(self.small(half)) + told
        for layer in self.deep:
            deep = deep + F.gelu(layer(deep)) * (1 + told)
        likely = self.kind(deep.mean(dim=(2, 3)) + deep.amax(dim=(2, 3)))
        deep = deep + self.drawn_as(likely.argmax(dim=1) if kind is None else kind)[..., None, None]
        wide = F.gelu(self.up(torch.cat([_like(deep, half), half], dim=1)))
        wide = F.gelu(self.wide(torch.cat([_like(wide, fine), fine], dim=1)))
        drawn = F.pixel_shuffle(self.draw(wide), 2)
        return likely, drawn[:, 3], middle + drawn[:, :3]

    def forward(self, pictures: Tensor, before: Tensor, seen: Tensor, waited: Tensor, control: Control) -> Tensor:
        """`pictures` (b, t, 3, H, W) with what happened drawn into them, from the frames `before` them where there were any,
        `seen` (b, t), for how long the key has been held, `waited` (b, t), and where the player stands. It is taught by itself
        (`models.training.hands`)."""
        action, pose, motion = (part.flatten(0, 1) for part in control)
        standing = (seen.flatten() > 0) & stands(motion)
        if pictures.device.type == "cpu" and not torch.compiler.is_compiling() and not standing.any():
            return pictures  # which is most of the time, and spares a tenth of it
        now, past = pictures.flatten(0, 1), before.flatten(0, 1).to(pictures.dtype)
        likely, where, drawn = self.judge(self.middle(past), self.bar(past), action, waited.flatten(), pose)
        there = (likely.argmax(dim=1) > 0) & standing
        change = there[:, None, None, None] & (where > 0)[:, None]
        middle = torch.where(change, drawn.to(now.dtype), self.middle(now))
        rows, columns = self.box
        strip = torch.cat([now[..., rows, : columns.start], middle, now[..., rows, columns.stop :]], dim=-1)
        return torch.cat([now[..., : rows.start, :], strip, now[..., rows.stop :, :]], dim=-2).view_as(pictures)


def _like(small: Tensor, large: Tensor) -> Tensor:
    return F.interpolate(small, size=large.shape[-2:], mode="nearest")
