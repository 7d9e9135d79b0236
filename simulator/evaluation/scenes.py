"""The episodes an evaluation runs on, with what each part of a frame shows and how old it is; and the files left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import numpy as np

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from simulator.moment import Moment

if TYPE_CHECKING:
    from simulator.engine import Engine
    from simulator.evaluation.plan import Plan

AnyScene = TypeVar("AnyScene", bound="Scene")


@dataclass(frozen=True)
class Scene:
    """One world as evaluated, scored in `k` parts a frame, each as old as what it shows. What differs by world is here.

    border: pixels to leave out on every side. place, part: what one such world, and one part, is called in a report.
    turn: a turn step in radians, a divisor of the circle. left_out: measures that make no sense here, and why.
    """

    name: str
    episode: Episode
    border: int

    place: ClassVar[str]
    part: ClassVar[str]
    turn: ClassVar[float]
    left_out: ClassVar[tuple[str, ...]] = ()

    def __len__(self) -> int:
        return len(self.episode)

    def ages(self, t: int) -> np.ndarray:
        """Frames since the content of each part (k,) of frame `t` was last in view: inf = never, NaN = nothing to remember."""
        raise NotImplementedError

    def known(self, start: int) -> np.ndarray:
        """bool (t, k): whether the first `start` frames have shown a part's content."""
        raise NotImplementedError

    def again(self, t: int, now: int, later: int) -> np.ndarray:
        """uint8 (H, W, 3): what one sees from where frame `t` was taken, in the world as it is `later` frames after `now`."""
        raise NotImplementedError

    def same_place(self, other: Any) -> bool:
        """Whether `other` was recorded in the very same world, so that its memory is no stranger's."""
        return False

    def on_foot(self, action: int) -> int:
        """The action that moves the body as `action` does and leaves the world as it is."""
        return action

    def verdicts(self, t: int, truth: np.ndarray, dream: np.ndarray, before: np.ndarray, start: int | None) -> dict[str, int]:
        """What to count for one dreamt frame (H, W, 3), by name. before: the last true frame the dreamer saw. start: number of
        true frames a long dream began after, None where it is one step ahead."""
        raise NotImplementedError

    @staticmethod
    def part_scores(dream: np.ndarray, truth: np.ndarray, border: int) -> dict[str, np.ndarray]:
        """mse, ssim and perceptual (b, k) of frames (b, H, W, 3), `border` pixels left out on every side."""
        raise NotImplementedError

    @staticmethod
    def facts(batch: Sequence[Any], t: int, truth: np.ndarray, dream: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Further scores by name: their values and where they count, both (b, k), border not yet left out."""
        return {}

    @staticmethod
    def onestep_summary(counts: Mapping[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
        """What the verdicts (b,) one step ahead come to; 95% intervals are put into `intervals`."""
        raise NotImplementedError

    @staticmethod
    def dream_summary(counts: Mapping[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
        """What the verdicts (b,) over a long dream come to; 95% intervals are put into `intervals`."""
        raise NotImplementedError


class Probe(Protocol):
    """Asks the dreamer something of its own while the true frames go by. Where it has `pictures`, by figure, they are drawn."""

    def __call__(self, t: int, moment: Moment) -> None:
        """`moment` is after `t` true frames of every scene."""

    def summary(self) -> dict[str, Any]:
        """What was found, by the names it has in the report."""


@dataclass(frozen=True)
class Measures:
    """How a world is evaluated. make_scene: name and episode -> a Scene, EpisodeError where it is not of this world.

    probes: (engine, batch, plan, pose_given) -> what is asked on the way. further: (engine, plan) -> what is measured apart
    from the episodes, by the names it has in the report, and a line for each thing left out.
    """

    make_scene: Callable[[str, Episode], Scene]
    probes: Callable[[Engine, list[Any], Plan, bool], list[Probe]] = lambda engine, batch, plan, pose_given: []
    further: Callable[[Engine, Plan], tuple[dict[str, Any], list[str]]] = lambda engine, plan: ({}, [])


def load_scenes(
    folder: Path,
    frame_shape: tuple[int, ...],
    n_actions: int,
    n_mazes: int,
    n_frames: int,
    make_scene: Callable[[str, Episode], AnyScene],
) -> tuple[list[AnyScene], list[str]]:
    """Up to `n_mazes` scenes of equal length (at most `n_frames`) from the npz files under `folder`, and one line for each
    file left out. The length is the one that keeps most frames in all. Raises ValueError where no file is usable."""
    paths = sorted(folder.rglob("*.npz")) if folder.is_dir() else []
    if not paths:
        raise ValueError(
            f"{folder} holds no episodes; expected npz files in the Memory Maze schema, make some with `run_sim.py collect`"
        )
    loaded: list[tuple[str, Episode]] = []
    left_out: list[str] = []
    for n_looked, path in enumerate(paths):
        if len(loaded) == n_mazes:
            left_out.append(
                f"{len(paths) - n_looked} further files: {n_mazes} episodes are enough for this plan; --mazes takes more"
            )
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


def frames(batch: Sequence[Scene], t: int) -> np.ndarray:
    """True frames uint8 (b, H, W, 3) of moment `t`, one row a scene."""
    return np.stack([scene.episode.image[t] for scene in batch])


def again(batch: Sequence[Scene], t: int, now: int, later: int) -> np.ndarray:
    """`Scene.again` (b, H, W, 3), one row a scene."""
    return np.stack([scene.again(t, now, later) for scene in batch])


def actions(batch: Sequence[Scene], t: int) -> np.ndarray:
    """Actions (b,) that led to frame `t`."""
    return np.array([scene.episode.action[t] for scene in batch])


def poses(batch: Sequence[Scene], t: int) -> np.ndarray:
    """True poses (b, 5) of frame `t`."""
    return np.stack([scene.episode.pose[t] for scene in batch if scene.episode.pose is not None])


def strangers(batch: Sequence[Scene]) -> list[int]:
    """For every scene the next one of another place, whose memory can be tried on it; empty where all are of one place."""
    n = len(batch)
    found = [[(i + k) % n for k in range(1, n) if not batch[i].same_place(batch[(i + k) % n])] for i in range(n)]
    return [others[0] for others in found if others]


def border(batch: Sequence[Scene]) -> int:
    """Pixels to leave out on every side so that no scene's border is scored."""
    return max(scene.border for scene in batch)


def inside(images: np.ndarray, width: int) -> np.ndarray:
    """Images (b, H, W, 3), or columns (b, W), without `width` pixels at each side. Worlds scored by pixel have no border."""
    if width == 0:
        return images
    return images[:, width:-width, width:-width] if images.ndim == 4 else images[:, width:-width]
