"""Who presses the keys when no person does: random, a scripted explorer, recorded actions, or a policy from a Python file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from envs import episode as episodes
from envs.actions import ActionSpec
from envs.policies import MazeTour, Policy, RandomPolicy
from envs.pose import wrap
from simulator.intents import Step

KINDS = ("explore", "random")


class Wanderer:
    """An explorer for worlds that tell only the pose: walks on while it gets anywhere, else turns away; looks round at times."""

    def __init__(self, actions: ActionSpec, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._forward, self._left, self._right = (actions.from_keys({key}) for key in ("up", "left", "right"))
        self._script: deque[int] = deque()
        self._last_pose: np.ndarray | None = None
        self._n_stuck = 0

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        """The next action; needs `info["pose"]`."""
        if self._script:
            return self._script.popleft()
        pose = info["pose"]
        if self._last_pose is not None:
            moved = float(np.hypot(*(pose[:2] - self._last_pose[:2])))
            turned = abs(float(wrap(pose[3] - self._last_pose[3])))
            self._n_stuck = self._n_stuck + 1 if moved < 0.05 and turned < 0.05 else 0
        self._last_pose = pose
        if self._n_stuck >= 2 or self._rng.random() < 0.06:
            side = int(self._rng.choice([self._left, self._right]))
            self._script.extend([side] * int(self._rng.choice([3, 5, 5, 10, 20])))
            self._n_stuck = 0
        return self._forward


class Explorer:
    """The scripted explorer that the world's `info` allows: a tour of the maze or the island where it tells enough, else a
    wanderer, or random keys where it tells no pose. Where time jumps (a rewind, a reset) it plans anew.
    """

    def __init__(self, actions: ActionSpec, seed: int) -> None:
        self._actions, self._seed = actions, seed
        self._policy: Policy | None = None
        self._t = -1

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        """The next action."""
        t = int(info.get("t", self._t + 1))
        if self._policy is None or t != self._t + 1:
            self._policy = self._plan(info)
        self._t = t
        return self._policy.act(observation, info)

    def _plan(self, info: dict[str, Any]) -> Policy:
        if "maze_layout" in info:
            return MazeTour(self._seed)
        if "landmarks_pos" in info:
            return importlib.import_module("envs.voxel.player").VoxelTour(self._seed)
        if info.get("pose") is None:
            return RandomPolicy(self._actions, self._seed)
        return Wanderer(self._actions, self._seed)


class Recorded:
    """Actions played one after another, then the no-op."""

    def __init__(self, actions: ActionSpec, recorded: Sequence[int]) -> None:
        self._left = deque(actions.check(action) for action in recorded)
        self._noop = actions.noop

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        """The next recorded action."""
        return self._left.popleft() if self._left else self._noop


def read_actions(path: Path, spec: ActionSpec) -> list[int]:
    """Actions from an episode (npz), a session (jsonl: its steps) or a text file of action names or ids, one a line."""
    if path.suffix == ".npz":
        recorded = episodes.load(path, images=False)
        return [spec.check(action) for action in recorded.action[1:]]
    if path.suffix == ".jsonl":
        from simulator.session_file import read_session  # which keeps recipes, which know drivers

        return [spec.check(record.intent.action) for record in read_session(path).records if isinstance(record.intent, Step)]
    try:
        lines = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); expected .npz, .jsonl or a text file of action names") from None
    words = [line.strip() for line in lines if line.strip()]
    return [spec.check(int(word)) if word.isdecimal() else spec.id_of(word) for word in words]


class FilePolicy:
    """A policy as one would write it for Gymnasium: a Python file with `make_policy(seed)`, whose result has
    `act(observation) -> action`, the observation being the frame (H, W, 3) uint8. Whatever goes wrong in it is one line.
    """

    def __init__(self, path: Path, actions: ActionSpec, seed: int) -> None:
        self._path, self._actions = path, actions
        try:
            spec = importlib.util.spec_from_file_location(f"policy_{path.stem}", path)
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look for their module there
            spec.loader.exec_module(module)
            self._policy = module.make_policy(seed)
            self._act = self._policy.act
        except Exception as error:
            raise ValueError(
                f"{path}: {_in_one_line(error)}; expected make_policy(seed) -> an object with act(observation) -> action"
            ) from error

    def act(self, observation: np.ndarray, info: dict[str, Any]) -> int:
        """The policy's action. RuntimeError where it fails or answers with something else."""
        try:
            return self._actions.check(self._act(observation))
        except Exception as error:
            raise RuntimeError(f"{self._path}: {_in_one_line(error)}") from error


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def driver(kind: str, spec: ActionSpec, seed: int) -> Policy:
    """The driver called `kind`: explore, random, or the path of a policy (.py) or a file of recorded actions."""
    if kind == "explore":
        return Explorer(spec, seed)
    if kind == "random":
        return RandomPolicy(spec, seed)
    if not Path(kind).is_file():
        raise ValueError(
            f"no driver {kind!r}; known: {', '.join(KINDS)}, a policy (.py) or a file of actions (.npz, .jsonl, .txt)"
        )
    if Path(kind).suffix == ".py":
        return FilePolicy(Path(kind), spec, seed)
    return Recorded(spec, read_actions(Path(kind), spec))
