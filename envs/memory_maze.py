"""The real Memory Maze (Pasukonis et al., 2022) behind Gymnasium: fast, reseedable in place, exactly rewindable.

The simulator draws different pixels with every pair of (dm-control, mujoco), so the `maze` extra pins both, and
`MemoryMazeEnv.provenance` names them for each data set.
"""

from __future__ import annotations

import gc
import importlib.metadata
import os
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from envs import maze_simulator
from envs import pose as poses
from envs.actions import ActionSpec

FPS = 4.0
"""Control steps a second the environment was designed for."""

SIZES = (9, 11, 13, 15)
ACTIONS = ActionSpec(
    world="memory-maze",
    names=("noop", "forward", "left", "right", "forward_left", "forward_right"),
    keys=tuple(frozenset(chord) for chord in ((), ("up",), ("left",), ("right",), ("up", "left"), ("up", "right"))),
)
N_SEEDS = 2**31 - 1
"""Seeds are 0 .. N_SEEDS - 1, what numpy's RandomState and labmaze both take."""

_MAZE_OPTIONS = (
    "height", "width", "max_rooms", "room_min_size", "room_max_size", "max_variations", "spawns_per_room", "objects_per_room",
)  # fmt: skip


@dataclass(frozen=True)
class MazeSnapshot:
    """Everything that decides the future of one maze episode."""

    seed: int
    physics: np.ndarray
    random_state: tuple
    target: int
    step_type_pending: bool
    t: int
    observation: dict[str, np.ndarray]


class MemoryMazeEnv(gym.Env[np.ndarray, int]):
    """Memory Maze with image observations (H, W, 3) uint8 and everything hidden in `info`.

    `info` carries `pose` (5,), `agent_pos`, `agent_dir`, `maze_layout`, `targets_pos`, `targets_vec`, `target_pos`,
    `target_vec`, `target_color`: the fields of the public data set. Actions: see `ACTIONS`.

    size: cells along one side, one of 9, 11, 13, 15. resolution: pixels along one side of the image.
    border: draw the current target's colour as a frame around the image (off: it would be scored as memory).
    n_steps: steps until truncation; None keeps the benchmark's own 1000 ... 4000.
    fast: False runs the simulator unpatched, for the test that both draw the same bytes.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FPS}  # noqa: RUF012
    actions = ACTIONS

    def __init__(
        self,
        size: int = 9,
        resolution: int = 64,
        border: bool = False,
        n_steps: int | None = None,
        fast: bool = True,
        render_mode: str = "rgb_array",
    ) -> None:
        if size not in SIZES:
            raise ValueError(f"maze size {size} is not one of {SIZES}")
        if n_steps is not None and n_steps < 1:
            raise ValueError(f"n_steps {n_steps} must be at least 1")
        self.size, self.border, self.n_steps, self.fast = size, border, n_steps, fast
        self.resolution = resolution
        self.render_mode = render_mode
        self.action_space = gym.spaces.Discrete(ACTIONS.n_actions)  # type: ignore[assignment]
        self.observation_space = gym.spaces.Box(0, 255, (resolution, resolution, 3), np.uint8)
        maze_simulator.tasks()
        self._env: Any = None
        self._seed = 0
        self._t = 0
        self._observation: dict[str, np.ndarray] = {}

    @property
    def provenance(self) -> dict[str, str]:
        """Versions and renderer that decide the exact pixels."""
        names = ("memory-maze", "dm-control", "mujoco", "labmaze", "numpy")
        return {name: importlib.metadata.version(name) for name in names} | {"renderer": os.environ.get("MUJOCO_GL", "default")}

    @property
    def layout(self) -> np.ndarray:
        """(size, size) uint8, 1 = free, indexed [y, x] with row 0 at the bottom."""
        return np.asarray(self._observation["maze_layout"])

    @property
    def _inner(self) -> Any:
        """The dm_control composer environment below memory_maze's wrappers."""
        env = self._env
        while hasattr(env, "env"):
            env = env.env
        return env

    def _build(self, seed: int) -> None:
        make = getattr(maze_simulator.tasks(), f"memory_maze_{self.size}x{self.size}")
        self._env = make(seed=seed, global_observables=True, target_color_in_image=self.border, camera_resolution=self.resolution)
        inner = self._inner
        if self.n_steps is not None:
            inner._time_limit = self.n_steps / FPS - 1e-3
        if self.fast:
            maze_simulator.speed_up(inner)

    def _reseed(self, seed: int) -> None:
        """Give the built environment the random numbers a fresh one would have got from `seed`."""
        inner = self._inner
        state = np.random.RandomState(seed)
        maze_seed = state.randint(2147483648)
        arena = inner.task._maze_arena
        old = arena._maze
        arena._maze = type(old)(
            simplify=True, random_seed=maze_seed, **{name: getattr(old, f"_{name}") for name in _MAZE_OPTIONS}
        )
        inner._random_state = state
        inner._mjcf_never_compiled = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start the maze of `seed` (the same seed is the same maze, in any process); None draws a new one."""
        if seed is not None and not 0 <= seed < N_SEEDS:
            raise ValueError(f"seed {seed} is outside 0..{N_SEEDS - 1}; choose another for the maze")
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(N_SEEDS))
        self._seed, self._t = seed, 0
        if self._env is None:
            self._build(seed)
        else:
            self._reseed(seed)
        self._observation = self._observe(self._env.reset().observation)
        gc.collect()  # the simulator leaves each old maze in reference cycles: 5 MB a reset until a rare full collection
        return self._image(), self._info()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if self._env is None:
            raise RuntimeError("step() before reset(): call reset(seed=...) first")
        timestep = self._env.step(ACTIONS.check(action))
        if timestep.first():
            raise RuntimeError("the episode has ended: call reset(seed=...) to start another")
        self._t += 1
        self._observation = self._observe(timestep.observation)
        return self._image(), float(timestep.reward), False, bool(timestep.last()), self._info()

    def _observe(self, observation: dict[str, Any]) -> dict[str, np.ndarray]:
        return {key: np.array(value) for key, value in observation.items()}

    def _image(self) -> np.ndarray:
        return self._observation["image"].copy()

    def _info(self) -> dict[str, Any]:
        info = {key: value.copy() for key, value in self._observation.items() if key != "image"}
        return info | {"pose": poses.from_maze(info["agent_pos"], info["agent_dir"]), "seed": self._seed, "t": self._t}

    def render(self) -> np.ndarray:  # type: ignore[override]
        return self._image()

    def snapshot(self) -> MazeSnapshot:
        """The exact present, good for this maze or any later rebuild of it from the same seed."""
        inner = self._inner
        return MazeSnapshot(
            seed=self._seed,
            physics=inner.physics.get_state(maze_simulator.integration_state()),
            random_state=inner._random_state.get_state(),
            target=inner.task._current_target_ix,
            step_type_pending=inner._reset_next_step,
            t=self._t,
            observation={key: value.copy() for key, value in self._observation.items()},
        )

    def restore(self, snapshot: MazeSnapshot) -> None:
        """Put the world back; every later frame repeats bit for bit."""
        if self._env is None or snapshot.seed != self._seed:
            self.reset(seed=snapshot.seed)
        inner = self._inner
        inner.physics.set_state(snapshot.physics, maze_simulator.integration_state())
        inner.physics.forward()
        inner._random_state.set_state(snapshot.random_state)
        inner.task._current_target_ix = snapshot.target
        inner._reset_next_step = snapshot.step_type_pending
        self._t = snapshot.t
        self._observation = {key: value.copy() for key, value in snapshot.observation.items()}

    def close(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = None
