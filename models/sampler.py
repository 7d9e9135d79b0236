"""From noise to a clean frame with a denoiser and a table of levels (pure)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from models.diffusion import steps_table


def frame_noise(seed: int | tuple[int, ...], t: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise as a function of (seed, row, t) alone: row i is the same whatever the batch.

    shape (b, ...). A replay draws the same noise; a branch is a new seed. seed: one for all rows, or one a row, and then each
    row draws what a batch of it alone would.
    """
    rows = []
    for row in range(shape[0]):
        own = [seed, row, t] if isinstance(seed, int) else [seed[row], 0, t]
        mixed = np.random.SeedSequence(own).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
        rows.append(torch.randn(shape[1:], generator=generator))
    return torch.stack(rows)


def sample(denoise: Callable[[Tensor, float], Tensor], noise: Tensor, n_steps: int) -> Tensor:
    """A clean frame by Euler steps along the straight path; `denoise(x, level)` predicts the clean frame from `x`."""
    x, clean = noise, noise
    levels = steps_table(n_steps)
    for level, following in zip(levels, [*levels[1:], 0.0], strict=True):
        clean = denoise(x, level)
        x = clean + (x - clean) * (following / level)
    return clean
