"""Frames gone by, drawn from the long memory alone: no frame before, no window of attention, only where one stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.engine import Engine
from simulator.evaluation.metrics import psnr
from simulator.evaluation.scenes import Scene, border, strangers
from simulator.evaluation.tally import Tally, bin_of
from simulator.moment import Moment, take_rows

EVERY = 10
"""Of the frames gone by, so many lie between two that are drawn."""
N_SHOWN = 10

Picture = tuple[list[np.ndarray], list[np.ndarray]]
"""True frames, and what memory made of them."""


class Recall:
    """After `at` frames draws frames gone by, as far back as the first: with the memory kept, emptied, and another's."""

    def __init__(self, engine: Engine, batch: Sequence[Scene], at: int) -> None:
        self._engine, self._batch, self._at = engine, batch, at
        self._tally = Tally(len(batch))
        self.pictures: dict[str, list[Picture]] = {"recall": [([], []) for _ in batch]}

    def __call__(self, t: int, moment: Moment) -> None:
        if t != self._at:
            return
        memories = {"psnr": moment, "psnr_reset": self._engine.forget(moment)}
        if others := strangers(self._batch):
            memories["psnr_swapped"] = self._engine.swap(moment, take_rows(moment, others))
        gone = range(EVERY - 1, t, EVERY)
        shown = set(np.linspace(0, len(gone) - 1, N_SHOWN).astype(int))
        for name, memory in memories.items():
            blind = self._engine.blindfold(memory)
            for index, k in enumerate(gone):
                frames = self._draw(blind, k, t - k, name)
                if name == "psnr" and index in shown:
                    for (truth, dream), scene, frame in zip(self.pictures["recall"], self._batch, frames, strict=True):
                        truth.append(scene.episode.image[k])
                        dream.append(frame)

    def _draw(self, blind: Moment, k: int, age: int, name: str) -> np.ndarray:
        """Frame `k` of every scene as `blind` remembers it, scored under `name`."""
        pose = np.stack([scene.episode.pose[k] for scene in self._batch])  # type: ignore[index]
        still = np.full(len(pose), self._engine.actions.noop)
        frames, _ = self._engine.imagine(replace(blind, pose=pose), still, pose)
        truth = np.stack([scene.episode.image[k] for scene in self._batch])
        error = self._batch[0].part_scores(frames, truth, border(self._batch))["mse"]
        self._tally.add(name, error, np.broadcast_to(bin_of(np.array(float(age))), error.shape))
        return frames

    def summary(self) -> dict[str, Any]:
        """`recall`: PSNR by frames gone by since; reset and swapped are the controls. Nothing where episodes were too short."""
        if not self._tally.counts("psnr").any():
            return {}
        names = ("psnr", "psnr_reset", "psnr_swapped")
        found = {name: self._tally.by_age(name, psnr) for name in names}
        intervals = {name: self._tally.intervals_by_age(name, psnr) for name in names}
        return {"recall": {"after_frames": self._at, **found, "interval95": intervals}}
