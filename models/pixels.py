"""uint8 (..., H, W, 3) <-> float (..., 3, H, W) in -1..1: the only place."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

CHANGED = 0.1
"""Difference, of colours in -1..1, from which a pixel counts as changed."""


def to_float(pixels: np.ndarray | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Frames for the network, float32 in -1..1."""
    return from_bytes(torch.as_tensor(pixels).to(device).movedim(-1, -3))


def from_bytes(colours: Tensor) -> Tensor:
    """Bytes of any shape, float32 in -1..1."""
    return colours.float() / 127.5 - 1.0


def to_bytes(colours: Tensor) -> Tensor:
    """Colours of any shape as bytes: clamped and rounded."""
    return ((colours.float().clamp(-1, 1) + 1.0) * 127.5).round().to(torch.uint8)


def quantised(frames: Tensor) -> Tensor:
    """Frames as bytes: clamped, rounded, channels last."""
    return to_bytes(frames).movedim(-3, -1).contiguous()


def to_uint8(frames: Tensor) -> np.ndarray:
    """Frames for people, `quantised`. Raises ValueError when the network produced NaN."""
    if not torch.isfinite(frames).all():
        raise ValueError("the model produced NaN or infinite pixels; its weights are damaged or its input was not finite")
    return quantised(frames).cpu().numpy()
