"""The random numbers of a training step: a row's are a function of (seed, step, row), however many processes share the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor


class Draws:
    """What one training step draws for `rows` of its batch: the same in any process.

    Normal noise, of which there is much, is drawn where it is used, on `device`, and is another on another kind of device; all
    else is drawn on the CPU. The first dimension of what is drawn is the rows, or a whole number of entries for each, row by row.
    """

    def __init__(self, seed: int, step: int, rows: range, device: torch.device | str = "cpu") -> None:
        self.rows, self.device = rows, torch.device(device)
        self._row = [_generator("cpu", seed, step, 1 + row) for row in rows]
        self._there = self._row
        if self.device.type != "cpu":
            self._there = [_generator(self.device, seed, step, 1 + row) for row in rows]
        self._all = _generator("cpu", seed, step, 0)

    def rand(self, *shape: int) -> Tensor:
        """Uniform on 0..1."""
        return self._each(shape, self._row, lambda part, generator: torch.rand(part, generator=generator))

    def randn(self, *shape: int) -> Tensor:
        """Standard normal, on `device`."""
        return self._each(shape, self._there, lambda part, generator: torch.randn(part, generator=generator, device=self.device))

    def randint(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers low .. high - 1."""
        return self._each(shape, self._row, lambda part, generator: torch.randint(low, high, part, generator=generator))

    def some(self, share: float) -> Tensor:
        """Which of the rows, as indices from 0: a share of the whole batch, evenly spread, so that no process has more."""
        start = torch.rand((), generator=self._all, dtype=torch.float64).item()
        passed = [int(row * share + start) for row in range(self.rows.start, self.rows.stop + 1)]
        return torch.tensor([i for i in range(len(self.rows)) if passed[i + 1] > passed[i]], dtype=torch.long)

    def _each(
        self, shape: tuple[int, ...], generators: Sequence[torch.Generator],
        draw: Callable[[tuple[int, ...], torch.Generator], Tensor],
    ) -> Tensor:  # fmt: skip
        n, rest = divmod(shape[0], len(generators))
        if rest:
            raise ValueError(f"{shape[0]} entries drawn for {len(generators)} rows; expected a multiple")
        return torch.cat([draw((n, *shape[1:]), generator) for generator in generators])


def _generator(device: torch.device | str, *key: int) -> torch.Generator:
    mixed = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(mixed >> np.uint64(1)))
