"""Balls: things that stand on the floor, look alike from everywhere, and are too small for a network of whole pictures.

A ball is a hundredth of the picture when one comes back to it, and next to nothing of what that network is taught. So it has a
memory and a drawer of its own, as small as what it is for: of every kind the one place where it is believed to stand, and how
surely. A small convolution finds balls in every frame that is absorbed, and where their middles are; another one decides, where
a ball should be, which of its pixels show. Where a ball of known place and radius lies in the picture follows from the pose.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.graph import can_branch
from models.reprojection import eyes, pixel_rays, view_axes

TRUST = 2
"""Of a belief, beside x and y."""
N_OTHER = 2
"""What a pixel shows beside balls: floor, or anything else."""
FLOOR = 1
LEAST, ANEW = 1.0, 4.0
"""Pixels of a ball, at half the size, from which on it counts as seen, and is believed in; and those to believe it anew."""
SURE = 0.8
"""How likely a pixel must be one of a ball to count."""
ALIKE = 5
"""Pixels a side of what is decided together when a ball is drawn: it shows or does not, seldom in single pixels."""
MOST = 100.0
"""How surely a ball is believed in at most, in such pixels: what was seen later moves it all the same."""
ELSEWHERE = 1.0
"""Cells between where a ball is seen and where it is believed to stand, from which on the one speaks against the other."""
FORGIVING = 0.5
"""By how much bare floor where a ball should be counts less than the ball would."""
FARTHEST = 12.0
"""Cells: floor beyond is as good as the horizon."""
D_FIND, D_DRAW = 24, 16


class Found(NamedTuple):
    """What n frames show, at half the size, from `Balls.top` down."""

    what: Tensor  # logits (n, 2 + kinds, h, w): anything else, floor, each kind of ball
    middle: Tensor  # (n, 2, h, w): where the middle of a ball seen there stands in the world, in cells
    eye: Tensor  # (n, 3)
    rays: Tensor  # (n, h, w, 3)


class Balls(nn.Module):
    """Keeps and draws the balls of a world; see the module."""

    rays: Tensor
    coarse_rays: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, n = config, config.balls.n_kinds
        height, width = config.image
        focal = width / 2 / math.tan(math.radians(config.camera.fov_degrees) / 2)
        horizon = height / 2 + focal * math.tan(math.radians(config.camera.tilt_degrees))
        self.top = max(0, min(height - 2, 2 * int(horizon / 2) - 4))
        """The first row that is looked at: a little above the horizon."""
        self.find_coarse = nn.Conv2d(3, D_FIND // 2, 4, stride=2, padding=1)
        self.find_fine = nn.Conv2d(D_FIND // 2, D_FIND, 3, padding=1)
        self.find_wide = nn.Conv2d(D_FIND, D_FIND, 3, padding=1)
        self.what = nn.Conv2d(D_FIND, N_OTHER + n, 1)
        self.where = nn.Conv2d(D_FIND, 2, 1)
        self.colours = nn.Parameter(torch.zeros(n, 3))
        self.draw_near = nn.Conv2d(3 + 1 + 1 + 3 + 3, D_DRAW, 3, padding=1)
        self.draw_far = nn.Conv2d(D_DRAW, D_DRAW, 3, padding=1)
        self.drawn = nn.Conv2d(D_DRAW, 1 + 3, 3, padding=1)
        with torch.no_grad():  # untaught, it sees none and draws none
            for layer, bias in ((self.what, [4.0] + [0.0] * (1 + n)), (self.drawn, [-4.0, 0.0, 0.0, 0.0])):
                layer.bias.copy_(torch.tensor(bias))  # type: ignore[union-attr]
        rays = F.normalize(pixel_rays(config)[self.top :], dim=-1)
        half = F.normalize(rays.unflatten(0, (-1, 2)).unflatten(2, (-1, 2)).mean(dim=(1, 3)), dim=-1)
        self.register_buffer("rays", rays, persistent=False)
        self.register_buffer("coarse_rays", half, persistent=False)
        ahead = self._turned(rays, torch.zeros(1, 5))
        self.widest = float((ahead[..., 1] / ahead[..., 0]).abs().max())
        """How far aside the picture reaches for every cell ahead."""

    def seen(self, frames: Tensor) -> Tensor:
        """The part of frames (..., 3, H, W) that is looked at."""
        return frames[..., self.top :, :]

    def find(self, seen: Tensor, pose: Tensor) -> Found:
        """What there is in n pictures, `seen` (n, 3, h, W) as by `seen`, from poses (n, 5)."""
        return self._placed(self._features(seen), pose)

    def _features(self, seen: Tensor) -> Tensor:
        x = F.gelu(self.find_fine(F.gelu(self.find_coarse(seen))))
        return x + F.interpolate(F.gelu(self.find_wide(F.avg_pool2d(x, 2, ceil_mode=True))), size=x.shape[-2:], mode="nearest")

    def _placed(self, features: Tensor, pose: Tensor) -> Found:
        aside, nearer = self.where(features).float().unbind(1)
        with torch.autocast(features.device.type, enabled=False):
            eye, rays = eyes(self.config, pose, self.config.balls.eye), self._turned(self.coarse_rays, pose)
            ground = rays[..., :2].norm(dim=-1)
            floor = (eye[:, 2, None, None] * ground / (-rays[..., 2]).clamp(min=1e-3)).clamp(max=FARTHEST)
            ahead = rays[..., :2] / ground[..., None]
            across = torch.stack([-ahead[..., 1], ahead[..., 0]], dim=-1)
            away = floor * torch.exp(nearer.clamp(-3, 1))
            middle = eye[:, None, None, :2] + away[..., None] * (ahead + aside[..., None] * across)
        return Found(self.what(features).float(), middle.movedim(-1, 1), eye, rays)

    def after(self, beliefs: Tensor, frames: Tensor, pose: Tensor) -> Tensor:
        """Beliefs (b, t + 1, kinds, 3), x and y in cells and trust in pixels, before each of `frames` (b, t, 3, H, W) seen from
        `pose` (b, t, 5), and after the last."""
        b, t = frames.shape[:2]
        features, standing = self._features(self.seen(frames).flatten(0, 1)), pose.flatten(0, 1)
        share = self.what(features).float().softmax(dim=1)
        of_ball = share[:, N_OTHER:] * (share[:, N_OTHER:] > SURE)
        if can_branch(frames) and not of_ball.any() and not self.may_show(beliefs.repeat_interleave(t, dim=0), standing).any():
            return beliefs[:, None].expand(-1, t + 1, -1, -1)  # most frames show none and none is due, which spares most of it
        found = self._placed(features, standing)
        pixels = of_ball.sum(dim=(2, 3))  # (n, kinds)
        middle = torch.einsum("nkhw,nchw->nkc", of_ball, found.middle) / pixels.clamp(min=1e-6)[..., None]
        parts = (share[:, FLOOR], pixels, middle, found.eye, found.rays)
        floor, pixels, middle, eye, rays = (part.unflatten(0, (b, t)) for part in parts)
        history = [beliefs]
        for i in range(t):
            bare = self._bare(history[-1], floor[:, i], eye[:, i], rays[:, i])
            history.append(told(history[-1], middle[:, i], pixels[:, i], bare))
        return torch.stack(history, dim=1)

    def _bare(self, beliefs: Tensor, floor: Tensor, eye: Tensor, rays: Tensor) -> Tensor:
        """How many pixels of bare floor, at half the size, `floor` (b, h, w) shows where balls should be: (b, kinds)."""
        hit = self._spheres(eye, rays, beliefs)[0] & (beliefs[..., TRUST] > 0)[..., None, None]
        return (hit * floor[:, None] * (floor[:, None] > 0.8)).sum(dim=(2, 3))

    def forward(self, pictures: Tensor, beliefs: Tensor, pose: Tensor) -> Tensor:
        """`pictures` (b, t, 3, H, W) seen from `pose` (b, t, 5) with the balls in them that are believed in before each,
        `beliefs` (b, t, kinds, 3). It is taught by itself (`models.training.balls`)."""
        believed, standing = beliefs.flatten(0, 1), pose.flatten(0, 1)
        eager = can_branch(pictures)
        if eager and not (self.may_show(believed, standing) & (believed[..., TRUST] >= LEAST)).any():
            return pictures
        with torch.autocast(pictures.device.type, enabled=False), torch.no_grad():
            due = self.due(believed, standing)
        if eager and not due.any():
            return pictures
        now = pictures.flatten(0, 1)
        seen = self.seen(now)
        shows, colour = self.draw(seen, due)
        drawn = torch.where((shows > 0)[:, None], colour.to(seen.dtype), seen)
        return torch.cat([now[..., : self.top, :], drawn], dim=-2).view_as(pictures)

    def may_show(self, beliefs: Tensor, pose: Tensor) -> Tensor:
        """bool (n, kinds): False where no part of a ball that `beliefs` (n, kinds, 3) tell of lies within the width of the view
        from `pose` (n, 5), or of none."""
        eye, c, s = eyes(self.config, pose, self.config.balls.eye), pose[:, 3:4].cos(), pose[:, 3:4].sin()
        x, y = beliefs[..., 0] - eye[:, :1], beliefs[..., 1] - eye[:, 1:2]
        wide = self.config.balls.radius * math.hypot(1, self.widest)
        within = (s * x - c * y).abs() <= self.widest * (c * x + s * y) + wide
        return (beliefs[..., TRUST] > 0) & (within | (pose[:, 4:] != 0))  # who looks up or down sees more or less

    def due(self, beliefs: Tensor, pose: Tensor) -> Tensor:
        """Where balls should be in the part of the picture that is looked at, the nearest before the others, from beliefs (n,
        kinds, 3) and poses (n, 5): (n, 5 + kinds, h, W), whether there is one, how near, which way it faces, of which kind."""
        eye, rays = eyes(self.config, pose, self.config.balls.eye), self._turned(self.rays, pose)
        hit, away, off = self._spheres(eye, rays, beliefs)
        hit = hit & (beliefs[..., TRUST] >= LEAST)[..., None, None]
        away = torch.where(hit, away, torch.inf)
        which = (hit & (away == away.amin(dim=1, keepdim=True))).float()
        there, far = which.sum(dim=1, keepdim=True), torch.where(which > 0, away, 0).sum(dim=1, keepdim=True)
        facing = torch.einsum("nkhw,nkc->nchw", which, off) + far * rays.movedim(-1, 1)
        return torch.cat([there, there / (1 + far), facing * there / self.config.balls.radius, which], dim=1)

    def draw(self, seen: Tensor, due: Tensor) -> tuple[Tensor, Tensor]:
        """Which pixels of `seen` (n, 3, h, W) show a ball where some are `due`, logits (n, h, W), and its colour (n, 3, h, W)."""
        there, near, facing, kinds = due.to(seen.dtype).split([1, 1, 3, self.config.balls.n_kinds], dim=1)
        colour = torch.einsum("nkhw,kc->nchw", kinds, self.colours.to(seen.dtype))
        x = F.gelu(self.draw_near(torch.cat([seen, there, near, facing, colour], dim=1)))
        out = self.drawn(x + F.gelu(self.draw_far(x))).float()
        wide = F.max_pool2d(there, 5, 1, 2)  # a ball is believed a little aside of where it is
        shows, share = (F.avg_pool2d(part.float(), ALIKE, 1, ALIKE // 2) for part in (out[:, :1] * wide, wide))
        return (shows / share.clamp(min=1e-3)).masked_fill(wide == 0, -torch.inf)[:, 0], colour + out[:, 1:]

    def _turned(self, rays: Tensor, pose: Tensor) -> Tensor:
        """Directions (n, h, w, 3) in the world of `rays` (h, w, 3) of the camera at poses (n, 5)."""
        return rays @ view_axes(pose, math.radians(self.config.camera.tilt_degrees))[:, None]

    def _spheres(self, eye: Tensor, rays: Tensor, beliefs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Whether unit `rays` (n, h, w, 3) from `eye` (n, 3) meet the upper halves of balls centred on the floor at `beliefs` (n,
        kinds, 3), bool (n, kinds, h, w); after how far, and the ways from the middles to the eye (n, kinds, 3)."""
        radius = self.config.balls.radius
        off = torch.cat([eye[:, None, :2] - beliefs[..., :TRUST], eye[:, None, 2:].expand(-1, beliefs.shape[1], -1)], dim=-1)
        along = torch.einsum("nhwc,nkc->nkhw", rays, off)
        inside = along.square() - (off.square().sum(dim=-1) - radius**2)[..., None, None]
        away = -along - inside.clamp(min=0).sqrt()
        above = off[..., 2, None, None] + away * rays[:, None, ..., 2] > 0
        return (inside > 0) & (away > 0) & above, away, off


def told(beliefs: Tensor, middle: Tensor, pixels: Tensor, bare: Tensor) -> Tensor:
    """Beliefs (b, kinds, 3) after a frame that shows `pixels` (b, kinds) of each ball with its middle at `middle` (b, kinds, 2),
    and `bare` (b, kinds) pixels of bare floor where it should be.

    A ball seen where it is believed to stand moves the belief, by as much as it is seen well; seen elsewhere it speaks against
    it, as bare floor does, until nothing is left to be believed, and what is seen is.
    """
    trust, place = beliefs[..., TRUST], beliefs[..., :TRUST]
    sees = pixels >= LEAST
    here = (middle - place).norm(dim=-1) < ELSEWHERE
    agrees, against = sees & here & (trust > 0), torch.where(sees & ~here, pixels, FORGIVING * bare * ~sees)
    left = trust - torch.where(agrees, 0, against)
    anew = (pixels >= ANEW) & ~agrees & (left <= 0)
    share = (pixels / (pixels + trust).clamp(min=1e-6))[..., None]
    moved = torch.where(agrees[..., None], place + share * (middle - place), place)
    trust = torch.where(agrees, trust + pixels, left.clamp(min=0))
    trust = torch.where(anew, pixels, trust).clamp(max=MOST)
    return torch.cat([torch.where(anew[..., None], middle, moved), trust[..., None]], dim=-1)
