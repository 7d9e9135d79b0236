"""A route being walked: it presses the keys, remembers what it saw, and says how like the first view the last one is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.actions import ActionSpec
from envs.pose import FloatArray, wrap
from simulator.demo.routes import SETTLE, Keys, Route, Way, stand
from simulator.evaluation import metrics

CELLS_A_RADIAN = 1.0
"""How many cells of distance count as much as a radian of heading when poses are compared."""


class Score(NamedTuple):
    """How alike two pictures are: PSNR in dB (60 at most), and SSIM."""

    psnr: float
    ssim: float


def score(a: np.ndarray, b: np.ndarray) -> Score:
    """Of two pictures (H, W, 3) uint8."""
    mse, ssim = metrics.column_mse(a[None], b[None]).mean(), metrics.column_ssim(a[None], b[None]).mean()
    return Score(float(metrics.psnr(mse)), float(ssim))


def pose_gap(a: FloatArray, b: FloatArray) -> tuple[float, float]:
    """Distance in cells and difference of heading in degrees between two poses (5,)."""
    return float(np.hypot(*(a[:2] - b[:2]))), float(np.degrees(abs(wrap(a[3] - b[3]))))


class Walk:
    """Walks `route` in any world that tells its pose. A policy: `act` until `over`.

    frames: uint8 (H, W, 3), poses: (5,), all that was seen, the picture before the first key at 0. turned: number of frames
    seen when the way back begins, 0 before that.
    """

    def __init__(self, route: Route, actions: ActionSpec, gap: int | None = None) -> None:
        self.route, self.gap = route, route.gap if gap is None else gap
        if self.gap < 1:
            raise ValueError(f"a gap of {gap} frames; expected 1 or more")
        self.frames: list[np.ndarray] = []
        self.poses: list[FloatArray] = []
        self.turned, self.over = 0, False
        self._keys = Keys.of(actions)
        self._way: Way | None = None

    def _go(self, pose: FloatArray) -> Way:
        pose = yield from stand(self._keys, pose, SETTLE)
        pose = yield from self.route.away(self._keys, pose, self.gap)
        self.turned = len(self.frames)
        pose = yield from self.route.back(self._keys, self.poses[SETTLE:])
        return (yield from stand(self._keys, pose, SETTLE))

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        """The next key, given the newest picture and `info["pose"]`; the no-op once the walk is over."""
        pose = info.get("pose")
        if pose is None:
            raise ValueError("this world does not tell where one stands, so no way back can be planned in it")
        self.frames.append(observation)
        self.poses.append(np.asarray(pose, np.float64))
        try:
            if self._way is None:
                self._way = self._go(self.poses[0])
                return next(self._way)
            return self._way.send(self.poses[-1])
        except StopIteration:
            self.over = True
            return self._keys.noop

    @property
    def then(self) -> int:
        """Number of the frame, of those before the way back, that was seen from nearest to where one stands now."""
        before = np.array(self.poses[: self.turned])
        here = self.poses[-1]
        apart = np.hypot(*(before[:, :2] - here[:2]).T) + CELLS_A_RADIAN * np.abs(wrap(before[:, 3] - here[3]))
        return int(apart.argmin())
