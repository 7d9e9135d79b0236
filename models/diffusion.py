"""The noise path and the sampling table (pure). x_s = (1 - s) clean + s noise; the network predicts the clean frame."""

from __future__ import annotations

from torch import Tensor


def add_noise(clean: Tensor, noise: Tensor, noise_level: Tensor) -> Tensor:
    """(b, t, 3, H, W) at `noise_level` (b, t): 0 is clean, 1 is noise alone."""
    level = noise_level[..., None, None, None]
    return (1 - level) * clean + level * noise


def steps_table(n_steps: int) -> list[float]:
    """Noise levels visited by `n_steps` denoising steps, from 1 down, the final 0 left out. ValueError unless n_steps >= 1."""
    if n_steps < 1:
        raise ValueError(f"denoising steps {n_steps} must be at least 1")
    return [1 - i / n_steps for i in range(n_steps)]
