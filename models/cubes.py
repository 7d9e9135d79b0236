"""Which cubes stand where, carved frame by frame out of how far away things were seen to be.

A grid of unit cubes is kept of the world, for each how surely it is solid or free: what a ray passes through is free, where it
ends is solid (an occupancy grid, after Moravec and Elfes, 1985). Sent through it from where the player stands next, rays tell how
far away what is in view now is: by that, views gone by are moved (`models.shown`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.config import ModelConfig
from models.depth import Seen
from models.reprojection import eyes, view_axes

FIRST, STEP, SPREAD, N_STEPS = 0.25, 0.25, 0.05, 63
"""Where along a ray it is asked what stands there: blocks to the first place, blocks between places, or share of the way."""
FARTHEST = 40.0
"""Blocks beyond which nothing is kept: about the last of these places."""
UNIT, SURE = 32, 96
"""How much one look says of a cube that fills it, and the most that is kept."""
SOLID = 16
"""From which on a cube is taken to be solid."""
HIT = 3.0
"""How many places passed through one ray's end outweighs, and how many looks make a whole one."""
ABOUT = 2
"""Cubes to each side from which light comes to one that is not open to the sky itself."""
INSIDE, MARGIN = 0.05, 0.1
"""Blocks behind what is seen at which the cube lies that shows, and before it up to which all is free."""
TOO_VAGUE = 0.25
"""Share of a distance from which on, if it may err by so much, nothing is taken to stand there; by less, the less the more."""


def n_cubes(config: ModelConfig) -> int:
    """Cubes kept; 0 where there is no such drawer."""
    size = config.cubes
    return size.n_x * size.n_y * size.n_z if size.channels else 0


def _places(device: torch.device) -> Tensor:
    """Blocks from the eye (k, 1) at which rays ask: evenly spaced, and from where a step is that share of the way by it."""
    i, even = torch.arange(N_STEPS, device=device)[:, None], (STEP / SPREAD - FIRST) / STEP
    return torch.where(i < even, FIRST + STEP * i, STEP / SPREAD * (1 + SPREAD) ** (i - even))


def slots(config: ModelConfig, eye: Tensor, rays: Tensor, away: Tensor) -> Tensor:
    """Which cubes of n rows, one row after another, lie `away` (k, 1) or (n, 1, r) along rays (n, 3, r) from eyes (n, 3): int32
    (n, k, r); what lies outside counts as the outermost, in which there is nothing."""
    size, low = (config.cubes.n_x, config.cubes.n_y, config.cubes.n_z), lowest(config)
    slot = torch.arange(len(eye), dtype=torch.int32, device=eye.device)[:, None, None]
    for axis, n in enumerate(size):
        start = eye[:, axis, None, None] - low[axis]
        cell = (away * rays[:, axis, None]).add_(start).clamp_(0, n - 1).to(torch.int32)
        slot = cell.add_(slot * n) if axis == 0 else slot.mul_(n).add_(cell)
    return slot


def lowest(config: ModelConfig) -> tuple[float, float, float]:
    """The lowest corner of the cubes kept: in the middle of the map, from the ground up."""
    grid, size = config.grid, config.cubes
    return (grid.n_x * grid.cells_per_slot - size.n_x) / 2, (grid.n_y * grid.cells_per_slot - size.n_y) / 2, 0.0


def look(config: ModelConfig, rays: Tensor, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Eyes (n, 3), camera axes (n, 3, 3) and the view's unit rays (n, 3, rows W) of poses (n, 5)."""
    view = rays[: config.bar_rows[0]].flatten(0, 1)
    axes = view_axes(pose, math.radians(config.camera.tilt_degrees))
    directed = axes.transpose(1, 2) @ (view / view.norm(dim=-1, keepdim=True)).T
    return eyes(config, pose, config.hands.eye), axes, directed


class Ends(NamedTuple):
    """Where rays end, (n, r) each."""

    away: Tensor  # blocks to the first solid cube, infinite where there is none
    free: Tensor  # which share of all places along each is known to be free
    slot: Tensor  # int32, which cube of all rows that is; any where there is none
    axis: Tensor  # int64, across which axis the side is through which it is entered


def ends(config: ModelConfig, cubes: Tensor, eye: Tensor, rays: Tensor) -> Ends:
    """Where rays (n, 3, r) from eyes (n, 3) end in cubes (n, m)."""
    places = _places(eye.device)
    slot = slots(config, eye, rays, places)
    there = cubes.flatten().index_select(0, slot.flatten()).view(slot.shape)
    hit, first = (there >= SOLID).view(torch.uint8).max(dim=1)
    free = (there < 0).view(torch.uint8).sum(dim=1, dtype=torch.uint8) / N_STEPS
    inside = eye[..., None] + places[:, 0][first][:, None] * rays
    rays = torch.where(rays.abs() < 1e-6, 1e-6, rays)
    low = (inside.floor() - eye[..., None]) / rays
    enter, axis = torch.minimum(low, low + 1 / rays).max(dim=1)
    away = enter.clamp(min=INSIDE).masked_fill(hit == 0, torch.inf)
    return Ends(away, free, slot.gather(1, first[:, None])[:, 0], axis)


def _strides(config: ModelConfig) -> tuple[int, int, int]:
    """How many slots the next cube along x, y and z is away."""
    return config.cubes.n_y * config.cubes.n_z, config.cubes.n_z, 1


def before_side(config: ModelConfig, met: Ends, rays: Tensor) -> Tensor:
    """As `Ends.slot`, the cubes out of which `rays` (n, 3, r) come where they `met` others."""
    step = sum((met.axis == axis) * n for axis, n in enumerate(_strides(config)))
    way = rays.gather(1, met.axis[:, None])[:, 0].sign().to(torch.int32)
    return met.slot - way * step


def in_slots(parts: Tensor, slot: Tensor) -> Tensor:
    """Of `parts` (n, m), one of every cube, those of the cubes in `slot` (n, r), as `Ends.slot`; of what lies outside, any."""
    return parts.flatten().index_select(0, slot.clamp(0, parts.numel() - 1).flatten()).view(slot.shape)


def closed_in(config: ModelConfig, cubes: Tensor, met: Ends, before: Tensor, eye: Tensor, rays: Tensor) -> Tensor:
    """Of the places where `rays` (n, 3, r) from `eye` (n, 3) `met` sides of `cubes` (n, m), coming out of those `before` (n, r),
    what share of what lies before them is solid: (n, r) in 0..1. Of the four cubes before a side that are nearest, each counts
    the more, the nearer its middle is: so light gathers in voxel worlds, and corners are dark."""
    across, up = torch.where(met.axis == 0, 1, 0), torch.where(met.axis == 2, 1, 2)
    place = eye[..., None] + met.away.masked_fill(met.away.isinf(), 0.0)[:, None] * rays
    middle = place - place.floor() - 0.5
    off = [middle.gather(1, axis[:, None])[:, 0] for axis in (across, up)]
    along_x, along_y, along_z = _strides(config)
    stride = torch.where(across == 1, along_y, along_x), torch.where(up == 1, along_y, along_z)
    aside, above = ((part.sign() * step).to(torch.int32) for part, step in zip(off, stride, strict=True))
    share, height = off[0].abs(), off[1].abs()
    solid = (cubes >= SOLID).float()
    one_way = in_slots(solid, before + aside) * share * (1 - height) + in_slots(solid, before + above) * height * (1 - share)
    return (one_way + in_slots(solid, before + aside + above) * share * height).masked_fill(met.away.isinf(), 0.0)


def open_to_sky(config: ModelConfig, cubes: Tensor) -> Tensor:
    """Of `cubes` (n, m) which share of those around, on the same height, has nothing solid above it: (n, m) in 0..1."""
    size = config.cubes
    solid = cubes.view(-1, size.n_x, size.n_y, size.n_z).movedim(-1, 1) >= SOLID
    bare = solid.flip(1).cumsum(dim=1, dtype=torch.int8).flip(1) == 0
    share = F.avg_pool2d(bare.float(), 1 + 2 * ABOUT, 1, ABOUT, count_include_pad=False)
    return share.movedim(1, -1).reshape(cubes.shape)


def carved(config: ModelConfig, cubes: Tensor, eye: Tensor, rays: Tensor, away: Tensor, width: Tensor) -> Tensor:
    """`cubes` int8 (n, m) after a look along rays (n, 3, r) that saw something `away` (n, r), give or take a share `width`."""
    free = (away * (1 - width.clamp(max=0.3)) - MARGIN).clamp(max=FARTHEST)
    places = _places(eye.device)
    passed = (places < free[:, None]).float()
    ended = HIT * (1 - width / TOO_VAGUE).clamp(min=0) * (away < FARTHEST)
    n_passed, n_ended = torch.zeros(2, cubes.numel(), device=cubes.device)
    n_passed.index_add_(0, slots(config, eye, rays, places).flatten(), passed.flatten())
    last = (away + INSIDE).clamp(max=2 * FARTHEST)[:, None]
    n_ended.index_add_(0, slots(config, eye, rays, last).flatten(), ended.flatten())
    told = UNIT * (n_ended - n_passed) / (n_ended + n_passed).clamp(min=HIT)
    found = (cubes + told.view_as(cubes).round()).clamp(-SURE, SURE).to(torch.int8)
    return bordered(config, found)


def bordered(config: ModelConfig, cubes: Tensor) -> Tensor:
    """`cubes` (n, m), or as they lie (n, x, y, z), changed in place: the outermost are free."""
    around = cubes.view(-1, config.cubes.n_x, config.cubes.n_y, config.cubes.n_z)
    for axis in (1, 2, 3):
        for end in (0, -1):
            around.select(axis, end).fill_(-1)
    return cubes


class Change(NamedTuple):
    """What hands did that led to each of t frames."""

    cell: Tensor  # (b, t, 3) its lowest corner
    value: Tensor  # int8 (b, t): `SURE` where a block came, -`SURE` where one went, 0 where none did

    def at(self, i: int) -> tuple[Tensor, Tensor]:
        """The cell (b, 3), and where there was a change (b,), on the way to frame `i`."""
        return self.cell[:, i], self.value[:, i] != 0


def cubes_at(config: ModelConfig, cells: Tensor) -> Tensor:
    """As `slots`, the cubes that lie at `cells` (n, k, 3), their lowest corners: (n, k)."""
    middles = cells.movedim(1, 2) + 0.5
    return slots(config, torch.zeros_like(middles[..., 0]), middles, middles.new_ones(1, 1))[:, 0]


def put(config: ModelConfig, cubes: Tensor, cell: Tensor, there: Tensor, value: Tensor) -> Tensor:
    """`cubes` (n, m), or what is kept of them, with `value` (n,) at `cell` (n, 3), its lowest corner, where that is asked for,
    `there` (n,)."""
    slot = cubes_at(config, cell[:, None]).flatten().long()
    found = cubes.flatten().clone()
    found[slot] = torch.where(there, value, found[slot])
    return found.view_as(cubes)


def worked(config: ModelConfig, cubes: Tensor, change: Change, value: Tensor) -> Tensor:
    """`cubes` (b, m), or what is kept of them, before each of t frames of which nothing is learned but that hands put `value`
    (b, t) where they changed something, and after the last: (b, t + 1, m)."""
    found = [cubes]
    for i in range(value.shape[1]):
        found.append(put(config, found[-1], *change.at(i), value[:, i]))
    return torch.stack(found, dim=1)


@torch.no_grad()
def after(
    config: ModelConfig, rays: Tensor, cubes: Tensor, seen: Seen, pose: Tensor, change: Change | None = None
) -> tuple[Tensor, Tensor]:
    """Cubes (b, t + 1, m) before each of t frames that saw `seen` (b, t, rows, W) from `pose` (b, t, 5), and after the last; and
    how far away, by the cubes after each, what it shows is (b, t, rows, W): by all looks so far, not by that one alone. Where no
    cube stands yet for what that one saw, it is what that one told, with a minus: perhaps sky."""
    found, away, view = [cubes], [], rays[: config.bar_rows[0]].shape[:2]
    for i in range(pose.shape[1]):
        known = found[-1] if change is None else put(config, found[-1], *change.at(i), change.value[:, i])
        eye, _, directed = look(config, rays, pose[:, i])
        picture = directed.unflatten(2, view)[..., ::2, ::2].flatten(2)  # every other pixel is enough
        known = carved(config, known, eye, picture, *(part[:, i, ::2, ::2].flatten(1) for part in seen))
        found.append(known)
        away.append(ends(config, known, eye, directed).away.unflatten(1, view))
    far = torch.stack(away, dim=1)
    return torch.stack(found, dim=1), torch.where(far.isinf() & seen.away.isfinite(), -seen.away, far)
