"""The two kinds of world a session can play: a learned one (an engine and a moment) and a real one (a Gymnasium env)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from envs import episode as episodes
from envs.actions import ActionSpec
from envs.episode import Episode
from simulator.env_process import EnvProcess
from simulator.moment import Moment
from simulator.world import Snapshot, Tick

if TYPE_CHECKING:  # torch and gymnasium take their time to import, and a window should not wait for them
    import gymnasium as gym


@dataclass(frozen=True, slots=True)
class DreamState:
    """What a learned world needs to go on: its moment, the denoising steps a frame, and how the network is run."""

    moment: Moment
    n_steps: int
    path: str = "plain"


class LearnedWorld:
    """A dream: an engine and one Moment (batch of one), played frame by frame.

    engine: `simulator.engine.Engine` with `actions`, `world`, `fps`, `fingerprint`, `n_steps` and `contexts` (clips by name).
    clips: further start clips by name.
    """

    def __init__(self, engine: Any, clips: Mapping[str, Episode] | None = None) -> None:
        self.engine = engine
        self.actions: ActionSpec = engine.actions
        self.name = str(engine.world)
        self.fps = float(engine.fps)
        self.clips: dict[str, Episode] = {**engine.contexts, **(clips or {})}
        self.moment: Moment | None = None
        self._clip, self._frame = next(iter(self.clips), ""), -1
        self._tick = Tick(np.zeros(engine.frame_shape, np.uint8), 0, self.actions.noop)

    @property
    def n_steps(self) -> int:
        return int(self.engine.n_steps)

    @property
    def start_name(self) -> str:
        """The clip that `reset` begins with, "" for a cold start."""
        return self._clip

    def choose_start(self, clip: str, frame: int = -1) -> None:
        """What `reset` absorbs: frames 0 .. `frame` of `clip` (-1: all of it); "" is a cold start from nothing.

        clip: one of `clips`, or the path of an episode file (npz), which is then one of them.
        """
        if clip.endswith(".npz") and clip not in self.clips:
            self._check_clip(episode := episodes.load(Path(clip)))
            self.clips[clip] = episode
        if clip and clip not in self.clips:
            raise ValueError(f"no start clip {clip!r}; known: {', '.join(self.clips) or 'none'} (or '' for a cold start)")
        if clip and not -1 <= frame < len(self.clips[clip]):
            raise ValueError(
                f"frame {frame} is outside clip {clip!r} of {len(self.clips[clip])} frames; give 0..{len(self.clips[clip]) - 1}"
            )
        self._clip, self._frame = clip, frame

    def reset(self, seed: int) -> Tick:
        """Absorb the chosen start; a cold start shows black until the first step."""
        return self.begin(self.start_clip(), seed)

    def start_clip(self) -> Episode | None:
        """The frames that `reset` absorbs, None for a cold start."""
        clip = self.clips[self._clip] if self._clip else None
        return clip.clip(0, self._frame + 1) if clip is not None and self._frame >= 0 else clip

    def begin(self, clip: Episode | None, seed: int) -> Tick:
        """Absorb all of `clip` (None: nothing) and show its last frame, as tick 0."""
        if clip is not None:
            self._check_clip(clip)
        started = time.perf_counter()
        self.moment = self.engine.begin(None if clip is None else [clip], seed)
        return self._show(self.actions.noop, 0, started)

    def _check_clip(self, clip: Episode) -> None:
        if clip.n_actions != self.actions.n_actions or clip.image.shape[1:] != tuple(self.engine.frame_shape):
            raise ValueError(
                f"the start clip has {clip.n_actions} actions and frames {clip.image.shape[1:]}; {self.name!r} has "
                f"{self.actions.n_actions} actions and frames {tuple(self.engine.frame_shape)}: choose a clip of this world"
            )

    def _show(self, action: int, t: int, started: float) -> Tick:
        moment = self._now()
        pose = moment.pose[0] if self.engine.has_pose else None
        self._tick = Tick(moment.frame[0], t, action, pose, time.perf_counter() - started)
        return self._tick

    def _now(self) -> Moment:
        if self.moment is None:
            raise RuntimeError("the dream has not begun: call reset(seed) first")
        return self.moment

    def step(self, action: int) -> Tick:
        """Dream the frame after `action`."""
        started = time.perf_counter()
        self.moment = self.engine.step(self._now(), np.array([self.actions.check(action)]))
        return self._show(action, self._tick.t + 1, started)

    def resync(self, action: int, frame: np.ndarray, pose: np.ndarray | None) -> Tick:
        """Absorb the true `frame` (H, W, 3) and `pose` (5,) after `action` instead of dreaming one; without a pose, from where
        the engine finds that it stands."""
        started, moment, actions = time.perf_counter(), self._now(), np.array([self.actions.check(action)])
        moment, found = self.engine.locate(moment, actions, frame[None]) if pose is None else (moment, pose[None])
        self.moment = self.engine.absorb(moment, frame[None], actions, found)
        return self._show(action, self._tick.t + 1, started)

    def forget(self) -> Tick:
        """Amnesia: the long memory is fresh from here on; picture and place stay."""
        self.moment = self.engine.forget(self._now())
        return self._tick

    def set_steps(self, n_steps: int) -> Tick:
        """Denoise each frame in `n_steps` steps from here on."""
        if n_steps < 1:
            raise ValueError(f"{n_steps} denoising steps a frame; expected 1 or more")
        if n_steps != self.n_steps:
            self.engine = self.engine.with_steps(n_steps)
        return self._tick

    def set_path(self, path: str) -> Tick:
        """Run the network on `path` from here on; waits for one that must be compiled."""
        self.engine = self.engine.with_path(path)
        return self._tick

    def reseed(self, seed: int) -> Tick:
        """The same moment with other noise to come."""
        self.moment = replace(self._now(), seed=seed)
        return self._tick

    def snapshot(self) -> Snapshot:
        return Snapshot(self._tick, DreamState(self._now(), self.n_steps, self.engine.path))

    def restore(self, snapshot: Snapshot) -> Tick:
        self.set_steps(snapshot.state.n_steps)
        self.set_path(snapshot.state.path)
        self.moment, self._tick = snapshot.state.moment, snapshot.tick
        return self._tick

    def close(self) -> None:
        """Nothing to let go of: the engine may serve other worlds."""


class RealWorld:
    """A Gymnasium env in a process of its own (its OpenGL and a window's do not live well together).

    make_env: picklable; the env must have `actions` (an ActionSpec) and `metadata["render_fps"]`.
    """

    def __init__(self, make_env: Callable[[], gym.Env]) -> None:
        self._process = EnvProcess(make_env)
        self.actions = self._process.actions
        self.name = self.actions.world
        self.fps = self._process.fps
        self._tick: Tick | None = None
        self.ended = False

    def reset(self, seed: int) -> Tick:
        started = time.perf_counter()
        frame, info = self._process.call("reset", seed)
        self.ended = False
        return self._show(frame, 0, self.actions.noop, info, started)

    def step(self, action: int) -> Tick:
        started = time.perf_counter()
        frame, reward, terminated, truncated, info = self._process.call("step", self.actions.check(action))
        self.ended = bool(terminated or truncated)
        return self._show(frame, self._present().t + 1, action, {**info, "reward": float(reward)}, started)

    def _show(self, frame: np.ndarray, t: int, action: int, info: Mapping[str, Any], started: float) -> Tick:
        self._tick = Tick(frame, t, action, info.get("pose"), time.perf_counter() - started, info)
        return self._tick

    def _present(self) -> Tick:
        if self._tick is None:
            raise RuntimeError("the real world has not begun: call reset(seed) first")
        return self._tick

    def snapshot(self) -> Snapshot:
        return Snapshot(self._present(), self._process.call("snapshot"))

    def restore(self, snapshot: Snapshot) -> Tick:
        self._process.call("restore", snapshot.state)
        self._tick = snapshot.tick
        return snapshot.tick

    def close(self) -> None:
        self._process.close()
