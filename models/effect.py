"""What one sees of what hands do: a block that comes, what one hid that goes, and the light in corners, which goes with both."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.config import ModelConfig
from models.cubes import SURE, Ends, closed_in, put
from models.graph import can_branch
from models.hands import GOES
from models.lattice import sides


class Effect(NamedTuple):
    """What one sees of what hands do, (..., rows, W) each."""

    there: Tensor  # bool: a block that comes, or something known that one hid that goes
    light: Tensor  # by what the light on all else is multiplied: corners are dark


def effect_of(
    config: ModelConfig, cubes: Tensor, kind: Tensor, cell: Tensor, eye: Tensor, rays: Tensor, met: Ends, before: Tensor,
    closed: Tensor, corners: Tensor,
) -> Effect:  # fmt: skip
    """Of what hands do, `kind` (n,) of `hands.KINDS`, to a `cell` (n, 3) among `cubes` (n, m), in which there is no block: those
    that go have gone, those that come have not come. It is there where rays (n, 3, rows W) from eyes (n, 3) go into the cell
    before they come to what they `met`, out of cubes `before` (n, rows W), `closed` in as by `cubes.closed_in`. corners: how much
    darker these are than what lies open."""
    view = (len(eye), config.bar_rows[0], config.image[1])
    changes = kind >= GOES
    if can_branch(rays) and not changes.any():
        there = torch.zeros(view, dtype=torch.bool, device=rays.device)
        return Effect(there, torch.ones_like(there, dtype=rays.dtype))
    hit, crossed = sides(eye, rays.movedim(1, 2).unflatten(1, view[1:]), cell, 1)
    there = changes[:, None, None] & hit & (met.away.view(view) > crossed.away[:, 0])
    with_block = put(config, cubes, cell, changes, torch.full_like(kind, SURE, dtype=cubes.dtype))
    without, beside = (1 - corners * part for part in (closed, closed_in(config, with_block, met, before, eye, rays)))
    light = torch.where((kind == GOES)[:, None], without / beside, beside / without)
    return Effect(there, light.view(view))
