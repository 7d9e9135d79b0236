"""Sums of scores by maze and age of content, and what they say with a bootstrap interval over mazes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

AGE_BINS = ("age_lt3", "age_3_8", "age_9_24", "age_25_64", "age_65_256", "age_gt256", "first_seen")
LOWER_EDGES = (1, 3, 9, 25, 65, 257, np.inf)
"""Youngest age of each bin in frames; inf = never in view before."""
WHOLE = len(AGE_BINS)
"""The slot that takes every column, whatever its age."""
N_BOOTSTRAP = 1000


def bin_of(age: np.ndarray) -> np.ndarray:
    """Index into AGE_BINS of every age (1 .. inf); WHOLE for NaN: what cannot be remembered counts for the whole only."""
    return np.where(np.isnan(age), WHOLE, np.digitize(age, LOWER_EDGES[1:]))


class Tally:
    """Adds up the values of columns or pixels by maze and age bin; several named scores side by side."""

    def __init__(self, n_mazes: int) -> None:
        self.n_mazes = n_mazes
        self._sums: dict[str, np.ndarray] = {}
        self._counts: dict[str, np.ndarray] = {}

    def add(self, name: str, values: np.ndarray, bins: np.ndarray, keep: np.ndarray | None = None) -> None:
        """Add `values` (b, k) of one frame, one row a maze, under `bins` (b, k); keep: bool (b, k), False = leave out."""
        weight = np.ones(values.shape) if keep is None else keep.astype(np.float64)
        slot = np.arange(self.n_mazes)[:, None] * (WHOLE + 1) + bins
        shape = (self.n_mazes, WHOLE + 1)
        size = self.n_mazes * (WHOLE + 1)
        counts = np.bincount(slot.ravel(), weight.ravel(), minlength=size).reshape(shape)
        sums = np.bincount(slot.ravel(), (values * weight).ravel(), minlength=size).reshape(shape)
        counts[:, WHOLE], sums[:, WHOLE] = counts.sum(axis=1), sums.sum(axis=1)
        self._sums[name] = self._sums.get(name, 0) + sums
        self._counts[name] = self._counts.get(name, 0) + counts

    def counts(self, name: str) -> np.ndarray:
        """Columns added per bin (len(AGE_BINS) + 1,), all mazes together."""
        return self._counts[name].sum(axis=0) if name in self._counts else np.zeros(WHOLE + 1)

    def value(self, name: str, slot: int, of_mean: Callable = float) -> float | None:
        """`of_mean` of the mean over all columns of all mazes in `slot`; None where there were none."""
        return estimate(self._sums[name][:, slot], self._counts[name][:, slot], of_mean)[0] if name in self._sums else None

    def interval(self, name: str, slot: int, of_mean: Callable = float) -> list[float] | None:
        """The 95% bootstrap interval of `value` over mazes; None with fewer than two mazes."""
        return estimate(self._sums[name][:, slot], self._counts[name][:, slot], of_mean)[1] if name in self._sums else None

    def by_age(self, name: str, of_mean: Callable = float) -> dict[str, float | None]:
        return {label: self.value(name, slot, of_mean) for slot, label in enumerate(AGE_BINS)}

    def intervals_by_age(self, name: str, of_mean: Callable = float) -> dict[str, list[float] | None]:
        return {label: self.interval(name, slot, of_mean) for slot, label in enumerate(AGE_BINS)}

    def gain_by_age(self, name: str, other: str, of_mean: Callable) -> tuple[dict, dict]:
        """How much `name` scores above `other` by age bin, and the 95% intervals, mazes drawn together for both."""
        values: dict[str, float | None] = dict.fromkeys(AGE_BINS)
        intervals: dict[str, list[float] | None] = dict.fromkeys(AGE_BINS)
        if name not in self._sums or other not in self._sums:
            return values, intervals
        for slot, label in enumerate(AGE_BINS):
            values[label], intervals[label] = self.gain(name, other, slot, of_mean)
        return values, intervals

    def gain(self, name: str, other: str, slot: int, of_mean: Callable) -> tuple[float | None, list[float] | None]:
        """How much `name` scores above `other` in one slot, and the 95% interval."""
        a, b = ((self._sums[x][:, slot], self._counts[x][:, slot]) for x in (name, other))
        if not (a[1].sum() and b[1].sum()):
            return None, None
        draws = np.concatenate([np.arange(self.n_mazes)[None], _draws(self.n_mazes)])
        with np.errstate(invalid="ignore"):
            gains = np.array([of_mean(x[0][d].sum() / x[1][d].sum()) for d in draws for x in (a, b)]).reshape(-1, 2)
        gain = gains[:, 0] - gains[:, 1]
        interval = None
        if np.count_nonzero(b[1]) > 1:
            interval = [round(float(edge), 4) for edge in np.nanpercentile(gain[1:], [2.5, 97.5])]
        return round(float(gain[0]), 4), interval

    def take(self, other: Tally, prefix: str) -> None:
        """Add all scores of `other`, of the same mazes, under `prefix` + their names."""
        for name in other._sums:
            self._sums[prefix + name] = self._sums.get(prefix + name, 0) + other._sums[name]
            self._counts[prefix + name] = self._counts.get(prefix + name, 0) + other._counts[name]

    def to_dict(self) -> dict[str, dict[str, list]]:
        """Plain json-ready data."""
        return {name: {"sums": sums.tolist(), "counts": self._counts[name].tolist()} for name, sums in self._sums.items()}

    @classmethod
    def from_dict(cls, data: dict[str, dict[str, list]], n_mazes: int) -> Tally:
        """The tally that `to_dict` told of."""
        tally = cls(n_mazes)
        for name, one in data.items():
            tally._sums[name], tally._counts[name] = np.array(one["sums"]), np.array(one["counts"])
        return tally


def _draws(n_mazes: int) -> np.ndarray:
    """(N_BOOTSTRAP, n_mazes): mazes drawn with replacement, the same draws for every score."""
    return np.random.default_rng(0).integers(n_mazes, size=(N_BOOTSTRAP, n_mazes))


def estimate(sums: np.ndarray, counts: np.ndarray, of_mean: Callable = float) -> tuple[float | None, list[float] | None]:
    """`of_mean(sum / count)` and its 95% interval from mazes drawn with replacement; sums and counts (n_mazes,)."""
    if counts.sum() == 0:
        return None, None
    value = round(float(of_mean(sums.sum() / counts.sum())), 4)
    if np.count_nonzero(counts) < 2:
        return value, None
    draws = _draws(len(sums))
    totals, numbers = sums[draws].sum(axis=1), counts[draws].sum(axis=1)
    values = [float(of_mean(total / number)) for total, number in zip(totals, numbers, strict=True) if number > 0]
    return value, [round(float(edge), 4) for edge in np.percentile(values, [2.5, 97.5])]
