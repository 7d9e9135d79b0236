"""Edit memory: a block was dug or placed, went out of sight, and comes back into view. Is the change still there?

The dream begins one frame before the place is seen again and goes on until it shows most clearly. Its picture is held against
the true one and against that of a world in which this one change was never made.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from envs.voxel import sight
from envs.voxel.blocks import TOUCHABLE
from envs.voxel.physics import TO_EYE
from simulator.engine import Engine
from simulator.evaluation.plan import Plan
from simulator.evaluation.tally import AGE_BINS, LOWER_EDGES, bin_of, estimate
from simulator.evaluation.voxel.otherwise import VERDICTS, Otherwise, otherwise
from simulator.evaluation.voxel.scene import VoxelScene
from simulator.moment import Moment, take_rows

LEAST_GAP = LOWER_EDGES[2]
"""Frames out of sight that make a return: more than any attention window holds."""
LOOK = 8
"""Frames, once the place is back in view, of which the clearest is judged."""
NEAREST = 1.5
"""Blocks from the eye to the middle of the place at least: from nearer, an unchanged block would hide everything."""
CONDITIONS = ("kept", "reset")
_GAPS = AGE_BINS[2:-1]


class Return(NamedTuple):
    """Frame `back` is the first to show the place again after `gap` frames; in frame `clear` it is judged by `views`.

    kind: dug or placed.
    """

    kind: str
    gap: int
    back: int
    clear: int
    views: Otherwise


class Edit(NamedTuple):
    """At frame `t` the block at `cell` became something else than `before`; `until` is the frame of its next change."""

    t: int
    until: int
    cell: tuple[int, int, int]
    before: int


def edits(scene: VoxelScene) -> list[Edit]:
    """Every change of a block in the episode, oldest first."""
    changes = [
        (t, tuple(int(v) for v in cell))
        for t, (old, new) in enumerate(itertools.pairwise(scene.states), 1)
        if new.blocks is not old.blocks
        for cell in np.argwhere(new.blocks != old.blocks)
    ]
    found, next_of = [], dict[Any, int]()
    for t, cell in reversed(changes):
        found.append(Edit(t, next_of.get(cell, len(scene)), cell, int(scene.states[t - 1].blocks[cell])))  # type: ignore[arg-type]
        next_of[cell] = t
    return found[::-1]


def returns(scene: VoxelScene, n_frames: int, most: int) -> list[Return]:
    """At most `most` returns within the first `n_frames`, drawn from all there are, in order of `back`."""
    all_edits = [edit for edit in edits(scene) if edit.t + LEAST_GAP < n_frames]
    if not all_edits:
        return []
    cells = np.array([edit.cell for edit in all_edits])
    seen = np.stack([sight.in_sight(state, cells) for state in scene.states[:n_frames]])
    found = []
    for column, edit in enumerate(all_edits):
        at = edit.t + np.flatnonzero(seen[edit.t : min(edit.until, n_frames), column])
        for last, back in itertools.pairwise(at):
            if back - last >= LEAST_GAP:
                found.append((int(back), int(back - last), edit))
    made: list[Return] = []
    for index in np.random.default_rng(0).permutation(len(found)):
        back, gap, edit = found[index]
        if len(made) < most and (shown := _shown(scene, back, gap, edit, n_frames)) is not None:
            made.append(shown)
    return sorted(made, key=lambda one: one.back)


def _shown(scene: VoxelScene, back: int, gap: int, edit: Edit, n_frames: int) -> Return | None:
    """The return at frame `back`, judged where the change shows most clearly soon after; None where it never does."""
    found: Return | None = None
    for t in range(back, min(back + LOOK, edit.until, n_frames)):
        state, blocks = scene.states[t], scene.states[t].blocks.copy()
        if np.linalg.norm(state.body[:3] + TO_EYE - edit.cell - 0.5) < NEAREST:
            continue
        kind = "placed" if TOUCHABLE[blocks[edit.cell]] else "dug"
        blocks[edit.cell] = edit.before
        views = otherwise(scene, state, blocks)
        if found is None or views.where.sum() > found.views.where.sum():
            found = Return(kind, gap, back, t, views)
    return found if found is not None and found.views.telling else None


class EditProbe:
    """Dreams every return twice, the second time with the long memory emptied just before it."""

    def __init__(self, engine: Engine, batch: Sequence[VoxelScene], plan: Plan, pose_given: bool) -> None:
        self._engine, self._batch, self._pose_given = engine, batch, pose_given
        n_frames = min(plan.onestep_frames, len(batch[0]))
        self._due: dict[int, list[tuple[int, Return]]] = {}
        for row, scene in enumerate(batch):
            for one in returns(scene, n_frames, plan.edit_returns):
                self._due.setdefault(one.back, []).append((row, one))
        self._found: list[tuple[int, Return, dict[str, str]]] = []

    def __call__(self, t: int, moment: Moment) -> None:
        for row, one in self._due.get(t, []):
            here = take_rows(moment, [row])
            lives = dict(zip(CONDITIONS, (here, self._engine.forget(here)), strict=True))
            verdicts = {name: one.views.judge(self._dream(life, row, one)) for name, life in lives.items()}
            self._found.append((row, one, verdicts))

    def _dream(self, moment: Moment, row: int, one: Return) -> np.ndarray:
        """The dreamt frame uint8 (H, W, 3) in which the return is judged."""
        episode = self._batch[row].episode
        for t in range(one.back, one.clear + 1):
            pose = episode.pose[t : t + 1] if self._pose_given and episode.pose is not None else None
            moment = self._engine.step(moment, episode.action[t : t + 1], pose)
        return np.asarray(moment.frame[0])

    def summary(self) -> dict[str, Any]:
        """`edits`: for each condition the shares of the verdicts with the interval of `right` over islands, and `right` by gap
        and by kind, beside the numbers of returns."""
        gaps = [AGE_BINS[int(bin_of(np.array(one.gap)))] for _, one, _ in self._found]
        out: dict[str, Any] = {
            "n": len(self._found),
            "n_by_gap": {gap: gaps.count(gap) for gap in _GAPS},
            "n_by_kind": {kind: sum(one.kind == kind for _, one, _ in self._found) for kind in ("dug", "placed")},
        }
        for name in CONDITIONS:
            shares = {verdict: self._share(name, verdict)[0] for verdict in VERDICTS}
            out[name] = shares | {
                "interval95": self._share(name, "right")[1],
                "right_by_gap": {gap: self._share(name, "right", [g == gap for g in gaps])[0] for gap in _GAPS},
                "right_by_kind": {
                    kind: self._share(name, "right", [one.kind == kind for _, one, _ in self._found])[0]
                    for kind in ("dug", "placed")
                },
            }
        return {"edits": out}

    def _share(self, name: str, verdict: str, keep: list[bool] | None = None) -> tuple[float | None, list[float] | None]:
        """The share of a verdict among the returns to `keep`, and its interval over islands."""
        rows = np.array([row for row, _, _ in self._found], int)
        hits = np.array([verdicts[name] == verdict for _, _, verdicts in self._found], float)
        kept = np.ones(len(rows), bool) if keep is None else np.array(keep, bool)
        n = len(self._batch)
        return estimate(np.bincount(rows[kept], hits[kept], minlength=n), np.bincount(rows[kept], minlength=n))
