"""What light the hour brings: on what lies in the open, and in the sky, whichever way one looks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.hour import N_HOUR

D_GROUND, D_SKY = 16, 32
N_SKY = N_HOUR + 3 + 3 * N_HOUR
"""The hour, which way one looks, and their products: how near to the sun that is."""


class Light(nn.Module):
    """Logarithms of brightness, hours (..., 2) as `hour.surely` gives them; untaught, all is as bright at any hour."""

    def __init__(self) -> None:
        super().__init__()
        self.ground = nn.Sequential(nn.Linear(N_HOUR, D_GROUND), nn.GELU(), nn.Linear(D_GROUND, 3))
        self.sky_in, self.sky_inner, self.sky_out = nn.Linear(N_SKY, D_SKY), nn.Linear(D_SKY, D_SKY), nn.Linear(D_SKY, 3)
        for last in (self.ground[-1], self.sky_out):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def on_ground(self, hour: Tensor) -> Tensor:
        """By how much what lies in the open is brighter than in full light, (..., 3)."""
        return self.ground(hour)  # type: ignore[no-any-return]

    def in_sky(self, hour: Tensor, ray: Tensor) -> Tensor:
        """How bright the sky is along `ray` (..., 3), where grey is 0: (..., 3)."""
        both = (hour[..., :, None] * ray[..., None, :]).flatten(-2)
        x = F.gelu(self.sky_in(torch.cat([hour, ray, both], dim=-1)))
        return self.sky_out(F.gelu(self.sky_inner(x)))  # type: ignore[no-any-return]
