"""The album: views gone by, kept by where and which way they were seen, taken out again by where one looks now.

The map remembers what the network makes of a place; the album keeps the picture itself, of constant size: one view for every
stretch of ground and sector of directions, the latest, and as many as fit, the longest unvisited making room. Which views are
taken out, and how they are moved to where the player stands, is geometry alone; what to believe of them the network decides.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from models.config import ModelConfig
from models.pixels import quantised, to_float
from models.state import Album

AGE = 1000.0
"""Frames ago at which a view counts as one stretch farther away: of two alike, the later shows what was changed."""

ASIDE = (0.2, 8.0)
"""Blocks between places from which how far away things are can be told by comparing."""
TURNED = 1.2
"""Radians beyond which two views see too little of the same."""


class Pages(NamedTuple):
    """The album before and after every frame of a call, as places in one pile of views: those carried and the call's own."""

    frame: Tensor  # uint8 (b, v, H, W, 3)
    pose: Tensor  # (b, v, 5)
    place: Tensor  # int64 (b, t + 1, m) of the pile; (b, 1, m) where nothing was absorbed
    stamp: Tensor  # (b, t + 1, m), as in `Album`
    depth: Tensor  # (b, v, rows, W)
    now: Tensor  # (b, t + 1, 1), as in `Album`


def blank(config: ModelConfig, m: int, b: int, device: torch.device, rows: int = 0) -> Album:
    """An album of `b` rows that holds none of the `m` views it could. rows: of its views, of which it is known how far away they
    are."""
    height, width = config.image
    frame = torch.zeros(b, m, height, width, 3, dtype=torch.uint8, device=device)
    depth = torch.zeros(b, m, rows, width, dtype=torch.float16, device=device)
    pose, stamp, now = (torch.zeros(b, *size, device=device) for size in ((m, 5), (m,), (min(m, 1),)))
    return Album(frame, pose, stamp, depth, now)


@torch.no_grad()
def leaf_through(config: ModelConfig, album: Album, frames: Tensor, pose: Tensor, *, absorb: bool = True) -> Pages:
    """The album before every one of `frames` (b, t, 3, H, W) in -1..1 seen from `pose` (b, t, 5), and after the last; nothing is
    known yet of how far away what they show is."""
    b, m = album.stamp.shape
    if not absorb or not m:
        return left_alone(album, frames.shape[1] if absorb else 0)
    index, stamp, poses = torch.arange(m, device=pose.device).expand(b, m), album.stamp, torch.cat([album.pose, pose], dim=1)
    stretch, slots = _stretch(config, poses), torch.arange(m, device=pose.device)
    indices, stamps, now = [index], [stamp], _nows(album, pose.shape[1])
    for new in range(m, m + pose.shape[1]):
        held = stretch.gather(1, index[..., None].expand(-1, -1, stretch.shape[-1]))
        same = (held == stretch[:, new : new + 1]).all(dim=-1) & (stamp > 0)
        slot = torch.where(same.any(dim=1), same.int().argmax(dim=1), stamp.argmin(dim=1))
        here = slots == slot[:, None]
        index, stamp = torch.where(here, new, index), torch.where(here, now[:, new - m + 1], stamp)
        indices.append(index)
        stamps.append(stamp)
    return piled(album, frames, poses, torch.stack(indices, 1), torch.stack(stamps, 1))


def _nows(album: Album, t: int) -> Tensor:
    """How many frames there have been before each of `t` frames, and after the last: (b, t + 1, 1)."""
    return album.now[:, None] + torch.arange(t + 1, device=album.now.device)[:, None]


def piled(album: Album, frames: Tensor, poses: Tensor, place: Tensor, stamp: Tensor) -> Pages:
    """The views carried and the call's own `frames` in one pile, at `poses` and in places as given."""
    depth = album.depth.new_zeros(*frames.shape[:2], *album.depth.shape[2:])
    pile = torch.cat([album.frame, quantised(frames)], 1)
    return Pages(pile, poses, place, stamp, torch.cat([album.depth, depth], 1), _nows(album, frames.shape[1]))


def left_alone(album: Album, t: int) -> Pages:
    """The album before and after `t` frames none of which goes into it."""
    b, m = album.stamp.shape
    index = torch.arange(m, device=album.stamp.device).expand(b, t + 1, m)
    return Pages(album.frame, album.pose, index, album.stamp[:, None].expand(-1, t + 1, -1), album.depth, _nows(album, t))


def at(pages: Pages, row: Tensor, t: Tensor) -> Album:
    """The albums of `row` before frame `t` of the call, index tensors of one shape (r,)."""
    index = pages.place[row, t]
    frame, pose, depth = (views(pile, row[:, None], index) for pile in (pages.frame, pages.pose, pages.depth))
    return Album(frame, pose, pages.stamp[row, t], depth, pages.now[row, t])


@torch.no_grad()
def take_out(config: ModelConfig, pages: Pages, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The views nearest to each `pose` (b, t, 5): frames (b, t, k, 3, H, W), poses (b, t, k, 5), and whether there are such.

    Nearest in place and direction together; the frame before is not among them, the network has it anyway.
    """
    row, index, age, far = _near(config, pages, pose)
    nearest = far.masked_fill(age == 0, torch.inf).topk(config.album.n_shown, dim=-1, largest=False)
    chosen = index.gather(-1, nearest.indices)
    shown = views(pages.frame, row, chosen)
    return to_float(shown, shown.device), views(pages.pose, row, chosen), nearest.values.isfinite()


@torch.no_grad()
def nearest(config: ModelConfig, pages: Pages, pose: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The `k` views nearest to each `pose` (b, t, 5), the frame before among them: bytes (b, t, k, H, W, 3), how far away what
    they show is (b, t, k, rows, W), poses (b, t, k, 5), and frames ago (b, t, k), infinite where there is no such view."""
    row, index, age, far = _near(config, pages, pose)
    found = far.topk(min(k, far.shape[-1]), dim=-1, largest=False).indices
    chosen = index.gather(-1, found)
    frame, depth, stood = (views(pile, row, chosen) for pile in (pages.frame, pages.depth, pages.pose))
    return frame, depth, stood, age.gather(-1, found)


@torch.no_grad()
def aside(config: ModelConfig, pages: Pages, pose: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`k` views of much of what is seen from each `pose` (b, t, 5), but from another place: where in the pile they lie
    (b, t, k), and whether there are such."""
    _, index, stamp, away, turn = measured(pages, pose)
    fit = turn / (0.75 * math.radians(config.album.degrees)) + away.clamp(min=1e-3).log().abs() / 2
    no_use = (stamp == 0) | (away < ASIDE[0]) | (away > ASIDE[1]) | (turn > TURNED)
    best = fit.masked_fill(no_use, torch.inf).topk(min(k, fit.shape[-1]), dim=-1, largest=False)
    return index.gather(-1, best.indices), best.values.isfinite()


def measured(pages: Pages, pose: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The views kept before each `pose` (b, t, 5): rows (b, 1, 1) and places (b, t, m) in the pile, stamps, how far away from it
    they were seen, and by how much they look another way, (b, t, m) each."""
    row = torch.arange(len(pose), device=pose.device)[:, None, None]
    index, stamp = pages.place[:, : pose.shape[1]], pages.stamp[:, : pose.shape[1]]
    return row, index, stamp, *apart(views(pages.pose, row, index), pose[:, :, None])


def _near(config: ModelConfig, pages: Pages, pose: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows and places as `measured`, frames ago, and how far off each view is in place, direction and time together, (b, t, m)
    each; infinite where there is none."""
    album = config.album
    row, index, stamp, away, turn = measured(pages, pose)
    age = (pages.now[:, : pose.shape[1]] - stamp).masked_fill(stamp == 0, torch.inf)
    return row, index, age, away / album.cells + turn / math.radians(0.75 * album.degrees) + age / AGE


def apart(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """How far poses (..., 5) are apart, in cells, and by how much they look another way, in radians."""
    off = a - b
    return off[..., :3].norm(dim=-1), (torch.remainder(off[..., 3] + math.pi, 2 * math.pi) - math.pi).abs() + off[..., 4].abs()


def views(pile: Tensor, row: Tensor, index: Tensor) -> Tensor:
    """pile (b, v, ...) at `row` and `index`, which broadcast: (*index, ...). Whole views are copied, not bytes one by one."""
    flat = (row * pile.shape[1] + index).flatten()
    return pile.flatten(0, 1).index_select(0, flat).unflatten(0, torch.broadcast_shapes(row.shape, index.shape))


def _stretch(config: ModelConfig, pose: Tensor) -> Tensor:
    """What views share that stand for one another: stretch of ground, height, and sectors of heading and pitch, (..., 5)."""
    sector = math.radians(config.album.degrees)
    place = (pose[..., :3] / config.album.cells).floor()
    heading = torch.remainder((pose[..., 3:4] / sector).round(), round(2 * math.pi / sector))
    return torch.cat([place, heading, (pose[..., 4:] / sector).round()], dim=-1)
