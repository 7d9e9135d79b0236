"""The voxel world as evaluated: the real island replayed beside the episode, so that truth can be asked for anywhere."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from envs.episode import Episode, EpisodeError
from envs.pose import wrap
from envs.voxel import hotbar, sight
from envs.voxel.env import VoxelEnv
from envs.voxel.moves import MOVES, NONE
from envs.voxel.replay import replay, seed_of
from envs.voxel.state import STEP, State
from envs.voxel.terrain import generate
from simulator.evaluation import metrics
from simulator.evaluation.scenes import Scene
from simulator.evaluation.voxel import bar

NEVER, NOTHING = -1, -2
"""In place of a frame number: not seen yet, and nothing there that could be remembered."""
_SAME_PLACE = 1e-3
"""Blocks and radians by which a replayed pose may differ from the recorded one, a float32."""


@dataclass(frozen=True)
class VoxelScene(Scene):
    """An island, scored by pixels. A pixel is as old as the block face behind it, all six faces of a block being new once it
    changes; sky, open sea, hand, cross and hotbar have no age and count for whole frames only.

    states: the world at every frame. env: draws what is asked for.
    """

    states: tuple[State, ...]
    env: VoxelEnv

    place: ClassVar[str] = "island"
    part: ClassVar[str] = "pixels"
    turn: ClassVar[float] = STEP
    left_out: ClassVar[tuple[str, ...]] = (
        "wall colours and balls: the voxel world has none; edits, hotbar, recipes and the story are measured instead",
    )

    def ages(self, t: int) -> np.ndarray:
        last = self._seen[0][t].astype(np.float32)
        return np.where(last >= 0, t - last, np.where(last == NOTHING, np.nan, np.inf))

    def known(self, start: int) -> np.ndarray:
        first = self._seen[1]
        return np.asarray((first >= 0) & (first < start))

    @functools.cached_property
    def _seen(self) -> tuple[np.ndarray, np.ndarray]:
        """int16 (t, H * W) each: the last frame before this one that showed a pixel's content, and the first ever."""
        side = self.episode.image.shape[2]
        last, first = (np.full((len(self), side * side), NOTHING, np.int16) for _ in range(2))
        last_of, first_of = (np.full(sight.N_FACES, NEVER, np.int16) for _ in range(2))
        for t, state in enumerate(self.states):
            if t and state.blocks is not self.states[t - 1].blocks:
                new = sight.face_numbers(np.argwhere(state.blocks != self.states[t - 1].blocks)).ravel()
                last_of[new] = first_of[new] = NEVER
            face = sight.faces(state, side).ravel()
            pixels = np.flatnonzero(face != sight.NO_FACE)
            face = face[pixels]
            last[t, pixels] = last_of[face]
            last_of[face] = t
            first_of[face[first_of[face] == NEVER]] = t
            first[t, pixels] = first_of[face]
        return last, first

    def again(self, t: int, now: int, later: int) -> np.ndarray:
        there, present = self.states[t], self.states[now]
        return self.picture(
            replace(
                present,
                body=there.body,
                heading=there.heading,
                pitch=there.pitch,
                t=present.t + later,
                mining=(-1, -1, -1, 0),
            )
        )

    def picture(self, state: State) -> np.ndarray:
        """uint8 (H, W, 3): what is truly seen in `state`."""
        self.env.restore(state)
        return self.env.render()

    def on_foot(self, action: int) -> int:
        move = MOVES[action]._replace(mine=False, place=False, cycle=False, slot=NONE, recipe=NONE)
        return MOVES.index(move)

    def verdicts(self, t: int, truth: np.ndarray, dream: np.ndarray, before: np.ndarray, start: int | None) -> dict[str, int]:
        """What the dreamt hotbar says: slots that hold something, of those the right icons, and the right counts with them;
        empty slots; slots that are not as `before`; whole bars with the chosen slot."""
        real, said, old = bar.read(truth), bar.read(dream), bar.read(before)
        right, filled, changed = said.same(real), real.counts > 0, ~real.same(old)
        return {
            "bars": 1,
            "bars_right": int(right.all() and said.selected == real.selected),
            "slots": int(filled.sum()),
            "icons_right": int((filled & (said.items == real.items)).sum()),
            "counts_right": int((filled & right).sum()),
            "empty": int((~filled).sum()),
            "empty_right": int((right & ~filled).sum()),
            "changed": int(changed.sum()),
            "changed_right": int((right & changed).sum()),
        }

    @staticmethod
    def part_scores(dream: np.ndarray, truth: np.ndarray, border: int) -> dict[str, np.ndarray]:
        found = {"mse": metrics.mse_map, "ssim": metrics.ssim_map, "perceptual": metrics.perceptual_map}
        return {name: score(dream, truth).reshape(len(dream), -1) for name, score in found.items()}

    @staticmethod
    def onestep_summary(counts: Mapping[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
        return {"inventory": bar.summary(counts, intervals)}

    @staticmethod
    def dream_summary(counts: Mapping[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
        return {"inventory": bar.summary(counts, intervals)}


def make_scene(name: str, episode: Episode) -> VoxelScene:
    """Replay `episode`, whose file name ends in the island's seed as `collect` names it. Raises EpisodeError where it cannot
    be replayed: no seed, arrays missing, another island, or a voxel world of another version."""
    if episode.pose is None:
        raise EpisodeError(f"{name}: no pose (agent_pos, agent_dir); expected an episode as `collect --world voxel` makes it")
    missing = [key for key in ("hotbar", "selected", "landmarks_pos") if key not in episode.extras]
    if missing:
        raise EpisodeError(f"{name}: no array {', '.join(missing)}; expected an episode as `collect --world voxel` makes it")
    return replayed(name, episode, seed_of(name))


def replayed(name: str, episode: Episode, seed: int) -> VoxelScene:
    """The scene of `episode` on the island of `seed`; EpisodeError where it was not recorded there."""
    side = episode.image.shape[2]
    if episode.image.shape[1] != side or side % hotbar.UNIT:
        raise EpisodeError(f"{name}: frames are {episode.image.shape[1:3]}; expected squares of a multiple of {hotbar.UNIT}")
    try:
        marks = np.array([(mark.x, mark.y, mark.z) for mark in generate(seed).landmarks], np.float32)
    except ValueError as error:
        raise EpisodeError(f"{name}: {error}") from None
    if not np.array_equal(episode.extras["landmarks_pos"][0], marks):
        raise EpisodeError(f"{name}: its landmarks are not those of island {seed}; expected the seed in the file's name")
    states = replay(seed, episode.action)
    slots = np.stack([state.slots[: bar.N_SLOTS] for state in states])
    astray = np.zeros((len(states), 5)) if episode.pose is None else np.stack([state.pose for state in states]) - episode.pose
    astray[:, 3] = wrap(astray[:, 3])
    off = (np.abs(astray) > _SAME_PLACE).any(axis=1) | (slots != episode.extras["hotbar"]).any(axis=(1, 2))
    if off.any():
        raise EpisodeError(f"{name}: frame {off.argmax()} is not what its actions lead to here; collect it anew")
    return VoxelScene(name, episode, 0, states, VoxelEnv(side))
