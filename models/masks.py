"""Which frames see which in frame-local attention, and how far apart they are: pure functions of positions.

Positions count frames from the start of a call, which is the start of a chunk; carried frames have negative ones.
"""

from __future__ import annotations

import torch
from torch import Tensor


def reach(window: int, chunk: int) -> int:
    """How many frames back the farthest one seen lies."""
    return window if chunk == 1 else 2 * chunk - 1


def n_lags(window: int, chunk: int) -> int:
    """How many different distances there are between frames that see one another: w + 1, or 3 c - 1 with chunks."""
    return reach(window, chunk) + chunk


def visible(query: Tensor, key: Tensor, window: int, chunk: int) -> Tensor:
    """Whether frame `query` sees frame `key` (positions that broadcast).

    chunk 1: itself and the `window` frames before it. Otherwise all frames of its own chunk of `chunk` frames, later ones
    too, and of the chunk before (Po et al. 2025, frame-local attention).
    """
    if chunk == 1:
        ago = query - key
        return (ago >= 0) & (ago <= window)
    chunks_ago = _chunk_of(query, chunk) - _chunk_of(key, chunk)
    return (chunks_ago == 0) | (chunks_ago == 1)


def lag_index(query: Tensor, key: Tensor, window: int, chunk: int) -> Tensor:
    """Entry 0 .. n_lags - 1 of the learned bias for the distance of two frames, oldest first; clamped where not visible."""
    return (reach(window, chunk) - (query - key)).clamp(0, n_lags(window, chunk) - 1)


def _chunk_of(position: Tensor, chunk: int) -> Tensor:
    return torch.div(position, chunk, rounding_mode="floor")
