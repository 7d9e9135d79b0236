"""Noise as a function of integer coordinates: no generator, no order of calls, the same numbers everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def hashed(salt: int, *coordinates: ArrayLike) -> NDArray[np.uint32]:
    """uint32 of the broadcast shape of the integer `coordinates`: a well mixed hash of them and `salt`."""
    shape = np.broadcast_shapes(*(np.shape(c) for c in coordinates))
    h = np.full(shape or (1,), salt & 0xFFFFFFFF, np.uint32)
    for coordinate in coordinates:
        h = (h ^ np.asarray(coordinate).astype(np.int64).astype(np.uint32)) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
    return h.reshape(shape)


def uniform(salt: int, *coordinates: ArrayLike) -> FloatArray:
    """Floats in [0, 1), one for each tuple of integer `coordinates`."""
    return hashed(salt, *coordinates).astype(np.float64) / 2.0**32


def _fade(t: FloatArray) -> FloatArray:
    return t * t * (3.0 - 2.0 * t)


def smooth(salt: int, scale: float, *coordinates: ArrayLike) -> FloatArray:
    """Value noise in [0, 1) with one lattice point every `scale` units, along any number of axes."""
    scaled = [np.asarray(c, np.float64) / scale for c in coordinates]
    cells = [np.floor(s).astype(np.int64) for s in scaled]
    parts = [_fade(s - c) for s, c in zip(scaled, cells, strict=True)]
    total = np.zeros(np.broadcast_shapes(*(c.shape for c in cells)))
    for corner in range(2 ** len(cells)):
        bits = [corner >> i & 1 for i in range(len(cells))]
        weight = np.ones(())
        for bit, part in zip(bits, parts, strict=True):
            weight = weight * (part if bit else 1.0 - part)
        total += weight * uniform(salt, *(c + bit for c, bit in zip(cells, bits, strict=True)))
    return total
