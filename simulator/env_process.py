"""A Gymnasium env in a spawned process, called over a pipe: its errors arrive here, its death is an error and no hang."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from envs.snapshot import Rewindable, SnapshotUnsupported

if TYPE_CHECKING:
    import gymnasium as gym

START_SECONDS = 120.0
"""Longest wait for the env to be built; importing a simulator on a busy machine takes a while."""


class WorldDied(RuntimeError):
    """The process of a real world is gone; what it showed last is all there is."""


class EnvProcess:
    """`make_env()` in a child process. make_env: picklable. actions, fps: as the env declares them."""

    def __init__(self, make_env: Callable[[], gym.Env]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=_serve, args=(make_env, child), daemon=True)
        self._process.start()
        child.close()
        if not self._pipe.poll(START_SECONDS):
            self.close()
            raise WorldDied(f"the real world did not start within {START_SECONDS:.0f} s")
        self.actions, self.fps = self._answer()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def call(self, method: str, *arguments: Any) -> Any:
        """What `method` of the env returns; raises what it raised, or WorldDied."""
        try:
            self._pipe.send((method, arguments))
        except (OSError, ValueError) as error:
            raise WorldDied("the real world's process is gone; restart to have it back") from error
        return self._answer()

    def _answer(self) -> Any:
        try:
            kind, value = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(1.0)
            raise WorldDied(
                f"the real world's process ended (exit code {self._process.exitcode}); restart to have it back"
            ) from error
        if kind == "error":
            raise value
        return value

    def close(self) -> None:
        """End the process; a second call does nothing."""
        if self._process.is_alive():
            try:
                self._pipe.send(("close", ()))
                self._process.join(2.0)
            except (OSError, ValueError):
                pass
            if self._process.is_alive():
                self._process.kill()
        self._pipe.close()


def _serve(make_env: Callable[[], gym.Env], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C belongs to the parent, which then closes us
    try:
        env = make_env()
        pipe.send(("value", (env.actions, float(env.metadata["render_fps"]))))  # type: ignore[attr-defined]
    except Exception as error:
        pipe.send(("error", _portable(error)))
        return
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            break
        if method == "close":
            break
        try:
            pipe.send(("value", _perform(env, method, arguments)))
        except Exception as error:
            pipe.send(("error", _portable(error)))
    env.close()


def _perform(env: gym.Env, method: str, arguments: tuple) -> Any:
    if method == "reset":
        return env.reset(seed=arguments[0])
    if method in ("snapshot", "restore") and not isinstance(env.unwrapped, Rewindable):
        raise SnapshotUnsupported(
            f"{type(env.unwrapped).__name__} cannot be put back to an earlier moment: it has no snapshot/restore"
        )
    return getattr(env.unwrapped if method in ("snapshot", "restore") else env, method)(*arguments)


def _portable(error: Exception) -> Exception:
    """The same error in a class every process can rebuild from its message."""
    for kind in (SnapshotUnsupported, ValueError, OSError):
        if isinstance(error, kind):
            return kind(str(error))
    return RuntimeError(str(error) or type(error).__name__)
