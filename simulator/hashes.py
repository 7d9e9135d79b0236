"""Short fingerprints of frames and files, by which a replay knows whether it is the same."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import numpy as np


def frame_hash(frame: np.ndarray) -> str:
    """16 hex digits that change with any byte of the frame."""
    return blake2b(np.ascontiguousarray(frame).tobytes(), digest_size=8).hexdigest()


def file_hash(path: Path) -> str:
    """16 hex digits that change with any byte of the file."""
    digest = blake2b(digest_size=8)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
