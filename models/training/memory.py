"""The memory of this machine: how much there is, and that the C library keeps what large tensors leave."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of malloc.h
_NEVER, _PAD_BYTES, _NONE = -1, 1 << 28, 0


def keep_memory() -> bool:
    """Let this process keep the memory that tensors leave rather than hand it back; whether the C library can (glibc).

    By default glibc maps every large tensor anew and unmaps it when it goes, and the system clears each of its pages on first
    use: a third and more of the time of a training step on a CPU. The process stays as large as it ever was.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False
    wanted = ((_MMAP_MAX, _NONE), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _PAD_BYTES))
    return all([mallopt(what, value) == 1 for what, value in wanted])


def memory_bytes() -> int:
    """Memory of this machine, 0 where nobody tells."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
