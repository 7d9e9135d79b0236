"""How alike two pictures are, cheap enough for every frame of play: PSNR and SSIM in plain numpy."""

from __future__ import annotations

import numpy as np

BEST_PSNR = 99.0
"""dB reported for two equal pictures, whose PSNR has no bound."""


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 pictures (H, W, 3); higher is more alike."""
    mse = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return BEST_PSNR if mse == 0 else min(BEST_PSNR, 10.0 * float(np.log10(255.0**2 / mse)))


def _box(x: np.ndarray, size: int) -> np.ndarray:
    """Means over all `size` x `size` windows that fit into x (H, W, 3)."""
    total = np.pad(x.cumsum(0).cumsum(1), ((1, 0), (1, 0), (0, 0)))
    return (total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]) / size**2


def ssim(a: np.ndarray, b: np.ndarray, size: int = 7) -> float:
    """Structural similarity (Wang et al., 2004) of two uint8 pictures (H, W, 3), uniform windows; 1 is equal."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = _box(x, size), _box(y, size)
    vx, vy, cxy = _box(x * x, size) - mx**2, _box(y * y, size) - my**2, _box(x * y, size) - mx * my
    return float(np.mean((2 * mx * my + c1) * (2 * cxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))
