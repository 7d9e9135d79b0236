"""A small U-Net: what lies about every pixel, near and far, told of features at half the size of a picture."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """x + two convolutions of it, `reach` pixels apart; untaught it is x."""

    def __init__(self, channels: int, reach: int = 1) -> None:
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, padding=reach, dilation=reach)
        self.out = nn.Conv2d(channels, channels, 3, padding=1)
        for part in self.out.parameters():
            nn.init.zeros_(part)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(F.gelu(self.inner(F.gelu(x))))


class UNet(nn.Module):
    """Features (n, fine, h, w) -> the same in their surroundings: of half and a quarter of the size, and on the whole."""

    def __init__(self, fine: int) -> None:
        super().__init__()
        middle, coarse = 2 * fine, 4 * fine
        self.fine = Residual(fine)
        self.down = nn.Conv2d(fine, middle, 2, stride=2)
        self.middle = Residual(middle)
        self.deeper = nn.Conv2d(middle, coarse, 2, stride=2)
        self.coarse = nn.Sequential(Residual(coarse), Residual(coarse, 2), Residual(coarse))
        self.whole = nn.Linear(coarse, coarse)
        self.up = nn.Conv2d(coarse, middle, 1)
        self.middle_again = Residual(middle)
        self.higher = nn.Conv2d(middle, fine, 1)
        self.fine_again = Residual(fine)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.fine(x)
        middle = self.middle(self.down(_even(fine)))
        coarse = self.coarse(self.deeper(_even(middle)))
        coarse = coarse + self.whole(F.gelu(coarse.mean(dim=(2, 3))))[..., None, None]
        middle = self.middle_again(middle + _doubled(self.up(coarse), middle))
        return self.fine_again(fine + _doubled(self.higher(middle), fine))


def _even(x: Tensor) -> Tensor:
    """x (n, c, h, w) with a row or column of nothing at the top or left where their number is odd."""
    return F.pad(x, (x.shape[3] % 2, 0, x.shape[2] % 2, 0))


def _doubled(coarse: Tensor, like: Tensor) -> Tensor:
    """`coarse` at twice the size, as `_even` made it of something like `like`."""
    return F.interpolate(coarse, scale_factor=2.0)[..., like.shape[2] % 2 :, like.shape[3] % 2 :]
