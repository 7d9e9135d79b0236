"""Causal controls of memory: the same weights on the same frames with the long memory cut, or another maze's."""

from __future__ import annotations

import numpy as np

from simulator.engine import Engine, Moment
from simulator.evaluation import tally
from simulator.evaluation.moments import take_rows
from simulator.evaluation.tally import Tally
from simulator.evaluation.target import Target, add_scores


class Controls:
    """Runs beside the whole memory and predicts the same frames without it.

    For every R of `reset_every` a second life is led in which the long memory is emptied every R frames: content last seen
    R or more frames ago cannot be in it. Only the last few frames stay, in the attention window.
    """

    def __init__(self, engine: Engine, moment: Moment, reset_every: tuple[int, ...]) -> None:
        self._engine = engine
        self._lives = {every: moment for every in reset_every}
        self._bins_of: dict[int, list[int]] = {every: [] for every in reset_every}
        for slot, edge in enumerate(tally.LOWER_EDGES):
            usable = [every for every in reset_every if every <= edge]
            if usable:
                self._bins_of[max(usable)].append(slot)

    def forget(self, t: int) -> None:
        """Empty the lives whose turn it is, before frame `t` is predicted."""
        self._lives = {every: self._engine.forget(life) if t % every == 0 else life for every, life in self._lives.items()}

    def score(self, into: Tally, moment: Moment, aim: Target, pose: np.ndarray, whole: np.ndarray) -> None:
        """Predict `aim` with cut memories (`reset_...`) and with the next maze's (`swapped_...`, two mazes or more), and
        score `whole` (b, H, W, 3), the whole memory's dream, on just these frames (`paired_...`).

        pose: (b, 5), where the whole memory believes it stands, so that the memory is all that differs.
        """
        add_scores(into, "paired_", whole, aim)
        for every, life in self._lives.items():
            mine = np.isin(aim.bins, self._bins_of[every])
            if mine.any():
                add_scores(into, "reset_", self._engine.imagine(life, aim.action, pose)[0], aim, mine)
        n_mazes = len(aim.truth)
        if n_mazes > 1:
            other = take_rows(moment, [(row + 1) % n_mazes for row in range(n_mazes)])
            exchanged = self._engine.swap(moment, other)
            add_scores(into, "swapped_", self._engine.imagine(exchanged, aim.action, pose)[0], aim)

    def absorb(self, aim: Target, pose: np.ndarray) -> None:
        """Take in the true frame, as the whole memory does."""
        self._lives = {every: self._engine.absorb(life, aim.truth, aim.action, pose) for every, life in self._lives.items()}
