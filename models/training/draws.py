"""The random numbers of a training step: a row's are a function of (seed, step, row), however many processes share the rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


class Draws:
    """What one training step draws for `rows` of its batch, on the CPU: the same on any device and in any process.

    The first dimension of what is drawn is the rows, or a whole number of entries for each, row by row.
    """

    def __init__(self, seed: int, step: int, rows: range) -> None:
        self.rows = rows
        self._row = [_generator(seed, step, 1 + row) for row in rows]
        self._all = _generator(seed, step, 0)

    def rand(self, *shape: int) -> Tensor:
        """Uniform on 0..1."""
        return self._each(shape, lambda part, generator: torch.rand(part, generator=generator))

    def randn(self, *shape: int) -> Tensor:
        """Standard normal."""
        return self._each(shape, lambda part, generator: torch.randn(part, generator=generator))

    def randint(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers low .. high - 1."""
        return self._each(shape, lambda part, generator: torch.randint(low, high, part, generator=generator))

    def some(self, share: float) -> Tensor:
        """Which of the rows, as indices from 0: a share of the whole batch, evenly spread, so that no process has more."""
        start = torch.rand((), generator=self._all, dtype=torch.float64).item()
        passed = [int(row * share + start) for row in range(self.rows.start, self.rows.stop + 1)]
        return torch.tensor([i for i in range(len(self.rows)) if passed[i + 1] > passed[i]], dtype=torch.long)

    def _each(self, shape: tuple[int, ...], draw: Callable[[tuple[int, ...], torch.Generator], Tensor]) -> Tensor:
        n, rest = divmod(shape[0], len(self._row))
        if rest:
            raise ValueError(f"{shape[0]} entries drawn for {len(self._row)} rows; expected a multiple")
        return torch.cat([draw((n, *shape[1:]), generator) for generator in self._row])


def _generator(*key: int) -> torch.Generator:
    mixed = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
