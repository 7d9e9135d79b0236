"""How far away what is seen is: for every pixel of the view, from the picture itself and from a few views gone by.

What is seen from two places lies where both see the same: so the views are moved as if everything lay at one of a few distances
(multi-view stereo by plane sweep, after Collins, 1996), and a small network judges how well each fits, beside what the picture
alone tells. Taught by itself, on worlds played again whose blocks tell. It also says by how much it may err: most at the edge of
something near.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.reprojection import eyes, pixel_rays, sampled, view_axes
from models.unet import UNet

N_LOOKS, N_OUT = 4, 3
LEVEL = 0.02
"""By how little a ray may fall for it to be told where it would meet level ground."""
USUAL = 2.0
"""Logarithm of the blocks that are told of before anything is learned."""
N_ASIDE = 3
"""Views that a frame is compared with."""
N_DISTANCES, NEAREST, FARTHEST = 20, 0.6, 40.0
"""Blocks at which views are compared, evenly spaced as logarithms."""
UNLIKE = 0.5
"""Difference of colours in -1..1 beyond which it is all one how unlike pixels are."""
TOLD = 4.0
"""By how much differences are multiplied before they are told."""
NARROW_TO_WIDE = (-4.0, 2.0)
"""What is drawn of the logarithm of an error, between which and which, before 1 is taken off."""


class Guess(NamedTuple):
    """What is believed of every pixel, (n, rows, W) each."""

    none: Tensor  # logit that nothing is there but sky or sea
    log_away: Tensor  # logarithm of the blocks from the eye
    log_width: Tensor  # logarithm of the mean error of that


class Seen(NamedTuple):
    """How far away things are, as others are told."""

    away: Tensor  # blocks from the eye; infinite where there is nothing
    width: Tensor  # share of it by which it errs


class Depth(nn.Module):
    """A small U-Net over the camera's rows; see the module."""

    rays: Tensor
    half_rays: Tensor
    to_picture: Tensor
    distances: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, self.tilt = config, math.radians(config.camera.tilt_degrees)
        self.eye, fine = config.hands.eye, config.cubes.channels
        self.stem = nn.Conv2d(4 * (3 + N_LOOKS), fine, 3, padding=1)
        self.match = nn.Conv2d(3 * N_DISTANCES, fine, 1)
        self.matched = nn.Conv2d(3 * N_DISTANCES, fine, 1)
        self.match_around = nn.Conv2d(fine, fine, 3, padding=1)
        self.net = UNet(fine)
        self.spread = nn.Conv2d(fine, 4 * 16, 1)
        self.pixel = nn.Conv2d(16 + 3 + N_LOOKS, 16, 3, padding=1)
        self.out = nn.Conv2d(16, N_OUT, 1)
        view = pixel_rays(config)[: config.bar_rows[0]]
        half = F.avg_pool2d(view.movedim(-1, 0), 2).movedim(0, -1)
        tangent = math.tan(math.radians(config.camera.fov_degrees) / 2)
        edge = torch.tensor([tangent, -tangent * len(view) / config.image[1]])
        distances = torch.linspace(math.log(NEAREST), math.log(FARTHEST), N_DISTANCES).exp()
        self.register_buffer("rays", F.normalize(view, dim=-1), persistent=False)
        self.register_buffer("half_rays", F.normalize(half, dim=-1), persistent=False)
        self.register_buffer("to_picture", 1 / edge, persistent=False)
        self.register_buffer("distances", distances, persistent=False)

    def forward(self, frames: Tensor, pose: Tensor, views: Tensor, stood: Tensor, known: Tensor) -> Guess:
        """Of frames (n, 3, H, W) in -1..1 seen from `pose` (n, 5), beside `views` (n, k, 3, H, W) from `stood` (n, k, 5) where
        `known` (n, k)."""
        rows = len(self.rays)
        picture = torch.cat([frames[..., :rows, :], self._looks(pose[:, 4]).to(frames.dtype)], dim=1)
        fits = self._fits(frames[..., :rows, :], pose, views[..., :rows, :], stood, known).to(frames.dtype)
        fits = self.match(fits) + self.match_around(F.gelu(self.matched(fits)))
        fine = self.net(self.stem(F.pixel_unshuffle(picture, 2)) + fits)
        spread = F.pixel_shuffle(self.spread(F.gelu(fine)), 2)
        found = self.out(F.gelu(self.pixel(torch.cat([F.gelu(spread), picture], dim=1)))).float()
        none, away, width = found.unbind(dim=1)
        return Guess(none, away + USUAL, width.clamp(*NARROW_TO_WIDE) - 1)

    def seen(self, frames: Tensor, pose: Tensor, views: Tensor, stood: Tensor, known: Tensor) -> Seen:
        """The same in blocks."""
        found = self(frames, pose, views, stood, known)
        return Seen(found.log_away.exp().masked_fill(found.none > 0, torch.inf), found.log_width.exp())

    @torch.no_grad()
    def _fits(self, frames: Tensor, pose: Tensor, views: Tensor, stood: Tensor, known: Tensor) -> Tensor:
        """How unlike `frames` (n, 3, rows, W) the views are at each distance, on the mean and at best, and how many reach:
        (n, 3 distances, rows / 2, W / 2)."""
        n, k = known.shape
        with torch.autocast(frames.device.type, enabled=False):
            axes, others = view_axes(pose, self.tilt), view_axes(stood.flatten(0, 1), self.tilt).view(n, k, 3, 3)
            turned = self.half_rays.flatten(0, 1) @ (others @ axes.transpose(1, 2)[:, None]).transpose(2, 3)  # (n, k, r, 3)
            stands, stood_at = eyes(self.config, pose, 0.0), eyes(self.config, stood.flatten(0, 1), 0.0).view(n, k, 3)
            off = (others @ (stands[:, None] - stood_at)[..., None]).transpose(2, 3)
            place = off[:, :, None] + self.distances[:, None, None] * turned[:, :, None]  # (n, k, distances, r, 3)
            ahead = place[..., :1].clamp(min=0.05)
            at = place[..., 1:] / ahead * self.to_picture
            reached = (place[..., 0] > 0.05) & (at.abs() < 1).all(dim=-1) & known[..., None, None]
            small = F.avg_pool2d(views.flatten(0, 1).float(), 2)
            moved = sampled(small, at.clamp(-2, 2).flatten(0, 1)).unflatten(0, (n, k))  # (n, k, 3, distances, r)
            off_colour = moved - F.avg_pool2d(frames.float(), 2).flatten(2)[:, None, :, None]
            unlike = off_colour.abs().mean(dim=2).clamp(max=UNLIKE)
            count = reached.float().sum(dim=1)
            mean = (unlike * reached).sum(dim=1) / count.clamp(min=1)
            least = torch.where(reached, unlike, UNLIKE).amin(dim=1)
            return torch.cat([TOLD * mean, TOLD * least, count / 2], dim=1).unflatten(2, self.half_rays.shape[:2])

    def _looks(self, pitch: Tensor) -> Tensor:
        """Where each pixel looks, up, along the ground and to the right, and how far level ground would be: (n, 4, rows, W)."""
        ahead, right, up = self.rays.unbind(dim=-1)
        c, s = pitch.cos()[:, None, None], pitch.sin()[:, None, None]
        rise = s * ahead + c * up
        ground = (self.eye / (-rise).clamp(min=LEVEL)).log() - USUAL
        return torch.stack([rise, c * ahead - s * up, right.expand(len(pitch), -1, -1), ground], dim=1)
