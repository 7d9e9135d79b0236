"""What a network keeps beside its layers' own states: views, changes, balls, cubes and their kinds, the hour; before each frame
of a call, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from models import album, cubes, kinds, turning
from models.album import Pages
from models.conditioning import Control
from models.cubes import Change
from models.depth import N_ASIDE, Depth, Seen
from models.edits import latest
from models.hands import COMES, GOES, Done
from models.kinds import Named
from models.pixels import to_float
from models.state import Album, LastFrame, StreamState

if TYPE_CHECKING:
    from models.world_model import WorldModel


class Kept(NamedTuple):
    """As `StreamState` has it, with a time axis: before every frame and, absorbed, after the last."""

    pages: Pages
    balls: Tensor  # (b, t + 1, kinds, 3); (b, 1, ...) where nothing was absorbed
    edits: Tensor  # (b, t + 1, m, n), likewise
    here: Pages
    cubes: Tensor  # int8 (b, t + 1, m), likewise
    kinds: Tensor  # int16 (b, t + 1, m), likewise
    hour: Tensor  # (b, t + 1, 2), likewise


@torch.no_grad()
def keep(
    model: WorldModel, state: StreamState, last: LastFrame, frames: Tensor, control: Control, absorb: bool, dreamt: bool,
    done: Done | None,
) -> Kept:  # fmt: skip
    """What `model` keeps around `frames` (b, t, 3, H, W); last: the frame before each, and the last, (b, t + 1, ...). While it
    learns it goes without rules of play: no cubes, no views from where it stands. dreamt: the frames are the model's own, in
    which hands have `done` something. Where cubes are kept they go into no album: they were drawn by views and cubes, and views
    of views go soft."""
    config, t = model.config, frames.shape[1]
    pages = album.leaf_through(config, state.album, frames, control.pose, absorb=absorb)
    if dreamt and model.depth is not None and not model.training:
        pages = album.left_alone(state.album, t)
    known = (state.balls, state.edits, state.cubes, state.kinds, state.hour)
    if not absorb:
        here = album.left_alone(state.here, 0)
        balls, edits, around, made_of, hour = (part[:, None] for part in known)
        return Kept(pages, balls, edits, here, around, made_of, hour)
    balls, edits, around, made_of, hour = (part[:, None].expand(-1, t + 1, *part.shape[1:]) for part in known)
    here = album.left_alone(state.here, t)
    if model.balls is not None:
        balls = model.balls.after(state.balls, frames.float(), control.pose)
    if model.edits is not None and model.hands is not None:
        if dreamt:
            edits = model.edits.dreamt(state.edits, model.hands, frames, done)
        else:
            edits = model.edits.after(state.edits, model.hands, last, frames, control.action, control.motion)
    if not model.training:
        if config.views_here:
            before = LastFrame(*(part[:, :-1] for part in last))
            here = turning.stay(config, state.here, before, frames, control)
        if model.depth is not None:
            around, made_of, pages = looked_about(model, state.cubes, state.kinds, pages, frames, control.pose, edits, dreamt)
        if model.hour is not None:
            hour = model.hour.after(state.hour, frames, control.pose, dreamt)
    return Kept(pages, balls, edits, here, around, made_of, hour)


def looked_about(
    model: WorldModel,
    around: Tensor,
    made_of: Tensor,
    pages: Pages,
    frames: Tensor,
    pose: Tensor,
    edits: Tensor | None = None,
    dreamt: bool = False,
) -> tuple[Tensor, Tensor, Pages]:
    """The cubes `around` (b, m), and what they are `made_of` (b, m), before each of `frames` (b, t, 3, H, W) seen from `pose`
    (b, t, 5), and after the last; and the album, `pages` of these frames, with how far away what it shows is.
    edits (b, t + 1, m, n): what hands changed, as `Kept`. dreamt: they were drawn by what the cubes are already, and by guesses:
    nothing is learned from them of how far away things are."""
    assert model.depth is not None
    config, rays, change = model.config, model.pixel_rays, None
    if edits is not None and model.edits is not None:
        cell, kind = latest(edits)
        change = Change(cell, (cubes.SURE * ((kind == COMES).to(around.dtype) - (kind == GOES).to(around.dtype))))
    if dreamt:
        if change is None:
            before, kept = (part[:, None].expand(-1, frames.shape[1] + 1, -1) for part in (around, made_of))
            return before, kept, pages
        nothing = torch.zeros_like(change.value, dtype=made_of.dtype)
        return cubes.worked(config, around, change, change.value), cubes.worked(config, made_of, change, nothing), pages
    seen = _seen(model.depth, pages, frames, pose)
    found, away = cubes.after(config, rays, around, seen, pose, change)
    kept = kinds.after(config, rays, made_of, found, _named(model, frames, pose, seen), seen.away, pose, change)
    return found, kept, pages._replace(depth=torch.cat([pages.depth[:, : -frames.shape[1]], away.to(torch.float16)], dim=1))


def _seen(depth: Depth, pages: Pages, frames: Tensor, pose: Tensor) -> Seen:
    """How far away what `frames` show is, (b, t, rows, W)."""
    place, known = album.aside(depth.config, pages, pose, N_ASIDE)
    row = torch.arange(len(pose), device=pose.device)[:, None, None]
    views, stood = (album.views(pile, row, place).flatten(0, 1) for pile in (pages.frame, pages.pose))
    beside = to_float(views, views.device), stood, known.flatten(0, 1)
    seen = depth.seen(frames.flatten(0, 1).float(), pose.flatten(0, 1), *beside)
    return Seen(*(part.unflatten(0, frames.shape[:2]) for part in seen))


def _named(model: WorldModel, frames: Tensor, pose: Tensor, seen: Seen) -> Named:
    """What `frames` show, (b, t, rows / 2, W / 2)."""
    assert model.kinds is not None
    views = frames[..., : model.config.bar_rows[0], :].flatten(0, 1).float()
    named = model.kinds.named(views, pose[..., 4].flatten(), seen.away.flatten(0, 1))
    return Named(*(part.unflatten(0, frames.shape[:2]) for part in named))


def kept_at(kept: Kept, row: Tensor, t: Tensor) -> tuple[Album, Tensor, Tensor, Album, Tensor, Tensor, Tensor]:
    """What is kept of `row` before frame `t` of the call, index tensors of one shape (r,), in the order of `StreamState`."""
    rest = (kept.balls, kept.edits, kept.cubes, kept.kinds, kept.hour)
    balls, edits, around, made_of, hour = (part[row, t] for part in rest)
    return album.at(kept.pages, row, t), balls, edits, album.at(kept.here, row, t), around, made_of, hour
