"""Causal controls of memory: the same weights on the same frames with the long memory cut, or another maze's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.engine import Engine
from simulator.evaluation import scenes, tally
from simulator.evaluation.scenes import Scene
from simulator.evaluation.tally import Tally
from simulator.evaluation.target import Target, add_scores
from simulator.moment import Moment, take_rows


class Controls:
    """Runs beside the whole memory and predicts the same frames without it.

    For every R of `reset_every` a second life is led in which the long memory is emptied every R frames: content last seen
    R or more frames ago cannot be in it. Only the last few frames stay, in the attention window.
    """

    def __init__(self, engine: Engine, batch: Sequence[Scene], moment: Moment, reset_every: tuple[int, ...]) -> None:
        self._engine, self._others = engine, scenes.strangers(batch)
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
        """Predict `aim` with cut memories (`reset_...`) and with another maze's (`swapped_...`, where there is another), and
        score `whole` (b, H, W, 3), the whole memory's dream, on just these frames (`paired_...`).

        pose: (b, 5), where the whole memory believes it stands, so that the memory is all that differs.
        """
        add_scores(into, "paired_", whole, aim)
        for every, life in self._lives.items():
            mine = np.isin(aim.bins, self._bins_of[every])
            if mine.any():
                add_scores(into, "reset_", self._engine.imagine(life, aim.action, pose)[0], aim, mine)
        if self._others:
            exchanged = self._engine.swap(moment, take_rows(moment, self._others))
            add_scores(into, "swapped_", self._engine.imagine(exchanged, aim.action, pose)[0], aim)

    def absorb(self, aim: Target, moment: Moment, pose: np.ndarray) -> None:
        """Take in the true frame as the whole memory does, from where it stands in `moment`."""
        lives = {every: self._engine.placed(life, moment.pose) for every, life in self._lives.items()}
        self._lives = {every: self._engine.absorb(life, aim.truth, aim.action, pose) for every, life in lives.items()}
