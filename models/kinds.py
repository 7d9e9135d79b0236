"""What the cubes are made of: for every pixel the kind of block it shows, kept with the cube that it is a side of.

A picture taken from afar shows a few pixels of a wall; that it is of bricks can be told all the same, and what bricks look
like from nearby is known. So with every cube goes its kind, by the surest look at it so far, and every kind has textures: one
for its top, its sides and its bottom each. Taught by itself, on worlds played again whose blocks tell.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import N_NAMES, ModelConfig
from models.cubes import Change, ends, look, put
from models.reprojection import pixel_rays
from models.textures import N_TEXELS
from models.unet import UNet

TOP, SIDE, BOTTOM = range(3)
N_FACES = 3
"""Textures a kind has."""
GREY = 0.5
"""What is worn by what was never seen."""
CERTAIN = 250.0
"""Of what is kept with a kind, how much a look from nearby says that leaves no doubt."""
CLOSE = 12.0
"""Blocks from which on a look says less than half as much."""
BESIDE = 0.6
"""How much less a look says where another kind begins."""
ASIDE, ASIDE_SHARE = 0.3, 0.15
"""Blocks, and share of the distance, by which a look may miss a cube and still name it."""
NEAREST, FARTHEST = 0.2, 60.0
"""Blocks between which the network is told how far away things are, and that they are no nearer, no farther."""
SKY = 1.5
"""What it is told where there is nothing."""
USUAL = (2.0, 1.0)
"""By what a logarithm of blocks is divided, and what is taken off, before it is told."""


class Named(NamedTuple):
    """What every other pixel each way shows, (n, rows / 2, W / 2) each."""

    kind: Tensor  # int64; 0: nothing
    sure: Tensor  # 0..1


class Kinds(nn.Module):
    """Names what pixels show, and knows what kinds wear; see the module.

    worn (texels, 3 kinds, 3): colours 0..1 of all textures as in full light, every third that of a top, a side, a bottom, with
    their copies as `models.textures` has them."""

    rays: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, size = config, config.cubes
        self.stem = nn.Conv2d(4 * (3 + 3), size.naming, 3, padding=1)
        self.net = UNet(size.naming)
        self.out = nn.Conv2d(size.naming, size.kinds, 1)
        self.worn = nn.Parameter(torch.full((N_TEXELS, N_FACES * size.kinds, 3), GREY), requires_grad=False)
        rays = F.normalize(pixel_rays(config)[: config.bar_rows[0]], dim=-1)
        self.register_buffer("rays", rays, persistent=False)

    def forward(self, view: Tensor, pitch: Tensor, away: Tensor) -> Tensor:
        """Logits (n, kinds, rows / 2, W / 2) of a view (n, 3, rows, W) in -1..1 at `pitch` (n,), things `away` (n, rows, W)
        blocks, infinite where there is nothing."""
        ahead, _, up = self.rays.unbind(dim=-1)
        c, s = pitch.cos()[:, None, None], pitch.sin()[:, None, None]
        nothing = away.isinf()
        far = (away.float().clamp(NEAREST, FARTHEST).log() / USUAL[0] - USUAL[1]).masked_fill(nothing, SKY)
        told = torch.stack([s * ahead + c * up, far, nothing.float()], dim=1)
        x = self.stem(F.pixel_unshuffle(torch.cat([view, told.to(view.dtype)], dim=1), 2))
        return self.out(F.gelu(self.net(x)))

    def named(self, view: Tensor, pitch: Tensor, away: Tensor) -> Named:
        """The likeliest kind of what each pixel shows; where another kind begins beside it, less sure: which of the cubes that
        meet there a ray ends in is hard to say."""
        sure, kind = self(view, pitch, away).float().softmax(dim=1).max(dim=1)
        near = torch.stack([kind, -kind], dim=1).float()
        alike = (F.max_pool2d(near, 3, 1, 1) == near).all(dim=1)
        return Named(kind, torch.where(alike, sure, BESIDE * sure))


def kind_of(kept: Tensor) -> Tensor:
    """The kinds int64 in what is `kept` with cubes, 0 where none is known."""
    return kept.long() % N_NAMES


def noted(config: ModelConfig, kept: Tensor, cubes: Tensor, eye: Tensor, rays: Tensor, away: Tensor, named: Named) -> Tensor:
    """`kept` int16 (n, m) after a look along rays (n, 3, r) into `cubes` (n, m), as they are known after it, that saw what is
    `named` (n, r), `away` (n, r) blocks: of the cubes it saw where they are known to be."""
    met = ends(config, cubes, eye, rays)
    there = (met.away - away).abs() < ASIDE + ASIDE_SHARE * away
    certain = CERTAIN * named.sure / (1 + away / CLOSE)
    told = torch.where(there & (named.kind > 0), certain.nan_to_num().long() * N_NAMES + named.kind, 0)
    found = kept.flatten().long().scatter_reduce(0, met.slot.flatten().long(), told.flatten(), "amax")
    return found.view_as(kept).to(torch.int16)


def after(
    config: ModelConfig, rays: Tensor, kept: Tensor, cubes: Tensor, named: Named, away: Tensor, pose: Tensor,
    change: Change | None,
) -> Tensor:  # fmt: skip
    """What is kept int16 (b, t + 1, m) before each of t frames that saw what is `named` (b, t, rows / 2, W / 2), `away` (b, t,
    rows, W) blocks, from `pose` (b, t, 5), and after the last; `cubes` (b, t + 1, m) as they then are."""
    found, view = [kept], rays[: config.bar_rows[0]].shape[:2]
    for i in range(pose.shape[1]):
        known = found[-1] if change is None else put(config, found[-1], *change.at(i), torch.zeros_like(kept[:, 0]))
        eye, _, directed = look(config, rays, pose[:, i])
        picture = directed.unflatten(2, view)[..., ::2, ::2].flatten(2)
        looked = Named(*(part[:, i].flatten(1) for part in named))
        found.append(noted(config, known, cubes[:, i + 1], eye, picture, away[:, i, ::2, ::2].flatten(1), looked))
    return torch.stack(found, dim=1)
