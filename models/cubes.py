"""Which cubes stand where, carved frame by frame out of how far away things were seen to be.

A grid of unit cubes is kept of the world, for each how surely it is solid or free: what a ray passes through is free, where it
ends is solid (an occupancy grid, after Moravec and Elfes, 1985). Sent through it from where the player stands next, rays tell how
far away what is in view now is: by that, views gone by are moved (`models.shown`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.config import ModelConfig
from models.depth import Seen
from models.reprojection import eyes, view_axes

FIRST, STEP, SPREAD, N_STEPS = 0.25, 0.2, 0.04, 80
"""Where along a ray it is asked what stands there: blocks to the first place, blocks between places, or share of the way."""
FARTHEST = 40.0
"""Blocks beyond which nothing is kept: about the last of these places."""
UNIT, SURE = 32, 96
"""How much one look says of a cube that fills it, and the most that is kept."""
SOLID = 16
"""From which on a cube is taken to be solid."""
HIT = 3.0
"""How many places passed through one ray's end outweighs, and how many looks make a whole one."""
INSIDE, MARGIN = 0.05, 0.1
"""Blocks behind what is seen at which the cube lies that shows, and before it up to which all is free."""
TOO_VAGUE = 0.25
"""Share of a distance from which on, if it may err by so much, nothing is taken to stand there; by less, the less the more."""


def n_cubes(config: ModelConfig) -> int:
    """Cubes kept, and one for all others; 0 where there is no such drawer."""
    size = config.cubes
    return size.n_x * size.n_y * size.n_z + 1 if size.channels else 0


def _places(device: torch.device) -> Tensor:
    """Blocks from the eye (k, 1) at which rays ask."""
    found = [FIRST]
    while len(found) < N_STEPS:
        found.append(found[-1] + max(STEP, SPREAD * found[-1]))
    return torch.tensor(found, device=device)[:, None]


def _slots(config: ModelConfig, eye: Tensor, rays: Tensor, away: Tensor) -> Tensor:
    """Which cubes of n rows, one row after another, lie `away` (k, 1) or (n, 1, r) along rays (n, 3, r) from eyes (n, 3): int32
    (n, k, r); the last of a row stands for all that lie outside."""
    size, low = (config.cubes.n_x, config.cubes.n_y, config.cubes.n_z), lowest(config)
    slot = outside = torch.empty(0, dtype=torch.int32, device=eye.device)
    for axis, n in enumerate(size):
        start = eye[:, axis, None, None] - low[axis]
        cell = torch.addcmul(start, away, rays[:, axis, None]).floor_().to(torch.int32)
        outside = cell >> (n.bit_length() - 1) if axis == 0 else outside.bitwise_or_(cell >> (n.bit_length() - 1))
        slot = cell if axis == 0 else slot.mul_(n).add_(cell)
    rows = torch.arange(len(eye), dtype=torch.int32, device=eye.device)[:, None, None]
    return torch.where(outside == 0, slot, n_cubes(config) - 1) + rows * n_cubes(config)


def lowest(config: ModelConfig) -> tuple[float, float, float]:
    """The lowest corner of the cubes kept: in the middle of the map, from the ground up."""
    grid, size = config.grid, config.cubes
    return (grid.n_x * grid.cells_per_slot - size.n_x) // 2, (grid.n_y * grid.cells_per_slot - size.n_y) // 2, 0.0


def look(config: ModelConfig, rays: Tensor, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Eyes (n, 3), camera axes (n, 3, 3) and the view's unit rays (n, 3, rows W) of poses (n, 5)."""
    view = rays[: config.bar_rows[0]].flatten(0, 1)
    axes = view_axes(pose, math.radians(config.camera.tilt_degrees))
    directed = axes.transpose(1, 2) @ (view / view.norm(dim=-1, keepdim=True)).T
    return eyes(config, pose, config.hands.eye), axes, directed


def ends(config: ModelConfig, cubes: Tensor, eye: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
    """How far away the first solid cube is along rays (n, 3, r) through cubes (n, m): (n, r) blocks, infinite where none is; and
    which share of all places along each is known to be free."""
    places = _places(eye.device)
    slot = _slots(config, eye, rays, places)
    there = cubes.flatten().index_select(0, slot.flatten()).view(slot.shape)
    solid = there >= SOLID
    hit, first = solid.to(torch.uint8).max(dim=1)
    free = (there < 0).sum(dim=1, dtype=torch.int32) / N_STEPS
    inside = eye[..., None] + places[:, 0][first][:, None] * rays
    rays = torch.where(rays.abs() < 1e-6, 1e-6, rays)
    low = (inside.floor() - eye[..., None]) / rays
    enter = torch.minimum(low, low + 1 / rays).amax(dim=1).clamp(min=INSIDE)
    return enter.masked_fill(hit == 0, torch.inf), free


def carved(config: ModelConfig, cubes: Tensor, eye: Tensor, rays: Tensor, away: Tensor, width: Tensor) -> Tensor:
    """`cubes` int8 (n, m) after a look along rays (n, 3, r) that saw something `away` (n, r), give or take a share `width`."""
    free = (away * (1 - width.clamp(max=0.3)) - MARGIN).clamp(max=FARTHEST)
    places = _places(eye.device)
    passed = (places < free[:, None]).float()
    ended = HIT * (1 - width / TOO_VAGUE).clamp(min=0) * (away < FARTHEST)
    n_passed, n_ended = torch.zeros(2, cubes.numel(), device=cubes.device)
    n_passed.index_add_(0, _slots(config, eye, rays, places).flatten(), passed.flatten())
    last = (away + INSIDE).clamp(max=2 * FARTHEST)[:, None]
    n_ended.index_add_(0, _slots(config, eye, rays, last).flatten(), ended.flatten())
    told = UNIT * (n_ended - n_passed) / (n_ended + n_passed).clamp(min=HIT)
    found = (cubes + told.view_as(cubes).round()).clamp(-SURE, SURE).to(torch.int8)
    found[:, -1] = -1  # outside there is nothing
    return found


@torch.no_grad()
def after(config: ModelConfig, rays: Tensor, cubes: Tensor, seen: Seen, pose: Tensor) -> tuple[Tensor, Tensor]:
    """Cubes (b, t + 1, m) before each of t frames that saw `seen` (b, t, rows, W) from `pose` (b, t, 5), and after the last; and
    how far away, by the cubes after each, what it shows is (b, t, rows, W): by all looks so far, not by that one alone."""
    found, away = [cubes], []
    for i in range(pose.shape[1]):
        eye, _, directed = look(config, rays, pose[:, i])
        picture = directed.unflatten(2, seen.away.shape[2:])[..., ::2, ::2].flatten(2)  # every other pixel is enough
        found.append(carved(config, found[-1], eye, picture, *(part[:, i, ::2, ::2].flatten(1) for part in seen)))
        away.append(ends(config, found[-1], eye, directed)[0].unflatten(1, seen.away.shape[2:]))
    return torch.stack(found, dim=1), torch.stack(away, dim=1)
