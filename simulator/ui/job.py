"""Work in a thread of its own, so that the window goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Job(Generic[T]):
    """`work` under way. Ask `done`, then `result`, which raises what the work raised."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._value: T
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # it is raised again where the result is asked for
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Whether it is done, waiting for it at most `seconds`."""
        self._thread.join(seconds)
        return self.done

    def result(self) -> T:
        """What the work returned; waits for it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value
