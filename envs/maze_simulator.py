"""The simulator of the real Memory Maze, brought up and sped up: its renderer, its imports, three of its functions made fast.

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
import weakref
from typing import Any
from xml.etree import ElementTree

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


_SEEN = ("maze_layout", "absolute_", "target_", "walker/target_", "walker/egocentric_camera")
"""The observables that memory_maze's wrappers read, by how their names begin; the others are computed and thrown away."""


def _control_step(env: Any, halves: tuple[Any, Any], _action: Any) -> None:
    """`Environment._substep`, all of a control step's in one: the same calls of MuJoCo, then which balls were touched.

    Composer asks every ball after each of the fifty, in a Python loop over contacts; nothing reads the answers before the last.
    """
    physics, n_steps = env._physics, env.task.physics_steps_per_control_step
    model, data = physics.model.ptr, physics.data.ptr
    touching: set[int] = set()
    with physics.check_invalid_state():
        for _ in range(n_steps):
            for half in halves:
                half(model, data)
            touching.update(data.contact.geom.ravel().tolist())
    for target in env.task._targets:
        if not target._activated and target._geom_id in touching:
            target._activated = True
            physics.bind(target._material).rgba[-1] = 0
    env._observation_updater._step_counter += n_steps - 1


def _recompile_physics(env: Any) -> None:
    """`Environment._recompile_physics` without the textures that this maze does not show.

    Ten kinds of wall may each wear one of eight, so 88 come to 279 MB, which every reset would decode and hand to OpenGL;
    without the others it is a fifth. (Keeping the context instead would not do: it holds the materials, new with each maze.)
    """
    env._physics.free()
    root = env.task.root_entity.mjcf_model
    tree = ElementTree.fromstring(root.to_xml_string())
    shown = {material.get("texture") for material in tree.iter("material")}
    for assets in tree.findall("asset"):
        for texture in assets.findall("texture"):
            if texture.get("type") != "skybox" and texture.get("name") not in shown:
                assets.remove(texture)
    env._physics = type(env._physics).from_xml_string(ElementTree.tostring(tree, "unicode"), assets=root.get_assets())
    env._physics.legacy_step = env._legacy_step
    env._physics.render = functools.partial(_render_with_kept_camera, weakref.proxy(env._physics), {})


def _render_with_kept_camera(physics: Any, kept: dict, height: int, width: int, camera_id: str, **_: Any) -> np.ndarray:
    """`Physics.render` that keeps its Camera: building the scene anew costs as much as drawing it."""
    key = (height, width, camera_id)
    if key not in kept:
        engine = importlib.import_module("dm_control.mujoco.engine")
        kept[key] = engine.Camera(physics=physics, height=height, width=width, camera_id=camera_id)
    return kept[key].render().copy()


def speed_up(env: Any) -> None:
    """Patch the composer environment `env`, once, before its first episode; the simulator's classes are left alone."""
    mujoco = importlib.import_module("mujoco")
    for name, observable in env.task.observables.items():
        observable.enabled = observable.enabled and name.startswith(_SEEN)
    env._overridden_n_sub_steps = 1
    env._substep = functools.partial(_control_step, env, (mujoco.mj_step2, mujoco.mj_step1))
    env._recompile_physics = functools.partial(_recompile_physics, env)


def integration_state() -> int:
    """Which parts of the physics decide its future, as MuJoCo numbers them."""
    return int(importlib.import_module("mujoco").mjtState.mjSTATE_INTEGRATION)
