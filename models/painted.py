"""What known cubes look like from where the player stands, whether or not a view shows them: by what their kind wears."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.config import ModelConfig
from models.cubes import Ends
from models.kinds import BOTTOM, N_FACES, SIDE, TOP, kind_of
from models.lattice import on_side
from models.reprojection import pixel_of
from models.textures import texels

UPRIGHT = 2
"""The axis that tops and bottoms lie across."""


class Painted(NamedTuple):
    """Of n views with r pixels, in full light."""

    colour: Tensor  # (n, 3, r) in -1..1
    there: Tensor  # bool (n, r)
    facing: Tensor  # (n, 3, r): across x, across y, or up (1) and down (-1)


def painted(config: ModelConfig, worn: Tensor, kept: Tensor, eye: Tensor, rays: Tensor, met: Ends) -> Painted:
    """Where rays (n, 3, r) from eyes (n, 3) `met` cubes of whose kinds is `kept` (n, m), and these are known, what is `worn` by
    them, as `Kinds` has it."""
    kind = kind_of(kept.flatten().index_select(0, met.slot.flatten())).view(met.slot.shape)
    there = (kind > 0) & met.away.isfinite()
    directed = rays.movedim(1, 2)
    side = on_side(met.axis, met.away.masked_fill(~there, 1.0), eye[:, None], directed)
    upright = met.axis == UPRIGHT
    face = torch.where(upright, torch.where(directed[..., 2] < 0, TOP, BOTTOM), SIDE)
    place = texels(side, pixel_of(config)) * worn.shape[1] + N_FACES * kind + face
    colour = worn.flatten(0, 1).index_select(0, place.flatten()).view(*kind.shape, 3)
    up = torch.where(upright, -directed[..., 2].sign(), 0)
    facing = torch.stack([(met.axis == 0).float(), (met.axis == 1).float(), up], dim=1)
    return Painted((2 * colour - 1).movedim(-1, 1) * there[:, None], there, facing * there[:, None])
