"""Mazes drawn without a renderer, and engines whose memory is known: what a measure of memory must be measured with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from envs import episode as episodes
from envs import maze_geometry, pose
from envs.actions import ActionSpec
from envs.episode import Episode
from simulator.engine import Engine
from simulator.evaluation.balls import BALL_COLOURS
from simulator.evaluation.walls import WALL_COLOURS
from simulator.moment import Moment
from tests.simulator.fakes import MOTIONS

ACTIONS = ActionSpec(
    world="memory-maze",
    names=("noop", "forward", "left", "right", "forward_left", "forward_right"),
    keys=tuple(frozenset(chord) for chord in ((), ("up",), ("left",), ("right",), ("up", "left"), ("up", "right"))),
)
LAYOUT = np.array(
    [[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]],
    np.uint8,
)
TARGETS = np.array([[0.5, 4.5], [4.5, 0.5], [2.5, 2.5]])
N_WALLS = maze_geometry.n_segments(LAYOUT)
GREY = 128


def draw(sight: maze_geometry.Sight, colours: np.ndarray, size: int = 64) -> np.ndarray:
    """Frames uint8 (t, size, size, 3) of what `sight` says: sky, walls of one colour a block, floor, balls."""
    row = ((np.arange(size) + 0.5) / size)[None, :, None]
    angles = maze_geometry.column_angles(size)
    top = maze_geometry.row_at(sight.distance, maze_geometry.WALL_HEIGHT, angles)[:, None]
    foot = maze_geometry.row_at(sight.distance, 0.0, angles)[:, None]
    block = sight.segment[..., maze_geometry.SUB_RAYS // 2] // (maze_geometry.N_SIDES * maze_geometry.N_PARTS)
    palette = np.array(list(WALL_COLOURS.values()), float)
    wall = palette[colours[block]] * (0.3 + 0.65 * sight.facing[..., None])
    image = np.where((row > foot)[..., None], np.array([30.0, 48, 58]), wall[:, None])
    image = np.where((row < top)[..., None], np.array([70.0, 100, 140]), image)
    in_ball = (sight.ball >= 0)[:, None] & (row > sight.ball_rows[:, None, :, 0]) & (row < sight.ball_rows[:, None, :, 1])
    image = np.where(in_ball[..., None], 0.8 * BALL_COLOURS[sight.ball][:, None], image)
    return image.astype(np.uint8)


def walk(n_frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Actions (t,) and poses (t, 5): around the maze's outer ring again and again, now and then once around oneself."""
    rng = np.random.default_rng(seed)
    stops = [(0.5, 0.5), (4.5, 0.5), (4.5, 4.5), (0.5, 4.5)]
    here, leg, spin = pose.Pose(*stops[0], heading=0.0).array(), 0, 0
    actions, stations = [0], [here]
    while len(stations) < n_frames:
        goal = stops[(leg + 1) % 4]
        bearing = np.arctan2(goal[1] - here[1], goal[0] - here[0])
        turn = float(pose.wrap(bearing - here[3]))
        if np.hypot(goal[0] - here[0], goal[1] - here[1]) < 0.1:
            leg += 1
            continue
        if spin:
            action, here, spin = 2, pose.move(here, pose.Pose(heading=np.pi / 10).array()), spin - 1
        elif abs(turn) > 1e-6:
            action, motion = (2, 1) if turn > 0 else (3, -1)
            here = pose.move(here, pose.Pose(heading=motion * min(abs(turn), np.pi / 10)).array())
        elif rng.random() < 0.06:
            action, spin = 0, 20
        else:
            action, here = 1, pose.move(here, pose.Pose(x=0.25).array())
        actions.append(action)
        stations.append(here)
    return np.array(actions), np.stack(stations)


def make_episode(n_frames: int, seed: int) -> Episode:
    """A drawn episode with all the arrays of the public schema; walls are coloured by `seed`."""
    actions, stations = walk(n_frames, seed)
    sight = maze_geometry.look(LAYOUT, stations, TARGETS)
    colours = np.random.default_rng(seed).integers(len(WALL_COLOURS), size=(LAYOUT.shape[0] + 2) * (LAYOUT.shape[1] + 2))
    extras = {
        "maze_layout": np.repeat(LAYOUT[None], n_frames, axis=0),
        "targets_pos": np.repeat(TARGETS[None] + 1e-6 * seed, n_frames, axis=0),  # by this two mazes are told apart
        "target_pos": np.repeat(TARGETS[:1], n_frames, axis=0),
        "target_color": np.repeat(BALL_COLOURS[:1] / 255, n_frames, axis=0),
    }
    return Episode(draw(sight, colours), actions, ACTIONS.n_actions, stations, extras)


def make_folder(folder: Path, n_mazes: int, n_frames: int) -> Path:
    """`folder` filled with drawn episodes under names of no pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(n_mazes):
        episodes.save(make_episode(n_frames, seed), folder / f"{'xyz'[seed % 3]}-{seed}.npz")
    return folder


class Fake(Engine):
    """An engine that is handed the episodes. Its stream: which maze each row is in (b, 1), and what it has seen of every
    maze (b, n_mazes, wall parts and then balls). Subclasses choose what to show for content that memory lacks, and what to
    remember."""

    actions, world, fps, frame_shape = ACTIONS, "memory-maze", 4.0, (64, 64, 3)
    fingerprint, description, n_steps, contexts, has_ego_motion = "fake", "a fake", 1, {}, True
    context_noise = 0.0

    def __init__(self, truth: list[Episode]) -> None:
        self.truth = truth
        self.sights = [maze_geometry.look(LAYOUT, e.pose, TARGETS) for e in truth if e.pose is not None]

    def begin(self, context: list[Episode] | None, seed: int, batch: int = 1) -> Moment:
        rows = len(context) if context else batch
        maze = np.zeros((rows, 1), int)
        seen = np.zeros((rows, len(self.truth), N_WALLS + len(TARGETS)), bool)
        blank = Moment((maze, seen), np.zeros((rows, 64, 64, 3), np.uint8), np.zeros((rows, 5)), np.zeros((rows, 5)), 0, seed)
        if context is None:
            return blank
        for row, part in enumerate(context):
            maze[row] = next(i for i, e in enumerate(self.truth) if (e.image[0] == part.image[0]).all())
        for t in range(len(context[0])):
            pose_now = np.stack([part.pose[t] for part in context if part.pose is not None])
            blank = self.absorb(blank, np.stack([p.image[t] for p in context]), np.zeros(rows, int), pose_now)
        return blank

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        maze, seen = moment.stream
        if pose is None:
            rows = zip(maze[:, 0], moment.pose, actions, strict=True)
            pose = np.stack([self._moved(self.truth[m], moment.t, here, action) for m, here, action in rows])
        return np.stack([self.show(m, p, s[m]) for m, p, s in zip(maze[:, 0], pose, seen, strict=True)]), pose

    @staticmethod
    def _moved(recorded: Episode, t: int, here: np.ndarray, action: int) -> np.ndarray:
        """As recorded where the recorded walk goes on so from `here`, else as the key says, walls in its way."""
        assert recorded.pose is not None
        if t < len(recorded) and action == recorded.action[t] and np.allclose(here, recorded.pose[t - 1]):
            return recorded.pose[t]
        after = pose.move(here, MOTIONS[action])
        x, y = (int(np.floor(value)) for value in after[:2])
        free = 0 <= x < LAYOUT.shape[1] and 0 <= y < LAYOUT.shape[0] and LAYOUT[y, x]
        return after if free else np.concatenate([here[:2], after[2:]])

    def show(self, maze: int, pose_now: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The true picture where every part of a column was seen before, grey elsewhere."""
        t, sight = self._frame_at(maze, pose_now), self.sights[maze]
        known = seen[sight.segment[t, :, 1]] & ((sight.ball[t] < 0) | seen[N_WALLS + sight.ball[t]])
        image = self.truth[maze].image[t].copy()
        image[:, ~known] = GREY
        return image

    def _frame_at(self, maze: int, pose_now: np.ndarray) -> int:
        stations = self.truth[maze].pose
        assert stations is not None
        apart = np.abs(stations[:, :2] - pose_now[:2]).sum(axis=1) + np.abs(pose.wrap(stations[:, 3] - pose_now[3]))
        return int(apart.argmin())

    def absorb(
        self, moment: Moment, frame: np.ndarray, actions: np.ndarray, pose: np.ndarray, noise_level: float = 0.0, *, dreamt=False
    ) -> Moment:
        maze, seen = moment.stream
        return replace(moment, stream=(maze, self.remember(maze, seen, frame, pose)), frame=frame, pose=pose, t=moment.t + 1)

    def remember(self, maze: np.ndarray, seen: np.ndarray, frame: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """Add what the frame truly shows; a column dreamt wrong teaches nothing."""
        seen = seen.copy()
        for row, m in enumerate(maze[:, 0]):
            t = self._frame_at(m, pose[row])
            right = (frame[row] == self.truth[m].image[t]).all(axis=(0, 2))
            ball = self.sights[m].ball[t][right]
            seen[row, m, self.sights[m].segment[t][right].ravel()] = True
            seen[row, m, N_WALLS + ball[ball >= 0]] = True
        return seen

    def forget(self, moment: Moment) -> Moment:
        maze, seen = moment.stream
        return replace(moment, stream=(maze, np.zeros_like(seen)))

    def blindfold(self, moment: Moment) -> Moment:
        return replace(moment, frame=np.zeros_like(moment.frame))

    def swap(self, moment: Moment, other: Moment) -> Moment:
        return replace(moment, stream=(moment.stream[0], other.stream[1]))


class PerfectMemory(Fake):
    """Shows everything it has ever seen exactly as it is."""


class Amnesiac(Fake):
    """Remembers nothing."""

    def remember(self, maze: np.ndarray, seen: np.ndarray, frame: np.ndarray, pose: np.ndarray) -> np.ndarray:
        return np.zeros_like(seen)


class CopyLast(Fake):
    """Shows the last frame again."""

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        return moment.frame, super().imagine(moment, actions, pose)[1]
