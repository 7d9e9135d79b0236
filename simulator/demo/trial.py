"""One walk in the dream, and the same way back without the memory: what of the first view is still there?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from envs.pose import FloatArray
from simulator.demo.routes import SETTLE, Route
from simulator.demo.walk import Score, Walk, pose_gap, score
from simulator.moment import Moment

if TYPE_CHECKING:
    from simulator.engine import Engine

KEPT, RESET, OTHER = "kept", "reset", "another maze"
CONDITIONS = (KEPT, RESET, OTHER)
"""What is done with the long memory before the way back: nothing, emptied, replaced by that of another maze."""


@dataclass(frozen=True)
class Trial:
    """A dream in every condition, beside what it should show.

    frames: uint8 (n, H, W, 3) of every condition, the same pictures up to `turned`, from where on they go their own ways.
    poses: (n, 5) believed with the memory kept, and given to the others. then: the frame that is looked back to. wanted:
    uint8 (n, H, W, 3), what the frames are compared with. asked: what each condition shows in the end (H, W, 3) when asked for
    the view from exactly where frame 0 was taken, which no key reaches.
    """

    frames: dict[str, np.ndarray]
    poses: FloatArray
    turned: int
    then: int
    wanted: np.ndarray
    asked: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def view(self) -> np.ndarray:
        """What the last frame should show, uint8 (H, W, 3)."""
        return self.wanted[-1]

    @property
    def scores(self) -> dict[str, Score]:
        """How like what it should show the last frame is, by condition."""
        return {name: score(self.view, seen[-1]) for name, seen in self.frames.items()}

    @property
    def in_sight(self) -> Score:
        """The same measure for two frames of standing still with the view in sight: as good as a dream can score."""
        return score(*self.frames[KEPT][SETTLE - 1 : SETTLE + 1])

    @property
    def n_between(self) -> int:
        """Frames from then to now."""
        return len(self) - 1 - self.then

    @property
    def pose_off(self) -> tuple[float, float]:
        """Cells and degrees between where one stood then and stands now."""
        return pose_gap(self.poses[self.then], self.poses[-1])

    @property
    def path_cells(self) -> float:
        """How far was walked."""
        return float(np.hypot(*np.diff(self.poses[:, :2], axis=0).T).sum())


def run(
    engine: Engine,
    start: Moment,
    other: Moment | None,
    route: Route,
    gap: int | None,
    tell: Callable[[np.ndarray], object] = lambda frame: None,
) -> Trial:
    """Walk `route` from `start` (batch of one) and, from where it turns back, once more with every control.

    other: a moment of another maze, whose memory is tried; None where there is none. tell: called with every new frame.
    All conditions get the same keys, noise and poses, so that the memory is all that differs.
    """
    walk = Walk(route, engine.actions, gap)
    lives = {KEPT: start}
    frames = {name: [start.frame[0]] for name in CONDITIONS if name != OTHER or other is not None}
    while True:
        now = lives[KEPT]
        action = np.array([walk.act(now.frame[0], {"pose": now.pose[0]})])
        if walk.over:
            break
        if walk.turned and len(lives) == 1:
            lives[RESET] = engine.forget(now)
            if other is not None:
                lives[OTHER] = engine.swap(now, other)
        after = engine.step(now, action)
        lives = {name: after if life is now else engine.step(life, action, after.pose) for name, life in lives.items()}
        for name, seen in frames.items():
            seen.append(lives.get(name, after).frame[0])
        tell(after.frame[0])
    pictures = {name: np.stack(seen) for name, seen in frames.items()}
    kept = pictures[KEPT]
    wanted = kept[np.minimum(np.arange(len(kept)), walk.then)]
    stay = np.array([engine.actions.noop])
    asked = {name: engine.imagine(life, stay, start.pose)[0][0] for name, life in lives.items()}
    return Trial(pictures, np.stack(walk.poses), walk.turned, walk.then, wanted, asked)
