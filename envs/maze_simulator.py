"""The simulator of the real Memory Maze, brought up and sped up: its renderer, its imports, two of its functions made fast.

The only file that imports MuJoCo, and none before it is asked to.
"""

from __future__ import annotations

import ctypes.util
import functools
import importlib
import logging
import os
import sys
import types
from typing import Any

import numpy as np

INSTALL_HINT = (
    "the real Memory Maze needs `pip install 'revisit[maze]'` (Python 3.11 or 3.12) and software OpenGL: on Debian or Ubuntu "
    "`apt-get install libosmesa6`; the learned world plays without either"
)


class MazeUnavailable(RuntimeError):
    """The simulator, or the OpenGL it draws with, is not installed."""


def _choose_renderer() -> None:
    """Set MUJOCO_GL where nobody did: Mesa's off-screen library first, then EGL; macOS and Windows have their own."""
    if os.environ.get("MUJOCO_GL") or not sys.platform.startswith("linux"):
        return
    os.environ.pop("MUJOCO_GL", None)  # an empty value is refused by mujoco
    for library, backend in (("OSMesa", "osmesa"), ("EGL", "egl")):
        if ctypes.util.find_library(library):
            os.environ["MUJOCO_GL"] = backend
            return
    raise MazeUnavailable(f"no off-screen OpenGL library was found; {INSTALL_HINT}")


def _stub_gym() -> dict[str, types.ModuleType]:
    """Modules named like legacy `gym`, just enough for `import memory_maze`, whose registration we never use."""

    class Stub(types.ModuleType):
        __path__: list[str] = []  # noqa: RUF012

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {}) if name[0].isupper() else (lambda *_, **__: None)

    return {name: Stub(name) for name in ("gym", "gym.spaces", "gym.envs", "gym.envs.registration")}


@functools.cache
def tasks() -> types.ModuleType:
    """`memory_maze.tasks`, imported without legacy gym. Raises MazeUnavailable with what to install."""
    _choose_renderer()
    os.environ.setdefault("LP_NUM_THREADS", "0")  # software GL must not spawn threads: one process, one core
    os.environ.setdefault("DISABLE_RENDER_THREAD_OFFLOADING", "1")  # draw on the calling thread
    logging.getLogger("absl").addFilter(lambda record: "no free joint" not in record.getMessage())  # twice every reset
    added = {name: module for name, module in _stub_gym().items() if name not in sys.modules}
    sys.modules.update(added)
    try:
        return importlib.import_module("memory_maze.tasks")
    except (ImportError, AttributeError, RuntimeError) as error:
        raise MazeUnavailable(f"{type(error).__name__}: {error}; {INSTALL_HINT}") from error
    finally:
        for name in added:
            sys.modules.pop(name, None)


def _touch_target(target: Any, physics: Any) -> None:
    """`TargetSphere._update_activation` with one vectorised test instead of a Python loop over contacts."""
    if not target._activated and (physics.data.ptr.contact.geom == target._geom_id).any():
        target._activated = True
        physics.bind(target._material).rgba[-1] = 0


def _render_with_kept_camera(physics: Any, height: int, width: int, camera_id: str, **_: Any) -> np.ndarray:
    """`Physics.render` that keeps its Camera: building the scene anew costs as much as drawing it."""
    engine = importlib.import_module("dm_control.mujoco.engine")
    kept = getattr(physics, "_kept_cameras", None)
    if kept is None:
        kept = physics._kept_cameras = {}
    key = (height, width, camera_id)
    if key not in kept:
        kept[key] = engine.Camera(physics=physics, height=height, width=width, camera_id=camera_id)
    return kept[key].render().copy()


def speed_up(env: Any) -> None:
    """Patch the objects of the episode that the composer environment `env` has begun; the simulator's classes are left alone."""
    for target in env.task._targets:
        target._update_activation = types.MethodType(_touch_target, target)
    env._physics.render = functools.partial(_render_with_kept_camera, env.physics)


def integration_state() -> int:
    """Which parts of the physics decide its future, as MuJoCo numbers them."""
    return int(importlib.import_module("mujoco").mjtState.mjSTATE_INTEGRATION)
