"""Dreamers that have the real island: one with perfect memory, and others that fail in one known way each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from envs.collect import rollout
from envs.voxel import inventory, sight
from envs.voxel.blocks import item_id
from envs.voxel.env import VoxelEnv, advance_state
from envs.voxel.guide import Guide
from envs.voxel.landmarks import NAMES
from envs.voxel.moves import ACTIONS, MOVES
from envs.voxel.recipes import RECIPES
from envs.voxel.state import N_HEADINGS, STEP, State
from envs.voxel.walker import A, Routine
from simulator.engine import Engine
from simulator.evaluation.voxel import bar
from simulator.evaluation.voxel.scene import VoxelScene, replayed
from simulator.moment import Moment

GREY = 128


class Chores:
    """A short day: fell a tree, make planks, put one down, look away from it for a while and back, twice; face the hut."""

    def __init__(self) -> None:
        self._guide: Guide | None = None
        self._routine: Routine | None = None

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        if self._guide is None or self._routine is None:
            self._guide = Guide(int(info["seed"]))
            self._routine = self._day(self._guide)
        self._guide.see(info)
        return next(self._routine, ACTIONS.noop)

    def _day(self, guide: Guide) -> Routine:
        yield from guide.obtain(item_id("log"), 2)
        yield A["craft_stick"]  # too early: there are no planks
        yield A["craft_planks"]
        yield from guide.turn_to(guide.heading, 0)
        for cell in guide.open_ground(1, 3):
            if (yield from guide.place(cell, item_id("planks"))):
                break
        for _ in range(2):
            for turn in ("left", "noop", "right"):
                for _ in range(12):
                    yield A[turn]
        hut = guide.terrain.landmarks[NAMES.index("hut")]
        return (yield from guide.face(hut.x, hut.y, hut.z + 0.5 * hut.height))


def make_scene(seed: int, n_frames: int) -> VoxelScene:
    """The chores of `n_frames` on the island of `seed`."""
    return replayed(f"voxel-{seed}.npz", rollout(VoxelEnv(), Chores(), n_frames - 1, seed), seed)


class PerfectMemory(Engine):
    """Shows every block face it has seen exactly as it is, and grey in place of the others.

    Its stream: the real state of every row's world (b,), which scene the row is of (b, 1), and the faces it has seen of every
    scene (b, n_scenes, N_FACES).
    """

    actions, world, fps, frame_shape = ACTIONS, "voxel", 10.0, (64, 64, 3)
    fingerprint, description, n_steps, has_ego_motion, has_pose = "fake", "a fake", 1, True, True
    context_noise = 0.0

    def __init__(self, truth: list[VoxelScene]) -> None:
        self.truth, self.contexts = truth, {}

    def begin(self, context: list[Any] | None, seed: int, batch: int = 1) -> Moment:
        rows = len(context) if context else batch
        scene = np.arange(rows)[:, None] % len(self.truth)
        for row, part in enumerate(context or ()):
            scene[row] = next(i for i, one in enumerate(self.truth) if (one.episode.image[0] == part.image[0]).all())
        states = np.empty(rows, object)
        for row in range(rows):
            states[row] = self.truth[scene[row, 0]].states[0]
        seen = np.zeros((rows, len(self.truth), sight.N_FACES), bool)
        place = np.stack([state.pose for state in states])
        moment = Moment((states, scene, seen), np.zeros((rows, 64, 64, 3), np.uint8), place, np.zeros((rows, 5)), 0, seed)
        for t in range(len(context[0]) if context else 0):
            now = np.stack([part.pose[t] for part in context or ()])
            frames, actions = (np.stack([getattr(part, what)[t] for part in context or ()]) for what in ("image", "action"))
            moment = self.absorb(moment, frames, actions, now)
        return moment

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        states = self._after(moment, actions, pose)
        _, scene, seen = moment.stream
        frames = [self.show(self.truth[s], state, known[s]) for state, s, known in zip(states, scene[:, 0], seen, strict=True)]
        return np.stack(frames), np.stack([state.pose for state in states])

    def show(self, scene: VoxelScene, state: State, seen: np.ndarray) -> np.ndarray:
        """What is dreamt of `state` where the faces `seen` (N_FACES,) are remembered."""
        picture, faces = scene.picture(state), sight.faces(state, 64)
        picture[: len(faces)][(faces != sight.NO_FACE) & ~seen[faces]] = GREY
        return picture

    def next(self, state: State, action: int) -> State:
        """What it takes the world to become."""
        return advance_state(state, MOVES[action])

    def _after(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None, real: bool = False) -> np.ndarray:
        states = moment.stream[0].copy()
        for row, action in enumerate(actions):
            if moment.t:
                states[row] = advance_state(states[row], MOVES[action]) if real else self.next(states[row], int(action))
            if pose is not None and np.abs(states[row].pose - pose[row]).max() > 1e-3:
                body = np.array([*pose[row, :3], *states[row].body[3:]])
                heading = round(pose[row, 3] / STEP) % N_HEADINGS
                states[row] = replace(states[row], body=body, heading=heading, pitch=round(pose[row, 4] / STEP))
        return states

    def absorb(
        self, moment: Moment, frame: np.ndarray, actions: np.ndarray, pose: np.ndarray, noise_level: float = 0.0, *, dreamt=False
    ) -> Moment:
        states = self._after(moment, actions, pose)
        real = self._after(moment, actions, pose, real=True)
        for row, picture in enumerate(frame):  # a true frame tells better than one's own belief
            if bar.read(picture).same(bar.bar_of(real[row].slots, 0)).all():
                states[row] = real[row]
        _, scene, seen = moment.stream
        seen = seen.copy()
        for row, (state, s) in enumerate(zip(states, scene[:, 0], strict=True)):
            faces = sight.faces(state, 64)
            right = (frame[row] == self.truth[s].picture(state)).all(axis=-1)[: len(faces)]
            seen[row, s, faces[right & (faces != sight.NO_FACE)]] = self.remembers
        return replace(moment, stream=(states, scene, seen), frame=frame, pose=pose, t=moment.t + 1)

    remembers = True

    def forget(self, moment: Moment) -> Moment:
        states, scene, seen = moment.stream
        return replace(moment, stream=(states, scene, np.zeros_like(seen)))

    def blindfold(self, moment: Moment) -> Moment:
        return replace(moment, frame=np.zeros_like(moment.frame))

    def swap(self, moment: Moment, other: Moment) -> Moment:
        return replace(moment, stream=(*moment.stream[:2], other.stream[2]))


class Amnesiac(PerfectMemory):
    """Remembers no block."""

    remembers = False


class AllKnowing(PerfectMemory):
    """Shows what is truly there, seen before or not."""

    def show(self, scene: VoxelScene, state: State, seen: np.ndarray) -> np.ndarray:
        return scene.picture(state)


class CopyLast(PerfectMemory):
    """Shows the last frame again."""

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        return moment.frame, super().imagine(moment, actions, pose)[1]


class Untouched(PerfectMemory):
    """Knows the island by heart, as it was before anybody changed it."""

    def show(self, scene: VoxelScene, state: State, seen: np.ndarray) -> np.ndarray:
        return scene.picture(replace(state, blocks=scene.states[0].blocks))


class Generous(PerfectMemory):
    """Makes whatever is asked for, whether or not one has what it takes."""

    def next(self, state: State, action: int) -> State:
        after, recipe = super().next(state, action), MOVES[action].recipe
        if recipe < 0 or after.slots is not state.slots:
            return after
        slots = inventory.add(state.slots, RECIPES[recipe].makes, RECIPES[recipe].count)
        assert slots is not None
        return replace(after, slots=slots)


class Idle(AllKnowing):
    """Never makes anything, and moves no block."""

    def next(self, state: State, action: int) -> State:
        move = MOVES[action]
        return super().next(state, ACTIONS.noop if move.recipe >= 0 or move.mine or move.place else action)
