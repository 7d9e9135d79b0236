"""The one door to numba: every compiled function is cached on disk and keeps exact IEEE arithmetic (no fastmath)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

INSTALL_HINT = "the voxel world needs numba: `pip install 'revisit[voxel]'`; the learned world plays without it"


class VoxelUnavailable(ImportError):
    """numba is not installed; the message says what to install."""


try:
    import numba
except ImportError as error:
    raise VoxelUnavailable(f"{error}; {INSTALL_HINT}") from error

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code: the same bytes for the same input in every process of one machine."""
    return numba.njit(cache=True, fastmath=False, nogil=True)(function)
