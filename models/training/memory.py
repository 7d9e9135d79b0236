"""How the C library deals with large tensors that come and go: keep what they leave, and use it again."""

from __future__ import annotations

import ctypes

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
