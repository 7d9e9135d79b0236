"""The episodes an evaluation runs on, with what each column shows and how old it is; and the files it had to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from envs import content_age, maze_geometry
from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from envs.maze_geometry import Sight
from simulator.evaluation import balls, walls

BORDER = 2
"""Pixels of the frame in the current target's colour that public episodes carry: it changes at random, so it is cut."""


@dataclass(frozen=True)
class Scene:
    """One maze as evaluated: `age` (t, W) as in `envs.content_age`, `ball_age` likewise for the ball of a column,
    `undivided` bool (t, W), columns whose wall colour can be told, `ball_colours` (n,) as in `balls.ball_colours`,
    `border` pixels to leave out on every side."""

    name: str
    episode: Episode
    sight: Sight
    age: np.ndarray
    ball_age: np.ndarray
    undivided: np.ndarray
    ball_colours: np.ndarray
    border: int

    def __len__(self) -> int:
        return len(self.episode)


def make_scene(name: str, episode: Episode) -> Scene:
    """Work out what `episode` shows. Raises EpisodeError where layout, targets or pose are missing or do not fit."""
    if episode.pose is None:
        raise EpisodeError(
            f"{name}: no pose (agent_pos, agent_dir); expected the public schema's ExtraObs arrays, collect with them"
        )
    missing = [key for key in ("maze_layout", "targets_pos", "target_pos", "target_color") if key not in episode.extras]
    if missing:
        raise EpisodeError(f"{name}: no array {', '.join(missing)}; expected a Memory Maze episode with ExtraObs arrays")
    layout, targets = episode.extras["maze_layout"], episode.extras["targets_pos"]
    if (layout != layout[0]).any():
        raise EpisodeError(f"{name}: maze_layout changes within the episode; expected one maze a file")
    try:
        sight = maze_geometry.look(layout[0], episode.pose, targets[0], n_columns=episode.image.shape[2])
    except ValueError as error:
        raise EpisodeError(f"{name}: {error}") from None
    colours = balls.ball_colours(targets[0], episode.extras["target_pos"], episode.extras["target_color"])
    ball_age = content_age.age_since(content_age.last_seen_balls(sight))
    age, undivided = content_age.age(sight), walls.undivided(sight)
    return Scene(name, episode, sight, age, ball_age, undivided, colours, _border(episode.image))


def _border(image: np.ndarray) -> int:
    """BORDER where every frame is framed in one colour, else 0."""
    sample = image[:: max(1, len(image) // 16)]
    ring = np.concatenate([sample[:, 0], sample[:, -1], sample[:, :, 0], sample[:, :, -1]], axis=1)
    return BORDER if (ring == ring[:, :1]).all() else 0


def load_scenes(
    folder: Path, frame_shape: tuple[int, ...], n_actions: int, n_mazes: int, n_frames: int
) -> tuple[list[Scene], list[str]]:
    """Up to `n_mazes` scenes of equal length (at most `n_frames`) from the npz files under `folder`, and one line for each
    file left out. The length is the one that keeps most frames in all. Raises ValueError where no file is usable."""
    paths = sorted(folder.rglob("*.npz")) if folder.is_dir() else []
    if not paths:
        raise ValueError(
            f"{folder} holds no episodes; expected npz files in the Memory Maze schema, make some with `run_sim.py collect`"
        )
    loaded: list[tuple[str, Episode]] = []
    left_out: list[str] = []
    for path in paths:
        if len(loaded) == n_mazes:
            break
        try:
            loaded.append((str(path.relative_to(folder)), _fitting(episodes.load(path), frame_shape, n_actions)))
        except EpisodeError as error:
            left_out.append(" ".join(f"{path.name}: {error}".replace(f"{path.name}: {path}: ", f"{path.name}: ").split()))
    lengths = np.array([min(len(episode), n_frames) for _, episode in loaded])
    length = max(lengths, key=lambda n: n * (lengths >= n).sum(), default=0)
    scenes = []
    for name, episode in loaded:
        if len(episode) < length:
            left_out.append(f"{name}: {len(episode)} frames; the others have {length} or more, evaluate it on its own")
            continue
        try:
            scenes.append(make_scene(name, episode.clip(0, int(length))))
        except EpisodeError as error:
            left_out.append(str(error))
    if not scenes or length < 2:
        raise ValueError(f"{folder} holds no usable episode of 2 frames or more; first reason: {(left_out or ['too short'])[0]}")
    return scenes, left_out


def _fitting(episode: Episode, frame_shape: tuple[int, ...], n_actions: int) -> Episode:
    """`episode`, if it is of the engine's world and size."""
    if episode.image.shape[1:] != tuple(frame_shape):
        raise EpisodeError(
            f"frames are {episode.image.shape[1:]}; expected {tuple(frame_shape)}, the size this checkpoint dreams"
        )
    if episode.n_actions != n_actions:
        raise EpisodeError(f"{episode.n_actions} actions; expected {n_actions}, those of this checkpoint's world")
    return episode


def frames(batch: list[Scene], t: int) -> np.ndarray:
    """True frames uint8 (b, H, W, 3) of moment `t`, one row a scene."""
    return np.stack([scene.episode.image[t] for scene in batch])


def actions(batch: list[Scene], t: int) -> np.ndarray:
    """Actions (b,) that led to frame `t`."""
    return np.array([scene.episode.action[t] for scene in batch])


def poses(batch: list[Scene], t: int) -> np.ndarray:
    """True poses (b, 5) of frame `t`."""
    return np.stack([scene.episode.pose[t] for scene in batch if scene.episode.pose is not None])


def border(batch: list[Scene]) -> int:
    """Pixels to leave out on every side so that no scene's border is scored."""
    return max(scene.border for scene in batch)


def inside(images: np.ndarray, width: int) -> np.ndarray:
    """Images (b, H, W, 3), or columns (b, W), without `width` pixels at each side."""
    if width == 0:
        return images
    return images[:, width:-width, width:-width] if images.ndim == 4 else images[:, width:-width]
