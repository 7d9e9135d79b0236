"""What a real world must offer to be rewound, and the error when it cannot."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


class SnapshotUnsupported(RuntimeError):
    """Raised by worlds that cannot be put back to an earlier moment."""


@runtime_checkable
class Rewindable(Protocol):
    """A Gymnasium env whose exact state is a value: `restore(snapshot())` changes nothing that follows."""

    def snapshot(self) -> Any: ...

    def restore(self, snapshot: Any) -> None: ...
