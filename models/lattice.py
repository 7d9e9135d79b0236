"""Where a ray goes in a world of unit cubes: through which cells, across which sides of them, and where on each side.

Of what stands in the cells nothing is known here: that is for the network to see. But whatever stands in one has six flat sides,
and where they lie in the picture follows from the pose alone. Grid traversal after Amanatides and Woo, 1987.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST = 1e-6
"""Parts of a direction that are smaller count as this much: no division by nothing."""


class Sides(NamedTuple):
    """The sides that rays cross, (n, k, h, w) each: the one through which they enter a cell, the one through which they leave it
    for the next, and so on."""

    axis: Tensor  # int64, 0, 1 or 2: across x, y or z
    away: Tensor  # blocks from the eye
    across: Tensor  # 0..1 from left to right as seen; along x where the axis is z
    up: Tensor  # 0..1 from below; along y where the axis is z


def _directed(directions: Tensor) -> Tensor:
    return torch.where(directions.abs() < _LEAST, _LEAST, directions)


def cells_along(eye: Tensor, ahead: Tensor, n: int) -> Tensor:
    """The first `n` cells that rays from `eye` (b, 3) along `ahead` (b, 3) enter, after the one they begin in: (b, n, 3), each by
    its lowest corner."""
    ahead, start = _directed(ahead), eye.floor()
    first = torch.where(ahead > 0, start + 1 - eye, eye - start)
    times = (first[..., None] + torch.arange(n, device=eye.device)) / ahead[..., None].abs()  # (b, 3, n) when sides are crossed
    order = times.flatten(1).argsort(dim=1, stable=True)[:, :n]
    steps = F.one_hot(order // n, 3).cumsum(dim=1)  # (b, n, 3) sides crossed along each axis so far
    return start[:, None] + steps * ahead.sign()[:, None]


def sides(eye: Tensor, rays: Tensor, cell: Tensor, k: int) -> tuple[Tensor, Sides]:
    """Whether unit `rays` (b, h, w, 3) from `eye` (b, 3) pass through `cell` (b, 3), bool (b, h, w), and the `k` sides they cross
    from where they enter it on. Where they pass it by, the sides mean nothing, but are finite."""
    rays = _directed(rays)
    low = (cell - eye)[:, None, None] / rays
    high = (cell + 1 - eye)[:, None, None] / rays
    enter, leave = torch.minimum(low, high), torch.maximum(low, high)
    away, axis = enter.max(dim=-1)
    hit = (away < leave.amin(dim=-1)) & (away > 0)
    found = [(axis, away)]
    for _ in range(k - 1):
        away, axis = leave.min(dim=-1)
        found.append((axis, away))
        leave = leave + F.one_hot(axis, 3) / rays.abs()
    axis, away = (torch.stack(part, dim=1) for part in zip(*found, strict=True))
    return hit, on_side(axis, away, eye[:, None, None, None], rays[:, None])


def on_side(axis: Tensor, away: Tensor, eye: Tensor, rays: Tensor) -> Sides:
    """The sides across `axis` that rays (..., 3) from `eye` meet `away`, of one shape (...)."""
    place = eye + away[..., None] * rays
    place = place - place.floor()
    (x, y, z), (dx, dy, _) = place.unbind(-1), rays.unbind(-1)
    facing_x, facing_y = torch.where(dx < 0, 1 - y, y), torch.where(dy < 0, x, 1 - x)
    across = torch.where(axis == 0, facing_x, torch.where(axis == 1, facing_y, x))
    return Sides(axis, away, across, torch.where(axis == 2, y, z))


def border(found: Sides) -> Tensor:
    """How far each place on a side is from its border, 0..0.5."""
    return 0.5 - torch.maximum((found.across - 0.5).abs(), (found.up - 0.5).abs())


def sides_told(hit: Tensor, found: Sides, k: int) -> Tensor:
    """What a network is told of the first `k` sides: (n, 1 + 5 k, h, w), nothing where the cell is passed by."""
    axes = F.one_hot(found.axis[:, :k], 3).movedim(-1, 2).flatten(1, 2)
    parts = [torch.ones_like(hit[:, None]), axes, border(found)[:, :k], found.away[:, :k] / 4]
    return torch.cat([part.float() for part in parts], dim=1) * hit[:, None]
