"""The same action to two worlds: left | right | difference, how alike they are, and since when they are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from envs.episode import Episode
from envs.policies import Policy
from simulator import compose
from simulator.env_process import WorldDied
from simulator.evaluation import metrics
from simulator.world import Snapshot, Tick, World
from simulator.worlds import LearnedWorld, RealWorld

PARTED_PSNR = 16.0
"""dB below which two pictures no longer show the same place; looking at pairs, 18 is still plainly the same view."""


class TwinWorld:
    """Two worlds played as one. Its tick shows three panels and carries in `info`: panels (their names), psnr (dB), ssim,
    parted_since (the t from which on they have shown different places, or None), and whatever the right world knows.
    """

    panels: tuple[str, str, str]

    def __init__(self, left: World, right: World) -> None:
        if left.actions.names != right.actions.names:
            raise ValueError(f"{left.name!r} and {right.name!r} have different actions; side by side needs the same")
        self.left, self.right = left, right
        self.name, self.actions, self.fps = left.name, left.actions, left.fps
        self._parted_since: int | None = None
        self._tick: Tick | None = None

    def _show(self, left: Tick, right: Tick) -> Tick:
        psnr = float(metrics.psnr(metrics.column_mse(left.frame[None], right.frame[None]).mean()))
        ssim = float(metrics.column_ssim(left.frame[None], right.frame[None]).mean())
        if psnr >= PARTED_PSNR:
            self._parted_since = None
        elif self._parted_since is None:
            self._parted_since = left.t
        info = {**right.info, "panels": self.panels, "psnr": psnr, "ssim": ssim}
        info |= {"parted_since": self._parted_since, "right_pose": right.pose}
        frame = compose.beside(left.frame, right.frame, compose.difference(left.frame, right.frame))
        self._tick = Tick(frame, left.t, left.action, left.pose, left.seconds + right.seconds, info)
        return self._tick

    def step(self, action: int) -> Tick:
        return self._show(self.left.step(action), self.right.step(action))

    def snapshot(self) -> Snapshot:
        if self._tick is None:
            raise RuntimeError("nothing has been shown yet: call reset(seed) first")
        return Snapshot(self._tick, (self.left.snapshot(), self.right.snapshot()))

    def restore(self, snapshot: Snapshot) -> Tick:
        left, right = snapshot.state
        self.left.restore(left)
        self.right.restore(right)
        self._tick, self._parted_since = snapshot.tick, snapshot.tick.info["parted_since"]
        return snapshot.tick

    def close(self) -> None:
        self.left.close()
        self.right.close()


class BesideWorld(TwinWorld):
    """The dream and the reality it dreams of. Before the first tick a guide walks `n_lead_in` steps through the real world;
    the dream absorbs that walk and both go on from its end.

    make_guide: seed -> policy for the lead-in.
    """

    panels = ("dream", "real", "difference")

    def __init__(self, dream: LearnedWorld, real: RealWorld, make_guide: Callable[[int], Policy], n_lead_in: int) -> None:
        if n_lead_in < 0:
            raise ValueError(f"a lead-in of {n_lead_in} steps; expected 0 or more")
        super().__init__(dream, real)
        self.dream, self.real = dream, real
        self._make_guide, self._n_lead_in = make_guide, n_lead_in
        self.lost = ""

    def reset(self, seed: int) -> Tick:
        guide, tick = self._make_guide(seed), self.real.reset(seed)
        ticks = [tick]
        for _ in range(self._n_lead_in):
            tick = self.real.step(guide.act(tick.frame, dict(tick.info)))
            ticks.append(tick)
        pose = None if tick.pose is None else np.stack([np.asarray(t.pose) for t in ticks])
        walk = Episode(np.stack([t.frame for t in ticks]), np.array([t.action for t in ticks]), self.actions.n_actions, pose)
        self.lost, self._parted_since = "", None
        return self._show(self.dream.begin(walk, seed), replace(tick, t=0))

    def step(self, action: int, true: bool = False) -> Tick:
        """One step of both. true: the dream absorbs the real frame instead of dreaming its own (resync)."""
        real = self._step_real(action)
        dream = self.dream.resync(action, real.frame, real.pose) if true and not self.lost else self.dream.step(action)
        return self._show(dream, real)

    def _step_real(self, action: int) -> Tick:
        """Reality's next tick, or a dark one for ever after its process has died: the dream goes on without it."""
        if not self.lost:
            try:
                return self.real.step(action)
            except WorldDied as error:
                self.lost = str(error)
        return Tick(np.zeros_like(self.dream.snapshot().tick.frame), 0, action, info={"lost": self.lost})

    def snapshot(self) -> Snapshot:
        if not self.lost:
            try:
                return super().snapshot()
            except WorldDied as error:
                self.lost = str(error)
        assert self._tick is not None
        return Snapshot(self._tick, (self.dream.snapshot(), None))

    def restore(self, snapshot: Snapshot) -> Tick:
        dream, real = snapshot.state
        self.dream.restore(dream)
        if real is not None and not self.lost:
            self.real.restore(real)
        self._tick, self._parted_since = snapshot.tick, snapshot.tick.info["parted_since"]
        return snapshot.tick


class SplitWorld(TwinWorld):
    """One dream twice, the same seed and keys: the left one remembers, the right one has lost its memory."""

    panels = ("remembers", "forgot", "difference")

    def __init__(self, dream: LearnedWorld) -> None:
        self.dream, self.amnesiac = dream, LearnedWorld(dream.engine, dream.clips)
        super().__init__(self.dream, self.amnesiac)

    def reset(self, seed: int) -> Tick:
        """The dream's own reset, after which the right one forgets the start it absorbed."""
        self._parted_since = None
        self.dream.reset(seed)
        return self.forget()

    def forget(self) -> Tick:
        """Drop the right dream's memory; call again to drop what it has gathered since."""
        self.amnesiac.restore(self.dream.snapshot())
        self.amnesiac.forget()
        return self._show(self.dream.snapshot().tick, self.amnesiac.snapshot().tick)


def dream_of(world: Any) -> LearnedWorld | None:
    """The learned world inside `world`, the remembering one of two; None where all is real."""
    return world if isinstance(world, LearnedWorld) else getattr(world, "dream", None)
