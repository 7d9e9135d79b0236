"""What a frame of play costs, and that it costs the same after many frames: time from key to frame, state, memory."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from simulator.engine import Engine
from simulator.evaluation.scenes import Scene
from simulator.moment import state_bytes

FIRST = 10
"""Frames before the first reading: warm-up."""


def resident_bytes() -> int:
    """Memory this process holds now (Linux), or its peak where the present is not told."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def cost(engine: Engine, scene: Scene, n_frames: int) -> dict[str, Any]:
    """Play `n_frames` in one maze, on keys where the engine can: milliseconds from key to finished, absorbed frame, and sizes
    at frame 10 and at the last."""
    moment = engine.begin([scene.episode.clip(0, 1)], 0)
    seconds, readings = [], []
    for t in tqdm(range(1, max(n_frames, FIRST + 2)), desc="cost", unit="frame", leave=False):
        now = slice(t % len(scene), t % len(scene) + 1)
        action, pose = scene.episode.action[now], scene.episode.pose[now] if scene.episode.pose is not None else None
        began = time.perf_counter()
        moment = engine.step(moment, action, None if engine.has_ego_motion else pose)
        seconds.append(time.perf_counter() - began)
        if t in (FIRST, max(n_frames, FIRST + 2) - 1):
            readings.append((t, state_bytes(moment), resident_bytes()))
    timed = 1000 * np.array(seconds[FIRST:])
    return {
        "key_to_frame_ms_p50": round(float(np.percentile(timed, 50)), 2),
        "key_to_frame_ms_p95": round(float(np.percentile(timed, 95)), 2),
        "key_to_frame_ms_by_segment": [round(float(np.median(part)), 2) for part in np.array_split(timed, min(10, len(timed)))],
        "n_frames": readings[-1][0],
        "state_bytes": {f"frame_{t}": size for t, size, _ in readings},
        "resident_bytes": {f"frame_{t}": size for t, _, size in readings},
    }
