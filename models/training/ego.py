"""Teaching the ego-motion network: a regression on true motions, a few minutes on one core."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from envs import pose as poses
from models.config import ModelConfig
from models.ego_motion import EgoMotion
from models.pixels import to_float
from models.training.data import EpisodeWindows
from models.training.optim import EMA

N_ROWS, N_FRAMES = 8, 65
CORRUPTION = 0.08
"""Frames and last motions are disturbed up to this share: in play both are the dreamer's own."""


def train_ego_motion(config: ModelConfig, data: Path, minutes: float, seed: int = 0, lr: float = 2e-3) -> EgoMotion:
    """An EgoMotion network trained on the episodes of `data` for about `minutes`; averaged weights."""
    torch.manual_seed(seed)
    windows = iter(EpisodeWindows(data, config, N_ROWS, N_FRAMES, seed))
    model = EgoMotion(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    started, step = time.monotonic(), 0
    first = next(windows)
    model.scale.copy_(first.control.motion.flatten(0, 1).std(dim=0).clamp(min=1e-3))
    average = EMA(model, 0.995)
    with tqdm(total=round(60 * minutes), unit="s", desc="ego-motion") as bar:
        while (done := (time.monotonic() - started) / (60 * minutes)) < 1:
            batch = next(windows)
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1, (step + 1) / 50) * (1 - done) ** 0.7
            loss = _loss(model, batch.frames, batch.control.action, batch.control.motion)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update(model, step)
            step += 1
            bar.update(round(60 * minutes * done) - bar.n)
            bar.set_postfix(step=step, loss=f"{loss.item():.5f}")
    average.copy_to(model)
    return model.eval()


def _loss(model: EgoMotion, frames: Tensor, action: Tensor, motion: Tensor) -> Tensor:
    before = to_float(frames[:, :-1].flatten(0, 1))
    share = CORRUPTION * torch.rand(len(before), 1, 1, 1)
    before = (1 - share) * before + share * torch.randn_like(before)
    last = motion[:, :-1].flatten(0, 1)
    last = last + 0.02 * torch.randn_like(last) * model.scale
    predicted = model(before, last, action[:, 1:].flatten())
    return F.smooth_l1_loss(predicted / model.scale, motion[:, 1:].flatten(0, 1) / model.scale, beta=0.02)


@torch.inference_mode()
def motion_errors(model: EgoMotion, images: np.ndarray, pose: np.ndarray, action: np.ndarray) -> dict[str, float]:
    """How well one episode's motions are predicted: images (t, H, W, 3), pose (t, 5), action (t,).

    Per frame and after 100 and 400 integrated steps on true frames; cells and degrees.
    """
    motion = np.zeros_like(pose)
    motion[1:] = poses.motion_between(pose[:-1], pose[1:])
    told = torch.as_tensor(motion[:-1]).float(), torch.as_tensor(action[1:])
    predicted = model(to_float(images[:-1]), *told).double().numpy()
    error = np.abs(predicted - motion[1:])
    cells, degrees = np.hypot(error[:, 0], error[:, 1]), np.degrees(error[:, 3])
    scores = {
        "cells_mean": cells.mean(), "cells_p99": np.quantile(cells, 0.99),
        "degrees_mean": degrees.mean(), "degrees_p99": np.quantile(degrees, 0.99),
    }  # fmt: skip
    for n in (100, 400):
        if len(pose) > n:
            believed, last = pose[:1], np.zeros((1, 5))
            for i in range(n):
                last = (
                    model(to_float(images[i : i + 1]), torch.as_tensor(last).float(), torch.as_tensor(action[i + 1 : i + 2]))
                    .double()
                    .numpy()
                )
                believed = poses.move(believed, last)
            off = believed[0] - pose[n]
            scores |= {f"cells_after_{n}": np.hypot(*off[:2]), f"degrees_after_{n}": abs(np.degrees(poses.wrap(off[3])))}
    return {name: round(float(value), 5) for name, value in scores.items()}
