"""What hour it is: told by true pictures, and carried on, frame by frame, where a dream goes on without them.

A network that sees the last few frames takes the light it finds there for the light there is: a dream begun by day stays there.
So the hour is kept by itself, as a direction in the plane that turns a little with every frame, by as much as it was found to in
true ones, and the longer the surer it is (a von Mises belief, whose products are sums). Every true picture adds what it tells.
Taught by itself, on frames whose hour is known.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.cubes import look
from models.reprojection import pixel_rays

N_HOUR = 2
"""Numbers that are kept of it."""
COARSE = 4
"""Pixels pooled into one before the network looks."""
CHANNELS = (24, 32, 48)
FORGOTTEN, MOST = 0.995, 2000.0
"""What is left of what was known before by every look, since they err alike, for minutes; and how sure one can be."""


class Hour(nn.Module):
    """Tells the hour of views; see the module. rate: radians that a frame takes."""

    rays: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third = CHANNELS
        self.near = nn.Conv2d(6, first, 3, padding=1)
        self.wide = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.wider = nn.Conv2d(second, third, 3, stride=2, padding=1)
        self.inner = nn.Linear(2 * third, third)
        self.out = nn.Linear(third, N_HOUR)
        self.rate = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.register_buffer("rays", pixel_rays(config)[: config.bar_rows[0]], persistent=False)

    def forward(self, view: Tensor, pose: Tensor) -> Tensor:
        """What views (n, 3, rows, W) in -1..1 from `pose` (n, 5) tell, (n, 2): towards the hour, the longer the surer."""
        return self.tell(self.pooled(view, pose))

    def pooled(self, view: Tensor, pose: Tensor) -> Tensor:
        """What the network sees of them, and which way each part lies: (n, 6, h, w)."""
        _, _, rays = look(self.config, self.rays, pose)
        return F.avg_pool2d(torch.cat([view, rays.view(len(view), 3, *view.shape[-2:]).to(view.dtype)], dim=1), COARSE)

    def tell(self, pooled: Tensor) -> Tensor:
        """As `forward`, of what is `pooled`."""
        x = F.gelu(self.near(pooled))
        x = F.gelu(self.wider(F.gelu(self.wide(x))))
        return self.out(F.gelu(self.inner(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))))

    def after(self, kept: Tensor, frames: Tensor, pose: Tensor, dreamt: bool) -> Tensor:
        """What is `kept` (b, 2) before each of `frames` (b, t, 3, H, W) seen from `pose` (b, t, 5), and after the last:
        (b, t + 1, 2). dreamt: nothing is to be learned from them."""
        views, found = frames[..., : len(self.rays), :].flatten(0, 1).float(), [kept]
        told = None if dreamt else self(views, pose.flatten(0, 1)).unflatten(0, frames.shape[:2])
        for i in range(frames.shape[1]):
            now = turned(found[-1], self.rate)
            if told is not None:
                now = FORGOTTEN * now + told[:, i]
                now = now * (MOST / now.norm(dim=-1, keepdim=True).clamp(min=MOST))
            found.append(now)
        return torch.stack(found, dim=1)


def turned(kept: Tensor, angle: Tensor) -> Tensor:
    """`kept` (..., 2), by an `angle` that broadcasts later."""
    c, s = angle.cos(), angle.sin()
    x, y = kept.unbind(dim=-1)
    return torch.stack([c * x - s * y, s * x + c * y], dim=-1)


def surely(kept: Tensor) -> Tensor:
    """`kept` (..., 2) as a direction, the shorter the less sure it is, within 1."""
    return kept / (1 + kept.norm(dim=-1, keepdim=True))


def hour_of(share: Tensor) -> Tensor:
    """The direction (..., 2) of a `share` of the day gone by."""
    return torch.stack([(2 * math.pi * share).cos(), (2 * math.pi * share).sin()], dim=-1)
