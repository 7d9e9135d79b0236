"""Who only turns sees again what he saw: the picture turned, exactly, and not what a network makes of it.

About an eye that stays where it is a view turns as geometry says, however far away things are; redrawn by a network it goes
softer with every frame. So a few views from where the player stands are kept as they were, each that looks well past the
others, and while he turns every pixel that one of them reaches is taken from the first that does: what one comes back to is what
one left. They are given up when he walks on, and when something changes before him.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models import album
from models.album import Pages
from models.conditioning import REST, Control, unmoved
from models.config import ModelConfig
from models.graph import can_branch
from models.pixels import CHANGED, to_float
from models.reprojection import bare, sweep
from models.state import Album, LastFrame

HERE = 0.1
"""Blocks within which views are taken to be from one place: what lies two blocks away is off by three degrees at most."""
STILL = 0.004
"""Blocks a frame up to which one is taken to turn only: on keys alone, motions err by a quarter of that."""
PAST = math.radians(20)
"""By how much a view that is kept looks another way than all others that are."""
LEAST = 6
"""Pixels of the view that change at least for something to have changed."""
N_SHOWN = 5
"""Views kept that are taken out for a frame; beside them there is the frame before."""


@torch.no_grad()
def stay(config: ModelConfig, here: Album, last: LastFrame, frames: Tensor, control: Control) -> Pages:
    """The views kept before every one of `frames` (b, t, 3, H, W), and after the last. last: the frame before each."""
    b, m, rows = *here.stamp.shape, config.bar_rows[0]
    other = (frames - last.frame)[..., :rows, :].abs().amax(dim=2) > CHANGED
    changed = unmoved(control) & (other.flatten(2).sum(dim=2) >= LEAST)
    index, stamp, slots = torch.arange(m, device=frames.device).expand(b, m), here.stamp, torch.arange(m, device=frames.device)
    poses, indices, stamps = torch.cat([here.pose, control.pose], dim=1), [index], [stamp]
    for i in range(frames.shape[1]):
        held = poses.gather(1, index[..., None].expand(-1, -1, poses.shape[-1]))
        away, turn = album.apart(held, control.pose[:, i : i + 1])
        stamp = torch.where((away < HERE) & ~changed[:, i : i + 1], stamp, 0)
        known = ((stamp > 0) & (turn < PAST)).any(dim=1, keepdim=True)
        new = (slots == stamp.argmin(dim=1, keepdim=True)) & ~known
        index, stamp = torch.where(new, m + i, index), torch.where(new, stamp.amax(dim=1, keepdim=True) + 1, stamp)
        indices.append(index)
        stamps.append(stamp)
    return album.piled(here, frames, poses, torch.stack(indices, 1), torch.stack(stamps, 1))


@torch.no_grad()
def turned(config: ModelConfig, rays: Tensor, pictures: Tensor, last: LastFrame, here: Pages, control: Control) -> Tensor:
    """`pictures` (b, t, 3, H, W) with what was seen from here before, where the player only turns; last: the frame before each,
    (b, t, ...); rays: as by `reprojection.pixel_rays`."""
    motion, (b, t), rows = control.motion.abs(), pictures.shape[:2], config.bar_rows[0]
    only = (motion[..., :3].amax(dim=-1) < STILL) & (motion[..., 3:].amax(dim=-1) >= REST) & (last.seen > 0)
    if can_branch(pictures) and not only.any():
        return pictures
    row, index, stamp, away, turn = album.measured(here, control.pose)
    good = (stamp > 0) & (away < HERE)
    nearest = turn.masked_fill(~good, torch.inf).topk(min(N_SHOWN, stamp.shape[2]), dim=2, largest=False)
    since = stamp.gather(2, nearest.indices).masked_fill(nearest.values.isinf(), torch.inf).sort(dim=2)
    chosen = index.gather(2, nearest.indices.gather(2, since.indices))  # the first kept first: it was moved the fewest times
    frame = to_float(album.views(here.frame, row, chosen), pictures.device)
    sources = torch.cat([frame, last.frame[:, :, None].float()], dim=2).flatten(0, 2)
    edge = sources[..., rows - 1 : rows, :].expand(*sources.shape[:2], sources.shape[2] - rows, -1)
    sources = torch.cat([sources[..., :rows, :], edge], dim=2)  # nothing of a bar below is mixed into the view
    before = torch.cat([album.views(here.pose, row, chosen), last.pose[:, :, None]], dim=2)
    now = control.pose[:, :, None].expand_as(before)
    with torch.autocast(pictures.device.type, enabled=False):
        moved = sweep(config, (0.0,), rays, sources, before.flatten(0, 2), now.flatten(0, 2))[:, 0].unflatten(0, (b, t, -1))
    known = torch.cat([since.values.isfinite(), only[..., None]], dim=2)
    reach = (moved[:, :, :, 3] > 0.5) & known[..., None, None] & (bare(config, pictures[:1, 0]) > 0)
    first = reach & (reach.cumsum(dim=2) == 1)
    colour = (moved[:, :, :, :3] * first[:, :, :, None]).sum(dim=2)
    where = (reach.any(dim=2) & only[..., None, None])[:, :, None]
    where[..., rows:, :] = False
    return torch.where(where, colour.to(pictures.dtype), pictures)
