"""The frame before, as it looks from where the player is now, if everything lay at one of a few distances.

A plane sweep: for each distance the earlier picture is moved by the known motion, exactly where the guess is right. Which
guess holds for which pixel (or none: occluded, out of view, changed) is for the network to say. The frame before travels in
the state, like the inputs of a short convolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.config import ModelConfig


def pixel_rays(config: ModelConfig) -> Tensor:
    """Directions (H, W, 3) of all pixels as (ahead, right, up) of an untilted camera, ahead = 1."""
    height, width = config.image
    focal = width / 2 / math.tan(math.radians(config.camera.fov_degrees) / 2)
    right = (torch.arange(width) + 0.5 - width / 2) / focal
    up = -(torch.arange(height) + 0.5 - height / 2) / focal
    ahead = torch.ones(height, width)
    return torch.stack([ahead, right.expand(height, -1), up[:, None].expand(-1, width)], dim=-1)


def _axes(pose: Tensor, tilt: float) -> Tensor:
    """Rows ahead, right, up (n, 3, 3) of the cameras at poses (n, 5), in the world's axes."""
    heading, pitch = pose[:, 3], pose[:, 4] + tilt
    ch, sh, cp, sp = heading.cos(), heading.sin(), pitch.cos(), pitch.sin()
    zero = torch.zeros_like(ch)
    return torch.stack(
        [torch.stack([ch * cp, sh * cp, sp], -1), torch.stack([sh, -ch, zero], -1), torch.stack([-ch * sp, -sh * sp, cp], -1)], 1
    )


@torch.no_grad()
def sweep(config: ModelConfig, nearness: Sequence[float], rays: Tensor, frame: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """frame (n, 3, H, W) seen from poses `before` (n, 5), moved to poses `now`: (n, k, 4, H, W), one picture a distance.

    k runs over `nearness`, inverse distances along the ground in 1 / cells; 0 is infinitely far: turning only. The
    fourth channel is 1 where the earlier frame reached and 0 elsewhere, where the colours are 0 too.
    """
    camera, (height, width), n, k = config.camera, config.image, len(frame), len(nearness)
    tilt = math.radians(camera.tilt_degrees)
    old_axes, new_axes = _axes(before, tilt), _axes(now, tilt)
    shift = now[:, :3] - before[:, :3] + camera.forward_cells * (_ground(now) - _ground(before))
    shift = (old_axes @ shift[:, :, None]).squeeze(-1)  # (n, 3) in the old camera's axes
    flat = rays.reshape(-1, 3)
    along = (flat @ new_axes[..., :2]).norm(dim=-1).clamp(min=0.2)  # (n, H W) ground covered by a unit of each ray
    turned = (flat @ (new_axes @ old_axes.transpose(1, 2))).unbind(-1)  # ahead, right, up: (n, H W) each
    near = torch.tensor(nearness, device=frame.device)[:, None]
    ahead, right, up = ((t[:, None] + near * along[:, None] * shift[:, i, None, None]) for i, t in enumerate(turned))
    scale = 1 / (ahead.clamp(min=1e-3) * math.tan(math.radians(camera.fov_degrees) / 2))
    x, y = right * scale, -up * scale * (width / height)  # (n, k, H W) in -1..1 where the earlier frame reached
    valid = ((ahead > 1e-3) & (x.abs() <= 1) & (y.abs() <= 1)).to(frame.dtype)
    place = torch.stack([x, y], dim=-1).clamp(-2, 2).reshape(n, k * height, width, 2)
    moved = F.grid_sample(frame.float(), place, mode="bilinear", padding_mode="border", align_corners=False)
    moved = moved.reshape(n, 3, k, height * width) * valid[:, None]
    return torch.cat([moved, valid[:, None]], dim=1).transpose(1, 2).reshape(n, k, 4, height, width)


def _ground(pose: Tensor) -> Tensor:
    """The heading as a unit vector (n, 3) in the plane."""
    heading = pose[:, 3]
    return torch.stack([heading.cos(), heading.sin(), torch.zeros_like(heading)], dim=-1)
