"""What hands do: in the frame in which a block truly goes or comes, does it go or come in the dream, at once or soon after?

The dreamt picture is held against the true one and against that of a world in which the deed was not done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from envs.voxel.env import advance_state
from envs.voxel.moves import MOVES
from envs.voxel.state import MINED
from simulator.engine import Engine
from simulator.evaluation.plan import Plan
from simulator.evaluation.tally import estimate
from simulator.evaluation.voxel.otherwise import VERDICTS, otherwise
from simulator.evaluation.voxel.scene import VoxelScene
from simulator.moment import Moment, take_rows

SOON = 3
"""Frames for which the same key is held on before the picture is judged again: a block that takes a blow more is no failure."""
KINDS = ("mined", "placed")


class Deed(NamedTuple):
    """What was done on the island of `row`, and what the dream says of it, `when`: at_once or soon."""

    row: int
    kind: str
    when: str
    verdict: str


class DeedProbe:
    """Dreams every frame in which a block changes, and `SOON` more."""

    def __init__(self, engine: Engine, batch: Sequence[VoxelScene], plan: Plan, pose_given: bool) -> None:
        self._engine, self._batch, self._pose_given = engine, batch, pose_given
        self._found: list[Deed] = []
        self.pictures: dict[str, list[tuple[np.ndarray, ...]]] = {"deeds": []}
        """The frame before, the truth and the dream of every deed that is judged at once."""

    def __call__(self, t: int, moment: Moment) -> None:
        for row, scene in enumerate(self._batch):
            if scene.states[t].blocks is not scene.states[t - 1].blocks:
                self._try(t, row, take_rows(moment, [row]))

    def _try(self, t: int, row: int, moment: Moment) -> None:
        scene = self._batch[row]
        action, state, undone = int(scene.episode.action[t]), scene.states[t], scene.states[t - 1].blocks
        kind = "mined" if state.event[0] == MINED else "placed"
        for step in range(1 + SOON):
            pose = state.pose[None] if self._pose_given else None
            moment = self._engine.step(moment, np.array([action]), pose)
            if step in (0, SOON) and (views := otherwise(scene, state, undone)).telling:
                self._found.append(Deed(row, kind, "soon" if step else "at_once", views.judge(moment.frame[0])))
                if not step:
                    self.pictures["deeds"].append((scene.episode.image[t - 1], views.truth, moment.frame[0]))
            state = advance_state(state, MOVES[action])

    def summary(self) -> dict[str, Any]:
        """`deeds`: by when, the number of deeds that can be told in the picture, the shares of the verdicts with the interval of
        `right` over islands, and `right` by kind beside the numbers."""
        out: dict[str, Any] = {}
        for when in ("at_once", "soon"):
            found = [deed for deed in self._found if deed.when == when]
            kinds = {kind: [deed for deed in found if deed.kind == kind] for kind in KINDS}
            out[when] = {"n": len(found)} | {verdict: self._share(found, verdict)[0] for verdict in VERDICTS}
            out[when] |= {
                "interval95": self._share(found, "right")[1],
                "n_by_kind": {kind: len(some) for kind, some in kinds.items()},
                "right_by_kind": {kind: self._share(some, "right")[0] for kind, some in kinds.items()},
            }
        return {"deeds": out}

    def _share(self, deeds: Sequence[Deed], verdict: str) -> tuple[float | None, list[float] | None]:
        rows = np.array([deed.row for deed in deeds], int)
        hits, n = np.array([deed.verdict == verdict for deed in deeds], float), len(self._batch)
        return estimate(np.bincount(rows, hits, minlength=n), np.bincount(rows, minlength=n))
