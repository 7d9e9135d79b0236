"""Frames <-> tokens: the image cut into a grid of rectangles, row by row."""

from __future__ import annotations

from torch import Tensor


def patchify(frames: Tensor, patch: tuple[int, int]) -> Tensor:
    """(b, t, 3, H, W) -> (b, t, s, 3 * ph * pw)."""
    b, t, c, height, width = frames.shape
    ph, pw = patch
    grid = frames.reshape(b, t, c, height // ph, ph, width // pw, pw)
    return grid.permute(0, 1, 3, 5, 2, 4, 6).reshape(b, t, (height // ph) * (width // pw), c * ph * pw)


def unpatchify(patches: Tensor, patch: tuple[int, int], image: tuple[int, int]) -> Tensor:
    """(b, t, s, 3 * ph * pw) -> (b, t, 3, H, W)."""
    b, t = patches.shape[:2]
    (ph, pw), (height, width) = patch, image
    grid = patches.reshape(b, t, height // ph, width // pw, 3, ph, pw)
    return grid.permute(0, 1, 4, 2, 5, 3, 6).reshape(b, t, 3, height, width)
