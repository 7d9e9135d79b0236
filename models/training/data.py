"""Windows of episodes in order: a row walks through its episode window by window, so its state can be carried along."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from envs import episode as episodes
from envs.actions import ActionSpec
from envs.catalog import find
from envs.episode import Episode, EpisodeError
from models.clips import check_fits, control_of, stack_controls
from models.conditioning import Control
from models.config import ModelConfig


@dataclass(frozen=True)
class Batch:
    """One window of every row. frames uint8 (b, t, H, W, 3); fresh (b,) bool: the row begins an episode here."""

    frames: Tensor
    control: Control
    fresh: Tensor


def find_episodes(folder: Path) -> list[Path]:
    """All episode files of a folder, sorted. Raises EpisodeError when there are none."""
    paths = sorted(path for path in folder.glob("*.npz") if not path.name.startswith(".")) if folder.is_dir() else []
    if not paths:
        raise EpisodeError(f"{folder}: no episodes (*.npz) found; collect some with `run_sim.py collect --out {folder}`")
    return paths


def retraced(episode: Episode, actions: ActionSpec) -> Episode:
    """The same way gone backwards, from the last frame to the first: everything on it has been seen before."""
    undone = np.array([actions.undo(action) for action in episode.action[:0:-1]], episode.action.dtype)
    pose = None if episode.pose is None else episode.pose[::-1].copy()
    return replace(
        episode,
        image=episode.image[::-1],
        action=np.concatenate([[actions.noop], undone]).astype(episode.action.dtype),
        pose=pose,
    )


Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """`items`, the next of which is made in a thread while one is in use."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items)
        while True:
            try:
                item = coming.result()
            except StopIteration:
                return
            coming = maker.submit(next, items)
            yield item


class EpisodeWindows:
    """Endless batches of `n_frames`-frame windows; files are read ahead by threads, unreadable ones are left out, once said.

    rows: those to read, of any number. What a row walks through is a function of (seed, row) alone.
    retrace_share: of the episodes that end, those that are gone back over at once, on the same state.
    kept_bytes: memory for episodes that are kept unpacked, the first that are read.
    """

    def __init__(
        self, folder: Path, config: ModelConfig, rows: range, n_frames: int, seed: int, *,
        retrace_share: float = 0.0, kept_bytes: int = 0, n_threads: int = 2,
    ) -> None:  # fmt: skip
        self.paths, self.config = find_episodes(folder), config
        self.rows, self.n_frames, self.seed, self.retrace_share = rows, n_frames, seed, retrace_share
        self._n_threads = n_threads
        self.left_out: set[str] = set()
        self._kept: dict[Path, Episode] = {}
        self._room = kept_bytes

    def _read(self, path: Path) -> Episode | None:
        if path in self._kept:
            return self._kept[path]
        try:
            episode = check_fits(episodes.load(path), self.config, str(path))
        except EpisodeError as error:
            if str(error) not in self.left_out:
                self.left_out.add(str(error))
                print(f"left out: {error}", flush=True)
            return None
        if episode.image.nbytes <= self._room:
            self._room -= episode.image.nbytes
            self._kept[path] = replace(episode, extras={})
        return episode

    def _episodes(self, rng: np.random.Generator, readers: ThreadPoolExecutor) -> Iterator[Episode]:
        """Usable episodes in random order, the next of them read while one is in use."""
        ahead: Future[Episode | None] | None = None
        n_refused = 0
        while n_refused < 10 * len(self.paths) + 10:
            now, ahead = ahead, readers.submit(self._read, self.paths[int(rng.integers(len(self.paths)))])
            episode = None if now is None else now.result()
            if episode is not None and len(episode) >= self.n_frames:
                n_refused = 0
                yield episode
            else:
                n_refused += 1
        raise EpisodeError(
            f"no usable episode of at least {self.n_frames} frames among {len(self.paths)} files; collect others, or longer ones"
        )

    def _windows(self, row: int, readers: ThreadPoolExecutor) -> Iterator[tuple[Episode, int, bool]]:
        """What one row walks through: an episode, the first frame of a window in it, and whether the row begins an episode."""
        rng = np.random.default_rng([self.seed, row])
        found = self._episodes(rng, readers)
        episode, fresh, back = next(found), True, False
        start = int(rng.integers(len(episode) - self.n_frames + 1))  # staggered, so that rows do not begin episodes together
        while True:
            yield episode, start, fresh
            start, fresh = start + self.n_frames, False
            if start + self.n_frames <= len(episode):
                continue
            if start > self.n_frames and not back and rng.random() < self.retrace_share:
                episode, start, back = retraced(episode.clip(0, start), find(self.config.world).actions), 1, True
            else:
                episode, start, fresh, back = next(found), 0, True, False

    def __iter__(self) -> Generator[Batch, None, None]:
        with ThreadPoolExecutor(self._n_threads) as readers:  # done with when the iteration is: nothing reads on after it
            for windows in zip(*(self._windows(row, readers) for row in self.rows), strict=True):
                parts = [(e.image[i : i + self.n_frames], control_of(e, i, i + self.n_frames)) for e, i, _ in windows]
                frames = torch.from_numpy(np.stack([image for image, _ in parts]))
                fresh = torch.tensor([begins for _, _, begins in windows])
                yield Batch(frames, stack_controls([control for _, control in parts]), fresh)
