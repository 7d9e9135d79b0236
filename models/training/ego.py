"""Teaching the ego-motion network: a regression on true motions, a minute or two on one core."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import EpisodeError
from models.clips import check_fits, control_of
from models.config import ModelConfig
from models.ego_motion import COARSE, EgoMotion, coarse
from models.pixels import to_float
from models.training.data import find_episodes
from models.training.optim import EMA

N_BATCH = 1024
N_EPISODES = 300
"""Episodes held in memory, pooled: a few hundred MB."""
CORRUPTION = 0.15
"""Frames are disturbed up to this share, and last motions a little: in play both are the dreamer's own."""


class Moves(NamedTuple):
    """Single steps: what was seen, how one moved before, what was done, how one moved then."""

    frame: Tensor  # (m, 3, H / 4, W / 4) float16
    before: Tensor  # (m, 5)
    action: Tensor  # (m,)
    motion: Tensor  # (m, 5)


def load_moves(config: ModelConfig, data: Path, seed: int) -> Moves:
    """The steps of up to N_EPISODES episodes of a folder; unreadable files and files without poses are left out, and said."""
    paths = find_episodes(data)
    order = np.random.default_rng(seed).permutation(len(paths))[:N_EPISODES]
    parts = []
    for i in tqdm(order, unit="ep", desc="reading motions", mininterval=2):
        try:
            episode = check_fits(episodes.load(paths[i]), config, str(paths[i]))
        except EpisodeError as error:
            print(f"left out: {error}")
            continue
        if episode.pose is None:
            print(f"left out: {paths[i]} has no poses; ego-motion is learned from them")
            continue
        control = control_of(episode)
        frame = coarse(to_float(episode.image[:-1])).half()
        parts.append(Moves(frame, control.motion[:-1], control.action[1:], control.motion[1:]))
    if not parts:
        raise EpisodeError(f"{data}: no episode with poses; ego-motion cannot be learned, use --ego-motion-steps 0")
    return Moves(*(torch.cat(values) for values in zip(*parts, strict=True)))


def train_ego_motion(config: ModelConfig, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3) -> EgoMotion:
    """An EgoMotion network after `n_steps` of AdamW on the episodes of `data`; averaged weights."""
    torch.manual_seed(seed)
    moves = load_moves(config, data, seed)
    model = EgoMotion(config)
    model.scale.copy_(moves.motion.std(dim=0).clamp(min=1e-3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    average = EMA(model, 0.998)
    with tqdm(range(n_steps), desc="ego-motion", mininterval=2) as bar:
        for step in bar:
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1, (step + 1) / 50) * (1 - step / n_steps)
            pick = torch.randint(len(moves.action), (N_BATCH,))
            loss = _loss(model, Moves(*(values[pick] for values in moves)))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update(model, step)
            if step % 100 == 0:
                bar.set_postfix(loss=f"{loss.item():.5f}")
    average.copy_to(model)
    return model.eval()


def _loss(model: EgoMotion, moves: Moves) -> Tensor:
    frame = moves.frame.float()
    share = CORRUPTION * torch.rand(len(frame), 1, 1, 1) / COARSE  # pooling averages noise away
    frame = (1 - share) * frame + share * torch.randn_like(frame)
    before = moves.before + 0.002 * torch.randn_like(moves.before) * model.scale
    predicted = model.from_coarse(frame, before, moves.action)
    return F.smooth_l1_loss(predicted / model.scale, moves.motion / model.scale, beta=0.02)
