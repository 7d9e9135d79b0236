"""What the sides of blocks wear: small pictures, learned, and looked up at the place on a side that a pixel shows.

A network that draws pixels gets a wall's place, shape and colour right and leaves the bricks out. Looked up they are as sharp as
they were learned, from however near or aslant.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.lattice import Sides

TEXELS, N_COPIES, SHARPEST = 16, 3, 1.4
"""Texels a side of a texture; copies of it, each half as wide; and pixels beyond which a texel is too small to be shown."""
N_TEXELS = sum((TEXELS >> level) ** 2 for level in range(N_COPIES))
LOUD = 4.0
"""By how much textures are multiplied: each is seen seldom, and must be learned from few frames."""


def texels(found: Sides, pixel: float) -> Tensor:
    """Which texel each side shows, as `Textures.texels`."""
    level = (found.away.clamp(min=0.01) * pixel * TEXELS / SHARPEST).log2().ceil().clamp(0, N_COPIES - 1)
    n = TEXELS / 2**level
    column, row = (torch.minimum((part * n).floor(), n - 1).clamp(min=0) for part in (found.across, 1 - found.up))
    return ((TEXELS**2 - n**2) * 4 / 3 + row * n + column).long()


class Textures(nn.Module):
    """`n` textures. pixel: how wide a pixel is at a distance of one block, in blocks."""

    def __init__(self, n: int, pixel: float) -> None:
        super().__init__()
        self.pixel = pixel
        colours, grain = torch.randn(n, 3, 1, 1), torch.randn(n, 3, TEXELS, TEXELS)
        self.pictures = nn.Parameter((0.8 * colours + 0.1 * grain) / LOUD)

    def texels(self, found: Sides) -> Tensor:
        """Which texel each side shows, int64 as the parts of `found`: of the finest copy in which it is not much smaller than a
        pixel."""
        return texels(found, self.pixel)

    def shown(self, texels: Tensor, worn: Tensor, light: Tensor) -> Tensor:
        """Pixels (..., 3) in -1..1 of `texels` (...) of the textures that are likeliest by `worn` (..., n), logits.

        light (..., 6): what is added to the light on each, and to its colour.
        """
        return _lit(self.table()[texels, worn.argmax(dim=-1)], light)

    def off(self, texels: Tensor, worn: Tensor, light: Tensor, due: Tensor) -> Tensor:
        """How far each of `texels` (p, k) is from `due` (p, 3), the mean over all textures by how likely they are, (p, k)."""
        table = self.table()
        found = F.embedding(texels, table.flatten(1)).unflatten(-1, table.shape[1:])  # (p, k, n, 3)
        wrong = (_lit(found, light[:, None, None]) - due[:, None, None]).abs().mean(dim=-1)
        return (wrong * worn.softmax(dim=-1)[:, None]).sum(dim=-1)

    def learned(self) -> Tensor:
        """Colours 0..1 (n, 3, TEXELS, TEXELS), as in full light."""
        return (LOUD * self.pictures).sigmoid()

    def table(self) -> Tensor:
        """All copies of all textures, one below the other: colours 0..1, (texels, n, 3)."""
        full = self.learned()
        copies = [F.avg_pool2d(full, 2**level).flatten(2) for level in range(N_COPIES)]
        return torch.cat(copies, dim=2).permute(2, 0, 1)


def _lit(colour: Tensor, light: Tensor) -> Tensor:
    """Colours 0..1 in their light, as pixels in -1..1."""
    return 2 * (colour * (1 + light[..., :3]) + light[..., 3:]) - 1
