"""Follow a recorded walk: the true frames, the dream on the same actions beside them, and how alike they are frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.episode import Episode
from envs.policies import Policy
from envs.pose import FloatArray
from simulator import compose
from simulator.demo.routes import Route
from simulator.demo.walk import Walk
from simulator.evaluation.metrics import psnr
from simulator.world import Tick

N_SHOWN = 10


@dataclass(frozen=True)
class Followed:
    """truth, dream: uint8 (t, H, W, 3). psnr: (t,) decibels. start: frames of true context before them."""

    truth: np.ndarray
    dream: np.ndarray
    psnr: np.ndarray
    start: int


def follow(
    engine: Any, episode: Episode, start: int, n_frames: int, seed: int, pose_given: bool, tell: Callable[[], object]
) -> Followed:
    """Absorb the first `start` frames of `episode`, then dream `n_frames` on its actions. ValueError where it is too short."""
    if start < 1 or start + n_frames > len(episode):
        raise ValueError(f"{start} frames of context and {n_frames} to dream do not fit an episode of {len(episode)}")
    moment, frames = engine.begin([episode.clip(0, start)], seed), []
    for t in range(start, start + n_frames):
        pose = episode.pose[t : t + 1] if pose_given and episode.pose is not None else None
        moment = engine.step(moment, episode.action[t : t + 1], pose)
        frames.append(moment.frame[0])
        tell()
    dream, truth = np.stack(frames), episode.image[start : start + n_frames]
    mse = np.square(dream.astype(np.float64) - truth).mean(axis=(1, 2, 3))
    return Followed(truth, dream, psnr(mse), start)


def walk_for_real(
    env: Any, guide: Policy, n_lead_in: int, plan: Callable[[dict[str, Any]], Route], gap: int | None, seed: int,
    tell: Callable[[], object],
) -> Episode:  # fmt: skip
    """Let `guide` take `n_lead_in` steps in the world of `seed`, then walk the route that `plan` makes of the env's info.

    env: a Gymnasium env with `actions` whose info tells the pose.
    """
    walk: Walk | None = None
    frame, info = env.reset(seed=seed)
    frames, actions, poses = [frame], [env.actions.noop], list[FloatArray]([info.get("pose")])
    while True:
        if len(frames) <= n_lead_in:
            action = guide.act(frame, info)
        else:
            walk = walk or Walk(plan(info), env.actions, gap)
            action = walk.act(frame, info)
            if walk.over:
                return Episode(np.stack(frames), np.array(actions), env.actions.n_actions, np.stack(poses))
        frame, _, _, _, info = env.step(action)
        frames.append(frame)
        actions.append(action)
        poses.append(info.get("pose"))
        tell()


def beside_truth(followed: dict[str, Followed]) -> Iterator[Tick]:
    """truth | a dream for each of `followed` (by name)."""
    first = next(iter(followed.values()))
    for t, truth in enumerate(first.truth):
        names = [f"{name}  {one.psnr[t]:.1f} dB" for name, one in followed.items()]
        panels = (f"truth, {t + 1} frame{'s' if t else ''} on", *names)
        yield Tick(compose.beside(truth, *(one.dream[t] for one in followed.values())), t, 0, info={"panels": panels})


def draw(followed: dict[str, Followed], path: Path) -> None:
    """A strip for each of `followed` (by name) under the truth, and all their curves. ImportError without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"the figure needs matplotlib ({error}): pip install 'revisit[train]'") from error
    first = next(iter(followed.values()))
    picks = np.linspace(0, len(first.truth) - 1, N_SHOWN).astype(int)
    rows = {"truth": first.truth} | {name: one.dream for name, one in followed.items()}
    figure: Any = plt.figure(figsize=(1.5 * N_SHOWN, 1.55 * len(rows) + 3), layout="constrained")
    pictures, curves = figure.subfigures(2, 1, height_ratios=(1.5 * len(rows), 3))
    cells = pictures.subplots(len(rows), N_SHOWN)
    for row, (name, frames) in zip(cells, rows.items(), strict=True):
        for cell, pick in zip(row, picks, strict=True):
            cell.imshow(frames[pick], interpolation="nearest")
            cell.set(xticks=[], yticks=[])
            if name == "truth":
                cell.set_title(f"frame {pick + 1}", fontsize=10)
        row[0].set_ylabel(name)
    axes = curves.subplots()
    for name, one in followed.items():
        axes.plot(np.arange(1, len(one.psnr) + 1), one.psnr, label=f"{name}: mean {one.psnr.mean():.1f} dB")
    axes.set(xlabel=f"frames dreamt, after {first.start} true ones", ylabel="PSNR (dB)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=90)
    plt.close(figure)
