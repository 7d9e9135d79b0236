"""What there is to a frame before it is drawn: where its tokens look, what of what was seen before lies there, what hands do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from models import addressing, album
from models.addressing import Address
from models.conditioning import Control
from models.hands import Done
from models.map_memory import address_of
from models.patches import patchify
from models.reprojection import candidates, sweep
from models.state import LastFrame

if TYPE_CHECKING:
    from models.world_model import WorldModel

LOUD = 16.0
"""By how much the action's part of a token is multiplied: a key is seldom pressed, and must be learned from few frames."""


class Outlook(NamedTuple):
    """What there is to a frame before it is drawn, by where it is seen from, what led to it, and all that was before: the same
    for every call that draws or absorbs it."""

    address: Address | None  # where on the map its tokens look
    phases: Tensor | None  # (b, t, s, h, p / 2) by which attention's heads turn
    turns: Tensor | None  # likewise, those of a scan
    tokens: Tensor  # (b, t, s, d), but for what its own pixels say
    offered: Tensor | None  # (b, t, s, k, 4, pixels) the pictures it may be copied from, None where it is not drawn
    done: Done | None  # what hands do in it


def outlook_of(
    model: WorldModel, before: LastFrame, pages: album.Pages, control: Control, done: Done | None, *, predict: bool, write: bool
) -> Outlook:
    """That of frames with `before` (b, t, ...) and `pages` before them. predict=False: they are not drawn; write=False: nor
    absorbed."""
    config = model.config
    with torch.autocast(control.pose.device.type, enabled=False):  # geometry in full precision: a bearing off by 0.04 blurs
        view = addressing.rays(config, control.pose, model.angles)
        address = address_of(config, view, write=write) if any(layer.mixer == "map" for layer in config.layers) else None
        phases = model.rotary(view) if model.rotary is not None else None
        turns = model.rotary_scan(view) if model.rotary_scan is not None else None
        near, offered = _moved(model, before, pages, control.pose, predict)
    return Outlook(address, phases, turns, _tokens(model, view, near, control), offered, done)


def _moved(
    model: WorldModel, before: LastFrame, pages: album.Pages, pose: Tensor, predict: bool
) -> tuple[Tensor | None, Tensor | None]:
    """The frame before and the album's views as from here, patches (b, t, s, k, 4, pixels) with the reach last.

    First as if all lay far away, one picture a view, which is what tokens are told; then all from which the network may
    copy. predict=False: not these.
    """
    config = model.config
    if not config.nearness:
        return None, None
    b, t = pose.shape[:2]
    frame, earlier, seen = (part.flatten(0, 1) for part in before[:3])
    now = pose.flatten(0, 1)
    if predict:
        moved = candidates(config, model.pixel_rays, frame, earlier, now)
    else:
        moved = sweep(config, config.nearness[:1], model.pixel_rays, frame, earlier, now)
    moved = moved * seen[:, None, None, None, None]
    n_before, n_distances = moved.shape[1], len(config.album.nearness) if predict else 1
    if config.album.n_views:
        views = of_album(model, pages, pose, predict)  # (b t, k, distances, 4, H, W)
        moved = torch.cat([moved, views.flatten(1, 2)], dim=1)
    patches = patchify(moved.flatten(0, 1).unflatten(0, (b, -1)), config.patch)
    patches = patches.reshape(b, t, moved.shape[1], config.n_tokens, 4, -1).transpose(2, 3)
    near = torch.cat([patches[..., :1, :, :], patches[..., n_before::n_distances, :, :]], dim=-3)
    return near, patches if predict else None


def of_album(model: WorldModel, pages: album.Pages, pose: Tensor, predict: bool) -> Tensor:
    """The views taken out of the album for each frame, as from its pose: (b t, k, distances, 4, H, W)."""
    config = model.config
    frame, earlier, known = album.take_out(config, pages, pose)
    k, nearness = config.album.n_shown, config.album.nearness if predict else config.album.nearness[:1]
    now = pose[:, :, None].expand(-1, -1, k, -1)
    views = (part.flatten(0, 2) for part in (frame, earlier, now))
    moved = sweep(config, nearness, model.pixel_rays, *views) * known.flatten()[:, None, None, None, None]
    return moved.unflatten(0, (-1, k))


def _tokens(model: WorldModel, view: addressing.Rays, near: Tensor | None, control: Control) -> Tensor:
    """Tokens (b, t, s, d) but for the frame's own pixels: where they look, what looks so from here, and what was done."""
    angles = view.bearing[..., None] * model.waves
    tokens = model.place + model.look(torch.cat([angles.sin(), angles.cos()], dim=-1))
    if near is not None and model.before is not None:
        tokens = tokens + model.before(near[..., 0, :, :].flatten(-2))
        if model.recalled is not None:
            tokens = tokens + model.recalled(near[..., 1:, :, :].flatten(-3))
    if model.acts is not None:
        tokens = tokens + LOUD * model.acts(control.action).unflatten(-1, tokens.shape[-2:])
    return tokens
