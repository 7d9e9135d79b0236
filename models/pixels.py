"""uint8 (..., H, W, 3) <-> float (..., 3, H, W) in -1..1: the only place."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_float(pixels: np.ndarray | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Frames for the network, float32 in -1..1."""
    tensor = torch.as_tensor(pixels).to(device)
    return tensor.movedim(-1, -3).float() / 127.5 - 1.0


def quantised(frames: Tensor) -> Tensor:
    """Frames as bytes: clamped, rounded, channels last."""
    scaled = (frames.float().clamp(-1, 1) + 1.0) * 127.5
    return scaled.round().to(torch.uint8).movedim(-3, -1).contiguous()


def to_uint8(frames: Tensor) -> np.ndarray:
    """Frames for people, `quantised`. Raises ValueError when the network produced NaN."""
    if not torch.isfinite(frames).all():
        raise ValueError("the model produced NaN or infinite pixels; its weights are damaged or its input was not finite")
    return quantised(frames).cpu().numpy()
