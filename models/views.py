"""Looking for places of the world in views gone by, and taking their colours from there."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.config import ModelConfig
from models.pixels import from_bytes
from models.reprojection import eyes, view_axes


def in_views(config: ModelConfig, place: Tensor, pose: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
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


def mixed(frames: Tensor, chosen: Tensor, x: Tensor, y: Tensor) -> Tensor:
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
