"""What views gone by show of what is in view now, moved by the cubes that are known.

A picture seen from elsewhere shows what is in view now, but where, only geometry tells. Where a ray through the cubes ends, the
pixel is taken from the kept view that saw that very place from nearest; where it ends nowhere, it is the sky of the nearest view.
So nothing is redrawn, and nothing goes soft. Whether to believe it, or the network, which has seen as much and drawn it anew, a
small convolution decides pixel by pixel. Not applied in training, like `models.turning`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import album
from models.album import Pages
from models.config import ModelConfig
from models.cubes import FARTHEST, ends, look
from models.pixels import from_bytes
from models.reprojection import bare, eyes, view_axes

SKY = 1000.0
"""Blocks to what lies behind everything."""
SAME, SAME_SHARE = 0.1, 0.03
"""Blocks, and share of the distance, by which a view may see past a place, or short of it, and still show it."""
N_SHOWN = 8
"""Views moved for a frame."""
AGED = 0.01
"""How much more distant, as a logarithm, a view counts by a frame of age: light changes."""
ASIDE = 5.0
"""Blocks to one side from which on the sky counts as seen from as much more distant as a place from three times as far."""
N_TOLD = 3 + 3 + 1 + 6
CHANNELS = 16
BELIEVED = 4.0
"""Logit by which what is shown is believed before anything is learned."""


class Found(NamedTuple):
    """What views gone by show in n views."""

    colour: Tensor  # (n, 3, rows, W) in -1..1
    there: Tensor  # bool (n, 1, rows, W)
    told: Tensor  # (n, 6, rows, W) of each pixel: see `Shown.found`


class Shown(nn.Module):
    """Draws what views gone by show; see the module."""

    rays: Tensor

    def __init__(self, config: ModelConfig, rays: Tensor) -> None:
        super().__init__()
        self.config = config
        self.near = nn.Conv2d(N_TOLD, CHANNELS, 3, padding=1)
        self.far = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=2, dilation=2)
        self.wide = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=4, dilation=4)
        self.out = nn.Conv2d(CHANNELS, 1, 1)
        nn.init.zeros_(self.out.weight)
        self.register_buffer("rays", rays[: config.bar_rows[0]], persistent=False)

    def forward(self, pictures: Tensor, cubes: Tensor, pages: Pages, pose: Tensor) -> Tensor:
        """`pictures` (b, t, 3, H, W), as the network draws them, with what is shown from `pose` (b, t, 5); cubes: before each."""
        b, t, rows = *pictures.shape[:2], self.config.bar_rows[0]
        views = pictures[..., :rows, :].flatten(0, 1)
        found = self.found(cubes[:, :t], pages, pose)
        share = self.share(views, found).to(views.dtype) * bare(self.config, pictures[:1, 0])[:, :, :rows]
        drawn = torch.lerp(views, found.colour.to(views.dtype), share)
        return torch.cat([drawn.unflatten(0, (b, t)), pictures[..., rows:, :]], dim=-2)

    def share(self, views: Tensor, found: Found) -> Tensor:
        """How much of each pixel of `views` (n, 3, rows, W) is what was `found`: (n, 1, rows, W) in 0..1."""
        colour = found.colour.to(views.dtype)
        off = (colour - views).abs().mean(dim=1, keepdim=True)
        told = torch.cat([views, colour, off, found.told.to(views.dtype)], dim=1)
        x = F.gelu(self.near(told))
        x = x + F.gelu(self.far(x))
        x = x + F.gelu(self.wide(x))
        return (self.out(x) + BELIEVED).sigmoid() * found.there

    @torch.no_grad()
    def found(self, cubes: Tensor, pages: Pages, pose: Tensor) -> Found:
        """What views gone by show from `pose` (b, t, 5). Told of each pixel: whether it shows anything, whether that is sky, what
        share of its ray is known to be free, how unlike the view's place is, how old the view is, how many views agree."""
        config = self.config
        rows, width = self.rays.shape[:2]
        frame, depth, earlier, age = (part.flatten(0, 1) for part in album.nearest(config, pages, pose, N_SHOWN))
        now = pose.flatten(0, 1)
        with torch.autocast(cubes.device.type, enabled=False):
            eye, _, directed = look(config, self.rays, now)
            away, free = ends(config, cubes.flatten(0, 1), eye, directed)
            sky = away.isinf()[:, None]
            away = torch.where(sky, SKY, away[:, None])
            place = eye[:, None, :, None] + away[:, :, None] * directed[:, None]
            x, y, distance, reached = _in_views(config, place, earlier)
            at = (y.round() * width + x.round()).to(torch.int64)
            showed = depth.flatten(2).float().gather(2, at)
            there = torch.where(sky, showed >= FARTHEST, (showed - distance).abs() < SAME + SAME_SHARE * distance)
            reached = reached & there & (bare(config, frame[:1, 0].movedim(-1, 1))[0, 0].flatten() > 0)[at]
            aside = (earlier[..., :3] - now[:, None, :3]).norm(dim=-1)[..., None]
            unlike = torch.where(sky, aside / ASIDE, (distance / away).log().abs())
            best, chosen = (unlike + AGED * age[..., None]).masked_fill(~reached, torch.inf).min(dim=1)
            one = chosen[:, None]
            colour = _mixed(frame, chosen, x.gather(1, one)[:, 0], y.gather(1, one)[:, 0])
            any_view, n_views = best.isfinite(), reached.sum(dim=1)
            old = age.clamp(max=1000)[..., None].expand_as(unlike).gather(1, one)[:, 0]
            told = [any_view, sky[:, 0], free, unlike.gather(1, one)[:, 0].clamp(max=4), (1 + old).log() / 4, n_views / 4]
        view = (len(now), -1, rows, width)
        picture = colour.movedim(-1, 1).reshape(view) * any_view.view(view)
        return Found(picture, any_view.view(view), torch.stack([part.float() for part in told], dim=1).view(view))


def _in_views(config: ModelConfig, place: Tensor, pose: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where places (n, 1, 3, r) lie in views from `pose` (n, k, 5): column and row of a pixel's middle, blocks away, whether they
    are in view, (n, k, r) each."""
    n, k, rows, width = *pose.shape[:2], config.bar_rows[0], config.image[1]
    stood = pose.flatten(0, 1)
    eye, axes = eyes(config, stood, config.hands.eye), view_axes(stood, math.radians(config.camera.tilt_degrees))
    off = [place[:, :, i] - eye.view(n, k, 3, 1)[:, :, i] for i in range(3)]
    ways = axes.view(n, k, 3, 3, 1).unbind(dim=2)
    ahead, right, up = (way[:, :, 0] * off[0] + way[:, :, 1] * off[1] + way[:, :, 2] * off[2] for way in ways)
    distance = (off[0].square() + off[1].square() + off[2].square()).sqrt()
    scale = width / 2 / math.tan(math.radians(config.camera.fov_degrees) / 2) / ahead.clamp(min=0.05)
    x, y = right * scale + (width - 1) / 2, (rows - 1) / 2 - up * scale
    inside = (ahead > 0.05) & (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= rows - 1)
    return x.clamp(0, width - 1), y.clamp(0, rows - 1), distance, inside


def _mixed(frames: Tensor, chosen: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Colours (n, r, 3) in -1..1 of bytes (n, k, H, W, 3), in view `chosen` (n, r) at column x and row y (n, r)."""
    n, k, height, width = frames.shape[:4]
    left, top = x.floor(), y.floor()
    right_share, low_share = (x - left)[..., None], (y - top)[..., None]
    left, top = left.long(), top.long()
    right, low = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    base = (torch.arange(n, device=x.device)[:, None] * k + chosen) * height
    pile = frames.flatten(0, 3)

    def at(row: Tensor, column: Tensor) -> Tensor:
        return pile.index_select(0, ((base + row) * width + column).flatten()).view(*x.shape, 3).float()

    upper = torch.lerp(at(top, left), at(top, right), right_share)
    lower = torch.lerp(at(low, left), at(low, right), right_share)
    return from_bytes(torch.lerp(upper, lower, low_share))
