"""Teaching what hour it is, on episodes that tell the time of day."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from envs.episode import Episode, EpisodeError
from models.clips import control_of
from models.hour import Hour, hour_of
from models.pixels import to_float
from models.training.steps import load, teach

N_BATCH = 128
EVERY = 7
"""Of the frames of an episode each how manieth is kept: they differ little."""
TIME = "time_of_day"
"""The share of the day gone by, as an episode tells it."""
NOISE, COVERED = 0.03, 0.3
"""Most noise on what is seen, pooled, and most of it that is left out: an island more is better than one well known."""


class Steps(NamedTuple):
    """Frames, in the order of their episodes."""

    pooled: Tensor  # float16 (m, 6, h, w) as by `Hour.pooled`
    hour: Tensor  # (m, 2)
    rate: Tensor  # (m,) radians a frame


@torch.no_grad()
def steps_of(hour: Hour, episode: Episode) -> Steps:
    """The frames of an episode; EpisodeError where it does not tell the time of day."""
    if TIME not in episode.extras or len(episode) < 2:
        raise EpisodeError(f"no {TIME}; the hour is learned from it")
    share, kept = episode.extras[TIME].astype(np.float64), slice(None, None, EVERY)
    rate = 2 * math.pi * float(np.median(np.diff(share) % 1.0))
    views = to_float(episode.image[kept], "cpu")[..., : len(hour.rays), :]
    pooled = hour.pooled(views, control_of(episode).pose[kept]).half()
    known = hour_of(torch.from_numpy(share[kept].copy())).float()
    return Steps(pooled, known, torch.full((len(pooled),), rate))


def train_hour(hour: Hour, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3) -> None:
    """Teach `hour` on the episodes of `data`, as `steps.teach`: to say how likely each hour is (von Mises)."""
    torch.manual_seed(seed)
    device = hour.rays.device
    steps = load(hour.config, data, seed, "hour", partial(steps_of, Hour(hour.config)))
    with torch.no_grad():
        hour.rate.copy_(steps.rate.median())

    def loss() -> Tensor:
        pick = torch.randint(len(steps.hour), (N_BATCH,))
        seen, true = steps.pooled[pick].float(), steps.hour[pick].to(device)
        light = (torch.arange(seen.shape[1]) < 3).view(1, -1, 1, 1)
        seen = seen + light * NOISE * torch.rand(len(pick), 1, 1, 1) * torch.randn_like(seen)
        seen = seen * (torch.rand(len(pick), 1, *seen.shape[2:]) > COVERED * torch.rand(len(pick), 1, 1, 1))
        told = hour.tell(seen.to(device))
        sure = told.norm(dim=-1)
        return (sure + torch.special.i0e(sure).log() - (told * true).sum(dim=-1)).mean()

    teach(hour, loss, n_steps, lr, "hour")
