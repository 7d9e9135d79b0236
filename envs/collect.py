"""Policy x env, in parallel processes -> episodes on disk: resumable, reproducible, with a progress bar."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import Episode
from envs.policies import Policy


@dataclass(frozen=True)
class Source:
    """How a worker process makes its env and its policy: picklable callables and the world's name."""

    world: str
    make_env: Callable[[], gym.Env]
    make_policy: Callable[[int], Policy]


def rollout(env: gym.Env, policy: Policy, n_steps: int, seed: int) -> Episode:
    """Play `policy` for `n_steps` from `env.reset(seed=seed)`; an Episode of n_steps + 1 frames, fewer if the env ends."""
    observation, info = env.reset(seed=seed)
    frames, actions, infos = [observation], [0], [info]
    for _ in range(n_steps):
        action = policy.act(observation, info)
        observation, reward, terminated, truncated, info = env.step(action)
        frames.append(observation)
        actions.append(action)
        infos.append({**info, "reward": float(reward)})
        if terminated or truncated:
            break
    pose = np.stack([info["pose"] for info in infos]) if "pose" in infos[0] else None
    extras = episodes.extras_of(infos)
    n_actions = int(env.action_space.n)  # type: ignore[attr-defined]
    return Episode(np.stack(frames), np.array(actions), n_actions, pose, extras)


_worker_env: gym.Env | None = None


def _collect_one(source: Source, n_steps: int, seed: int, path: Path) -> tuple[int, float]:
    """Make one episode file; the env is built once a process. Returns frames and seconds."""
    global _worker_env
    if _worker_env is None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        _worker_env = source.make_env()
    started = time.perf_counter()
    episode = rollout(_worker_env, source.make_policy(seed), n_steps, seed)
    episodes.save(episode, path)
    return len(episode), time.perf_counter() - started


def collect(
    source: Source, out: Path, n_episodes: int, n_steps: int, seed: int, n_workers: int, provenance: dict[str, Any]
) -> dict:
    """Fill `out` with episodes of seeds `seed .. seed + n_episodes - 1`; files already there are kept, not remade.

    Returns the manifest, also written to `out/manifest.json`: world, seeds, steps, versions, renderer, rate.
    Raises ValueError where `out` already holds another world's or another length's episodes.
    """
    if n_episodes < 1 or n_steps < 1 or n_workers < 1 or seed < 0:
        raise ValueError(
            f"episodes {n_episodes}, steps {n_steps}, workers {n_workers} must be at least 1 and seed {seed} at least 0"
        )
    out.mkdir(parents=True, exist_ok=True)
    manifest_path = out / "manifest.json"
    manifest: dict[str, Any] = {"world": source.world, "n_steps": n_steps, "provenance": provenance, "seeds": []}
    if manifest_path.exists():
        old = _read(manifest_path)
        for key in ("world", "n_steps", "provenance"):
            if old.get(key) != manifest[key]:
                raise ValueError(f"{out} holds episodes with {key} {old.get(key)}, not {manifest[key]}; choose another --out")
        manifest["seeds"] = old["seeds"]
    _write(manifest, manifest_path)  # from the start: a stopped run's folder says what it holds
    path_of = {s: out / f"{source.world}-{s:08d}.npz" for s in range(seed, seed + n_episodes)}
    missing = [s for s, path in path_of.items() if not path.exists()]
    n_frames, busy_seconds, started = 0, 0.0, time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(n_workers, mp_context=context) as pool,
        tqdm(total=n_episodes, initial=n_episodes - len(missing), unit="ep") as bar,
    ):
        with _signals_waiting():
            tasks = [pool.submit(_collect_one, source, n_steps, s, path_of[s]) for s in missing]
        try:
            for task in as_completed(tasks):
                frames, seconds = task.result()
                n_frames += frames
                busy_seconds += seconds
                bar.update()
                bar.set_postfix_str(f"{n_frames / (time.perf_counter() - started):.0f} frames/s")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    manifest["seeds"] = sorted(set(manifest["seeds"]) | set(path_of))
    manifest["frames_per_second_per_process"] = round(n_frames / busy_seconds, 1) if busy_seconds else None
    _write(manifest, manifest_path)
    return manifest


@contextmanager
def _signals_waiting() -> Iterator[None]:
    """Ctrl-C and being told to end wait until the block is over: a pool interrupted while it begins can't be ended any more."""
    if threading.current_thread() is not threading.main_thread():  # no other is interrupted
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _read(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not readable as json ({error}); mend or remove it, the episodes are kept") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("seeds"), list):
        raise ValueError(f"{path}: not a manifest of episodes; expected an object with world, n_steps, provenance and seeds")
    return manifest


def _write(manifest: dict[str, Any], path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(manifest, indent=2))
    os.replace(temporary, path)
