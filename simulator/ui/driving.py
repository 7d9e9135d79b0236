"""Who presses the keys, and whether time goes on while nobody does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from envs.policies import Policy
from envs.pose import wrap
from simulator.drivers import KINDS, driver
from simulator.session import Session

YOU = "you"
STILL_CELLS, STILL_RADIANS = 0.03, 0.03
"""What a player at rest moves and turns by in a tick at most."""
LONGEST_SETTLING = 20
"""Ticks after the last key at most until a player counts as being at rest."""


class Driving:
    """Decides every tick's action: the person's keys, or a policy's.

    A person's time waits for keys unless `waits` is False: it passes while one is held and until what it set moving is at rest
    (a jump lands, a roll ends), since a dream of standing still is blurred by nothing but its own mistakes. Either way play
    begins with the first key. file: a driver of one's own, offered beside the others (see `simulator.drivers.driver`).
    """

    def __init__(self, session: Session, file: Path | None, notify: Callable[[str], None]) -> None:
        self._session, self._notify = session, notify
        self.kinds = [YOU, *KINDS, *([str(file)] if file else [])]
        self.kind = YOU
        self.waits, self.begun, self.at_rest = True, False, True
        self._policy: Policy | None = None
        self._n_settling = 0

    @property
    def name(self) -> str:
        """Who drives, in a word."""
        return Path(self.kind).name

    @property
    def by_hand(self) -> bool:
        """Whether the person's own keys count."""
        return self._policy is None

    def take(self, kind: str) -> None:
        """Give the keys to `kind`. ValueError where there is no such driver, or its file is no good: the person has them then."""
        self.kind, self._policy = YOU, None
        if kind != YOU:
            self._policy = driver(kind, self._session.world.actions, self._session.seed)
            self.kind = kind

    def switch(self) -> None:
        """Give the keys to the next driver that will have them."""
        after = self.kinds.index(self.kind) + 1 if self.kind in self.kinds else 0
        for kind in [*self.kinds[after:], YOU]:
            try:
                self.take(kind)
            except ValueError as error:
                self._notify(str(error))
            else:
                return

    def start_again(self) -> None:
        """The world has begun anew: so do policies, and a person's time waits for the first key."""
        self.begun = False
        try:
            self.take(self.kind)
        except ValueError as error:
            self._notify(str(error))

    def action(self, keys: frozenset[str], at_once: bool = False) -> int | None:
        """The action of this tick, or None where time stands still. at_once: let this tick pass whatever happens."""
        if self._policy is not None:
            return self._ask(self._policy)
        action = self._session.world.actions.from_keys(keys)
        if keys or at_once:
            self.begun, self._n_settling = True, 0
        else:
            self._n_settling += 1
        self.at_rest = not (keys or at_once) and (not self.begun or (self.waits and self._still()))
        return None if self.at_rest else action

    def _still(self) -> bool:
        timeline = self._session.timeline
        now, line, position = timeline.tick.pose, timeline.line, timeline.position
        before = line.entry(position - 1).tick.pose if position > line.start else None
        if self._n_settling > LONGEST_SETTLING or now is None or before is None:
            return True
        moved, turned = np.abs(now[:3] - before[:3]).max(), np.abs(wrap(now[3:] - before[3:])).max()
        return bool(moved < STILL_CELLS and turned < STILL_RADIANS)

    def _ask(self, policy: Policy) -> int:
        tick = self._session.tick
        n_panels = max(1, len(tick.info.get("panels", ())))
        info = {**tick.info, "pose": tick.info.get("right_pose", tick.pose)}
        try:
            return policy.act(tick.frame[:, : tick.frame.shape[1] // n_panels], info)
        except (ValueError, LookupError, RuntimeError) as error:
            self._notify(f"the driver {self.name} gave up ({error}); the keys are yours")
            self.take(YOU)
            return self._session.world.actions.noop
