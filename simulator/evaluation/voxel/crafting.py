"""Recipe order: ask the dreamer to craft at moments where the real island allows it and where it does not.

An impossible craft must change nothing in the dreamt hotbar; a possible one must do what the recipe says, at once, and it
must still be so a little later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.voxel import hands
from envs.voxel.env import advance_state
from envs.voxel.moves import ACTIONS, MOVES
from envs.voxel.recipes import RECIPES
from envs.voxel.state import State
from simulator.engine import Engine
from simulator.evaluation.plan import Plan
from simulator.evaluation.tally import estimate
from simulator.evaluation.voxel import bar
from simulator.evaluation.voxel.scene import VoxelScene
from simulator.moment import Moment, take_rows

KINDS = ("possible", "impossible")
OUTCOMES = ("right", "wrong", "other")
LATER = 8
"""Frames of standing still after which the hotbar is read again."""
_CRAFT = tuple(ACTIONS.id_of(f"craft_{recipe.name}") for recipe in RECIPES)


def outcomes(state: State) -> dict[str, list[int]]:
    """The recipes by kind: possible where the hotbar then shows another picture, impossible where nothing at all happens."""
    found: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for number in range(len(RECIPES)):
        after = hands.craft(state, number)
        if after is state:
            found["impossible"].append(number)
        elif not bar.bar_of(after.slots, 0).same(bar.bar_of(state.slots, 0)).all():
            found["possible"].append(number)
    return found


def outcome(said: bar.Bar, due: bar.Bar, was: bar.Bar, made: int) -> str:
    """right: the hotbar is as it is due. wrong: nothing happened where it should have, or more of item `made` is there where it
    should not be. other: the hotbar is something else, so what happened cannot be told."""
    if said.same(due).all():
        return "right"
    if due.same(was).all():
        return "wrong" if said.number_of(made) > was.number_of(made) else "other"
    return "wrong" if said.same(was).all() else "other"


class CraftProbe:
    """Every `plan.craft_every` frames tries one possible and one impossible recipe on every island, the least tried first."""

    def __init__(self, engine: Engine, batch: Sequence[VoxelScene], plan: Plan, pose_given: bool) -> None:
        self._engine, self._batch, self._every, self._pose_given = engine, batch, plan.craft_every, pose_given
        self._tried = {kind: np.zeros(len(RECIPES), int) for kind in KINDS}
        self._counts: dict[str, np.ndarray] = {}

    def __call__(self, t: int, moment: Moment) -> None:
        if t % self._every:
            return
        tries = []
        for row, scene in enumerate(self._batch):
            for kind, numbers in outcomes(scene.states[t - 1]).items():
                if numbers:
                    number = min(numbers, key=lambda n: self._tried[kind][n])
                    self._tried[kind][number] += 1
                    tries.append((row, kind, number))
        if tries:
            self._try(take_rows(moment, [row for row, _, _ in tries]), tries, t)

    def _try(self, moment: Moment, tries: list[tuple[int, str, int]], t: int) -> None:
        """Craft and stand, on every row of `moment`; read the hotbars after the first and after the last frame."""
        before = [self._batch[row].states[t - 1] for row, _, _ in tries]
        states, actions = before, np.array([_CRAFT[number] for _, _, number in tries])
        for step in range(1 + LATER):
            states = [advance_state(state, MOVES[action]) for state, action in zip(states, actions, strict=True)]
            pose = np.stack([state.pose for state in states]) if self._pose_given else None
            moment = self._engine.step(moment, actions, pose)
            actions = np.full(len(tries), ACTIONS.noop)
            if step in (0, LATER):
                when = "later" if step else "at_once"
                for (row, kind, number), old, new, frame in zip(tries, before, states, moment.frame, strict=True):
                    due, was = (bar.bar_of(state.slots, state.selected) for state in (new, old))
                    verdict = outcome(bar.read(frame), due, was, RECIPES[number].makes)
                    for name in (f"{kind}_{when}", f"{kind}_{when}_{verdict}"):
                        self._counts.setdefault(name, np.zeros(len(self._batch)))[row] += 1

    def summary(self) -> dict[str, Any]:
        """`recipes`: by kind, at once and later, the number of tries, and the shares of `OUTCOMES` with the interval of `right`
        over islands; and how often each recipe was tried."""
        none, names = np.zeros(len(self._batch)), [recipe.name for recipe in RECIPES]
        tried = {kind: dict(zip(names, self._tried[kind].tolist(), strict=True)) for kind in KINDS}
        out: dict[str, Any] = {"n_by_recipe": tried}
        for kind in KINDS:
            for when in ("at_once", "later"):
                name = f"{kind}_{when}"
                n = self._counts.get(name, none)
                found = {verdict: estimate(self._counts.get(f"{name}_{verdict}", none), n) for verdict in OUTCOMES}
                shares = {verdict: share for verdict, (share, _) in found.items()}
                out[name] = {"n": int(n.sum()), **shares, "interval95": found["right"][1]}
        return {"recipes": out}
