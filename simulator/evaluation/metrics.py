"""How far a dreamt frame is from the true one, pixel by pixel, so that every score can be split by age of content.

All take two uint8 batches (b, H, W, 3). `..._map` returns float64 (b, H, W), the mean over colours; `column_...` (b, W) is the
mean of that over rows. The mean over a frame is that frame's usual score. SSIM and the perceptual distance look 5 and 8
pixels past their place.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

PERCEPTUAL_NET = "multiscale-gradient (fixed, not learned: finite differences at scales 1, 2, 4, 8; lower is better)"
_SCALES = (1, 2, 4, 8)
_SSIM_SIGMA, _SSIM_RADIUS = 1.5, 5

FloatArray = NDArray[np.float64]


def mse_map(dream: np.ndarray, truth: np.ndarray) -> FloatArray:
    """Mean squared error in squared grey levels (0..255)."""
    return ((dream.astype(np.float64) - truth) ** 2).mean(axis=3)


def column_mse(dream: np.ndarray, truth: np.ndarray) -> FloatArray:
    return mse_map(dream, truth).mean(axis=1)


def psnr(mse: FloatArray | float) -> FloatArray:
    """Decibels of a mean squared error; identical frames count as 60 dB, so that means stay finite."""
    return 10 * np.log10(255.0**2 / np.maximum(mse, 255.0**2 / 1e6))


@functools.cache
def _blur_matrix(n: int) -> NDArray[np.float32]:
    """(n, n): the Gaussian window of SSIM along one axis, edges mirrored."""
    offsets = np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    weights /= weights.sum()
    matrix = np.zeros((n, n), np.float32)
    for offset, weight in zip(offsets, weights, strict=True):
        at = np.arange(n) + offset
        at = np.where(at < 0, -1 - at, np.where(at >= n, 2 * n - 1 - at, at))
        np.add.at(matrix, (np.arange(n), at), weight)
    return matrix


def ssim_map(dream: np.ndarray, truth: np.ndarray) -> FloatArray:
    """Structural similarity (Wang et al. 2004: Gaussian window of 1.5 pixels, K 0.01 and 0.03), mean over colours."""
    a, b = (np.moveaxis(x, -1, 1).astype(np.float32) for x in (dream, truth))
    rows, columns = _blur_matrix(a.shape[2]), _blur_matrix(a.shape[3]).T

    def blur(x: np.ndarray) -> np.ndarray:
        return rows @ x @ columns

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ssim = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return ssim.mean(axis=1).astype(np.float64)


def column_ssim(dream: np.ndarray, truth: np.ndarray) -> FloatArray:
    return ssim_map(dream, truth).mean(axis=1)


def perceptual_map(dream: np.ndarray, truth: np.ndarray) -> FloatArray:
    """Mean absolute difference of the pictures' gradients at four scales, in units of the full grey range.

    It punishes missing, moved and invented edges and forgives a slightly wrong brightness; see `PERCEPTUAL_NET`.
    """
    difference = (dream.astype(np.float32) - truth) / 255.0  # gradients are linear: compare once, differentiate after
    total = np.zeros(difference.shape[:3])
    for scale in _SCALES:
        small = _shrink(difference, scale)
        n_rows = small.shape[1]
        down = np.abs(np.diff(small, axis=1, append=small[:, -1:])).mean(axis=3)
        across = np.abs(np.diff(small, axis=2, append=small[:, :, -1:])).mean(axis=3)
        total += _stretch(down * (n_rows / (n_rows - 1)) + across, difference.shape[1:3], scale)  # the last row has none below
    return total / (2 * len(_SCALES))


def column_perceptual(dream: np.ndarray, truth: np.ndarray) -> FloatArray:
    return perceptual_map(dream, truth).mean(axis=1)


def _shrink(x: np.ndarray, scale: int) -> np.ndarray:
    """(b, H, W, 3) averaged over scale x scale squares; a rest narrower than a square is cut."""
    b, height, width, colours = x.shape
    height, width = height // scale, width // scale
    return x[:, : height * scale, : width * scale].reshape(b, height, scale, width, scale, colours).mean(axis=(2, 4))


def _stretch(squares: np.ndarray, size: tuple[int, ...], scale: int) -> np.ndarray:
    """(b, H // scale, W // scale) repeated to (b, H, W)."""
    rows, columns = (np.minimum(np.arange(n) // scale, n // scale - 1) for n in size)
    return squares[:, rows][:, :, columns]
