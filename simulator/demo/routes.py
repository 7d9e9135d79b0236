"""Ways that leave a view and come back to it, walked with keys alone and planned on where the walker believes it is.

A way is a generator: it yields an action, is sent the pose (5,) that the action led to, and returns the last pose. Nothing
is known of the map; a wall is where forward keys lead nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from envs.actions import ActionSpec
from envs.pose import FloatArray, wrap

Way = Generator[int, FloatArray, FloatArray]

SETTLE = 4
"""Frames stood still before leaving and after coming back, so that bodies come to rest and views can be compared."""
STUCK_CELLS, PATIENCE = 0.08, 3
"""A forward step shorter than this leads nowhere; after so many in a row there is a wall."""
NEAR_CELLS = 0.2
"""A point is reached at this distance; a step is 0.25 cells."""
TURN, LEAST_TURN = np.radians(18.0), np.radians(1.0)
"""What a turn key is taken to do before it is tried, and the least it must do."""
MANY = 400
"""Frames after which a leg ends wherever it has come to."""


class Lost(RuntimeError):
    """The keys do not lead where a way needs to go."""


@dataclass(frozen=True)
class Keys:
    """The action ids that ways are walked with."""

    noop: int
    forward: int
    left: int
    right: int
    forward_left: int
    forward_right: int

    @classmethod
    def of(cls, actions: ActionSpec) -> Keys:
        """Those of a world's moves; the longest chord it has stands for each."""
        chords = ((), ("up",), ("left",), ("right",), ("up", "left"), ("up", "right"))
        return cls(*(actions.from_keys(chord) for chord in chords))

    def turn(self, angle: float) -> int:
        """The key that turns towards `angle` (radians, left positive)."""
        return self.left if angle > 0 else self.right


def stand(keys: Keys, pose: FloatArray, n_frames: int) -> Way:
    """Do nothing for `n_frames`."""
    for _ in range(n_frames):
        pose = yield keys.noop
    return pose


def turn_by(keys: Keys, pose: FloatArray, angle: float) -> Way:
    """Turn on the spot by `angle` radians (left positive, full circles count), to within half a turn step."""
    left_over, fastest = angle, 0.0
    for n_frames in range(MANY):
        if abs(left_over) <= (fastest or TURN) / 2:
            return pose
        if n_frames > PATIENCE and fastest < LEAST_TURN:
            break
        after = yield keys.turn(left_over)
        turned = float(wrap(after[3] - pose[3]))
        left_over, fastest, pose = left_over - turned, max(fastest, abs(turned)), after
    raise Lost(f"the keys did not turn the dreamer by {np.degrees(angle):.0f} degrees; its ego-motion needs more training")


def go_to(keys: Keys, pose: FloatArray, point: FloatArray) -> Way:
    """Walk to `point` (2,), in cells, or as far as one gets: turn where it lies aside, steer where it lies nearly ahead."""
    n_stuck = 0
    for _ in range(MANY):
        gap = point - pose[:2]
        if np.hypot(*gap) < NEAR_CELLS or n_stuck >= PATIENCE:
            break
        angle = float(wrap(np.arctan2(gap[1], gap[0]) - pose[3]))
        if abs(angle) > 0.6:
            action = keys.turn(angle)
        else:
            action = keys.forward if abs(angle) < 0.2 else keys.forward_left if angle > 0 else keys.forward_right
        after = yield action
        moved, turned = float(np.hypot(*(after[:2] - pose[:2]))), float(wrap(after[3] - pose[3]))
        nowhere = moved < STUCK_CELLS if abs(angle) <= 0.6 else abs(turned) < LEAST_TURN
        n_stuck = n_stuck + 1 if nowhere else 0
        pose = after
    return pose


def turn_away(keys: Keys, pose: FloatArray, gap: int) -> Way:
    """Turn half around and stand there for `gap` frames."""
    pose = yield from turn_by(keys, pose, np.pi)
    return (yield from stand(keys, pose, gap))


def turn_back(keys: Keys, trail: Sequence[FloatArray]) -> Way:
    """Turn back the way one turned, to the heading at the trail's start."""
    headings = np.unwrap([pose[3] for pose in trail])
    return (yield from turn_by(keys, trail[-1], float(headings[0] - headings[-1])))


def walk_out(keys: Keys, pose: FloatArray, gap: int) -> Way:
    """From cell to cell for `gap` frames: straight on where that is free, else to a side, back only at a dead end."""
    n_frames = 0
    cell = np.floor(pose[:2]) + 0.5
    ahead = round(pose[3] / (np.pi / 2))
    while n_frames < gap:
        for side in (0, 1, 3, 2):
            heading = (ahead + side) * np.pi / 2
            goal = cell + np.round([np.cos(heading), np.sin(heading)])
            leg = go_to(keys, pose, goal)
            pose, n_walked = yield from _counted(leg, pose)
            n_frames += n_walked
            if np.hypot(*(goal - pose[:2])) < NEAR_CELLS:
                cell, ahead = goal, ahead + side
                break
            if n_frames >= gap:
                break
    return pose


def _counted(way: Way, pose: FloatArray) -> Generator[int, FloatArray, tuple[FloatArray, int]]:
    """`way`, and how many frames it took."""
    n_frames = 0
    try:
        action = next(way)
        while True:
            pose = yield action
            n_frames += 1
            action = way.send(pose)
    except StopIteration as end:
        return end.value, n_frames


def walk_home(keys: Keys, trail: Sequence[FloatArray]) -> Way:
    """Back along the trail, every few steps of it, then to the heading at its start."""
    pose, stations = trail[-1], [trail[0][:2]]
    for past in trail:
        if np.hypot(*(past[:2] - stations[-1])) >= 0.7:
            stations.append(past[:2])
    pose = yield from go_over(keys, pose, stations[::-1])
    return (yield from turn_by(keys, pose, float(wrap(trail[0][3] - pose[3]))))


def go_over(keys: Keys, pose: FloatArray, points: Sequence[FloatArray]) -> Way:
    """To one of `points` (2,) after the other."""
    for point in points:
        pose = yield from go_to(keys, pose, point)
    return pose


@dataclass(frozen=True)
class Route:
    """away: (keys, pose, gap) -> the way that leaves the view. back: (keys, trail of poses so far) -> the way back to it.

    gap: its default, in frames. what: what is done, in a few words.
    """

    away: Callable[[Keys, FloatArray, int], Way]
    back: Callable[[Keys, Sequence[FloatArray]], Way]
    gap: int
    what: str


def around(stations: Sequence[FloatArray]) -> Route:
    """Over `stations` (2,), in cells, and on to where one began: home by another way than out, if they lead one."""
    half = len(stations) // 2

    def out(keys: Keys, pose: FloatArray, gap: int) -> Way:
        return (yield from go_over(keys, pose, stations[:half]))

    def home(keys: Keys, trail: Sequence[FloatArray]) -> Way:
        pose = yield from go_over(keys, trail[-1], [*stations[half:], trail[0][:2]])
        return (yield from turn_by(keys, pose, float(wrap(trail[0][3] - pose[3]))))

    return Route(out, home, 1, "walk around through the maze, come home another way")


LOOK_AWAY = Route(turn_away, turn_back, 24, "look away, wait, look back")
LOOP = Route(walk_out, walk_home, 40, "walk out through the maze, come home")
