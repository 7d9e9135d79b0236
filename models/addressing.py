"""Where in the world a token looks: pose -> viewing rays, rotary phases and map addresses.

This is what makes memory possible: B and C of the state-space layers (and attention's queries and keys) are functions of
the place looked at, so what was written there is found there again, from any side, however long ago.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from models.config import MapGrid, ModelConfig


class Rays(NamedTuple):
    """The viewing rays of one call."""

    origin: Tensor  # (b, t, 2) camera position in cells
    bearing: Tensor  # (b, t, s) world direction of each token, radians


class Address(NamedTuple):
    """Where the points along each ray lie on the map of `MapGrid` slots."""

    x: Tensor  # (b, t, s, z, n_x) soft slots to write to; the outer product with y is the address; (0,) where none is wanted
    y: Tensor  # (b, t, s, z, n_y)
    slot: Tensor  # (b, t, s, z, 4) int64, the four slots around each point to read from, y * n_x + x
    share: Tensor  # (b, t, s, z, 4) their bilinear weights


def token_angles(config: ModelConfig) -> Tensor:
    """Angle (s,) of each token's centre from the viewing direction, counter-clockwise: image right is negative."""
    rows, columns = config.token_grid
    pixels = (torch.arange(columns, dtype=torch.float32) + 0.5) * config.patch[1] - config.image[1] / 2
    focal = config.image[1] / 2 / math.tan(math.radians(config.camera.fov_degrees) / 2)
    return -torch.atan(pixels / focal).repeat(rows)


def rays(config: ModelConfig, pose: Tensor, angles: Tensor) -> Rays:
    """Rays of every token for poses (b, t, 5)."""
    heading = pose[..., 3]
    direction = torch.stack([heading.cos(), heading.sin()], dim=-1)
    return Rays(pose[..., :2] + config.camera.forward_cells * direction, heading[..., None] + angles)


def depths(grid: MapGrid, device: torch.device | None = None) -> Tensor:
    """Distances (z,) in cells along a ray, denser near the eye."""
    k = torch.linspace(0, 1, grid.n_depths, device=device)
    return grid.nearest_cells + (grid.farthest_cells - grid.nearest_cells) * (0.6 * k + 0.4 * k**2)


def map_address(grid: MapGrid, view: Rays, distance: Tensor, *, write: bool = True) -> Address:
    """The slots of the points at `distance` (z,) along each ray, as weights that sum to about one along each axis.

    write=False: only where to read.

    A point spreads over its neighbours like a hat whose width is a slot, or the gap to the next point where that is
    wider: far away one token covers more ground.
    """
    along = torch.stack([view.bearing.cos(), view.bearing.sin()], dim=-1)
    points = (view.origin[:, :, None, None] + distance[:, None] * along[..., None, :]) / grid.cells_per_slot  # (b,t,s,z,2)
    if not write:
        return Address(points.new_empty(0), points.new_empty(0), *_around(points, grid))
    gaps = torch.diff(distance, append=distance[-1:] + (distance[-1:] - distance[-2:-1]))
    width = (gaps / grid.cells_per_slot).clamp(min=1.0)
    return Address(_hat(points[..., 0], width, grid.n_x), _hat(points[..., 1], width, grid.n_y), *_around(points, grid))


def _around(points: Tensor, grid: MapGrid) -> tuple[Tensor, Tensor]:
    """The four slots around `points` (..., 2) and their bilinear weights, each (..., 4)."""
    low = points.floor()
    part = points - low
    left, under = low.long().unbind(-1)
    x = torch.remainder(torch.stack([left, left + 1] * 2, dim=-1), grid.n_x)
    y = torch.remainder(torch.stack([under] * 2 + [under + 1] * 2, dim=-1), grid.n_y)
    share_x = torch.stack([1 - part[..., 0], part[..., 0]] * 2, dim=-1)
    share_y = torch.stack([1 - part[..., 1]] * 2 + [part[..., 1]] * 2, dim=-1)
    return y * grid.n_x + x, share_x * share_y


def _hat(position: Tensor, width: Tensor, n_slots: int) -> Tensor:
    """Weights (..., z, n_slots) of triangular bumps of half-width `width` (z,) around `position` on a ring of slots."""
    offset = position[..., None] - torch.arange(n_slots, device=position.device, dtype=position.dtype)
    away = torch.remainder(offset + n_slots / 2, n_slots) - n_slots / 2
    return torch.relu(1 - away.abs() / width[:, None]) / width[:, None]


def rotary_phases(view: Rays, harmonics: Tensor, distance: Tensor, frequencies: Tensor) -> Tensor:
    """Angles (b, t, s, h, p / 2) by which heads rotate: harmonics of the bearing, then waves over the point looked at.

    harmonics (p/4,) whole numbers; distance (h,) cells along the ray; frequencies (p/4, 2) radians per cell.
    """
    along = torch.stack([view.bearing.cos(), view.bearing.sin()], dim=-1)[:, :, :, None]
    points = view.origin[:, :, None, None] + distance[:, None] * along  # (b, t, s, h, 2)
    turning = (view.bearing[..., None] * harmonics)[:, :, :, None].expand(*points.shape[:-1], -1)
    return torch.cat([turning, points @ frequencies.T], dim=-1)


def rotate(x: Tensor, phases: Tensor) -> Tensor:
    """Rotate the pairs of x (..., p) by phases (..., p / 2)."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = phases.cos().to(x.dtype), phases.sin().to(x.dtype)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
