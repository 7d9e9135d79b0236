"""The frequencies by which heads turn with the place their token looks at; fixed, not learned."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models import addressing
from models.addressing import Rays

HARMONICS = (1, 2, 4, 8, 12, 16, 24, 32)


class Rotary(nn.Module):
    """Phases for `h` heads of width `p`: half of them turn with the bearing, half with the point looked at.

    Spatial frequencies are spread over directions and over 0.7 ... 9 radians a cell; every head looks at a distance of its own.
    """

    harmonics: Tensor
    distance: Tensor
    frequencies: Tensor

    def __init__(self, h: int, p: int) -> None:
        super().__init__()
        n_waves = p // 4
        angle = torch.arange(n_waves) * (math.pi * (3 - math.sqrt(5)))
        size = torch.logspace(math.log10(0.7), math.log10(9.0), n_waves)
        self.register_buffer("harmonics", torch.tensor(HARMONICS * n_waves)[:n_waves].float(), persistent=False)
        self.register_buffer("distance", torch.linspace(0.0, 3.5, h), persistent=False)
        self.register_buffer("frequencies", torch.stack([angle.cos(), angle.sin()], -1) * size[:, None], persistent=False)

    def forward(self, view: Rays) -> Tensor:
        """(b, t, s, h, p / 2)."""
        return addressing.rotary_phases(view, self.harmonics, self.distance, self.frequencies)
