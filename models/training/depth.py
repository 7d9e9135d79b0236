"""Teaching how far away things are, on islands played again, whose blocks tell."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from envs.episode import Episode
from envs.voxel.replay import replayed, seed_of
from envs.voxel.sight import distances
from models import album
from models.clips import control_of
from models.depth import N_ASIDE, Depth
from models.pixels import from_bytes, to_float
from models.training.steps import load, teach

N_BATCH = 48
N_EPISODES = 300
"""Kept in memory at most, of a thousand frames each some 10 megabytes."""
EVERY = 2
"""Of the frames of an episode each how manieth is kept: they differ little."""
EXACT, SURE = 3.0, 0.2
"""What counts how far off the logarithm of a distance is, and how well the error told fits, beside whether there is anything."""


class Steps(NamedTuple):
    """Frames, in the order of their episodes."""

    frame: Tensor  # uint8 (m, 3, H, W)
    pose: Tensor  # (m, 5)
    away: Tensor  # float16 (m, rows, W) blocks, infinite where there is nothing
    views: Tensor  # int64 (m, k) how many frames before each the views are that it is compared with; 0: no such view


@torch.no_grad()
def steps_of(depth: Depth, episode: Episode, seed: int) -> Steps:
    """The frames of an episode on the island of `seed`; EpisodeError where it is not of that island."""
    config, states = depth.config, replayed(episode, seed)
    kept = slice(None, None, EVERY)
    away = np.stack([distances(state, config.image[1]) for state in states[kept]])
    frames, pose = to_float(episode.image[kept]), control_of(episode).pose[kept]
    n = config.album.n_views
    pages = album.leaf_through(config, album.blank(config, n, 1, pose.device), frames[None], pose[None])
    place, known = album.aside(config, pages, pose[None], N_ASIDE)  # the first in the pile are blank
    before = torch.arange(len(pose))[:, None] - (place[0] - n)
    whole = torch.from_numpy(episode.image[kept].copy()).movedim(-1, 1)
    return Steps(whole, pose, torch.from_numpy(away).half(), before.masked_fill(~known[0], 0))


def train_depth(depth: Depth, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3, bf16: bool = True) -> None:
    """Teach `depth` on the episodes of `data`, named as `collect` names them, as `steps.teach`."""
    torch.manual_seed(seed)
    steps = load(depth.config, data, seed, "depth", partial(steps_of, depth), n_episodes=N_EPISODES, seed_of=seed_of)
    device = next(depth.parameters()).device

    def loss() -> Tensor:
        pick = torch.randint(len(steps.pose), (N_BATCH,))
        views = pick[:, None] - steps.views[pick]
        parts = (
            steps.frame[pick],
            steps.pose[pick],
            steps.away[pick],
            steps.frame[views],
            steps.pose[views],
            steps.views[pick] > 0,
        )
        return loss_of(depth, *(part.to(device) for part in parts))

    teach(depth, loss, n_steps, lr, "depth", bf16=bf16)


def loss_of(depth: Depth, frame: Tensor, pose: Tensor, away: Tensor, views: Tensor, stood: Tensor, known: Tensor) -> Tensor:
    """Whether there is anything, how far away, and by how much that may err."""
    found = depth(from_bytes(frame), pose, from_bytes(views), stood, known)
    none = away.isinf()
    error = (away.float().clamp(0.1, 1e3).log() - found.log_away).abs()
    told = error.detach() * (-found.log_width).exp() + found.log_width
    there = F.binary_cross_entropy_with_logits(found.none, none.float(), reduction="none")
    return (there + torch.where(none, 0, EXACT * error + SURE * told)).mean()
