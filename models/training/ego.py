"""Teaching the ego-motion network: a regression on true motions, a minute or two on one core."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from envs.episode import Episode, EpisodeError
from models.clips import control_of
from models.config import ModelConfig
from models.ego_motion import COARSE, EgoMotion, coarse
from models.pixels import to_float
from models.training.steps import load, teach

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


def moves_of(episode: Episode) -> Moves:
    """The steps of an episode. EpisodeError where it has no poses."""
    if episode.pose is None:
        raise EpisodeError("no poses; ego-motion is learned from them")
    control = control_of(episode)
    frame = coarse(to_float(episode.image[:-1])).half()
    return Moves(frame, control.motion[:-1], control.action[1:], control.motion[1:])


def load_moves(config: ModelConfig, data: Path, seed: int) -> Moves:
    """The steps of up to N_EPISODES episodes of a folder."""
    return load(config, data, seed, "ego-motion", moves_of, n_episodes=N_EPISODES)


def train_ego_motion(config: ModelConfig, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3) -> EgoMotion:
    """An EgoMotion network taught on the episodes of `data`, as by `steps.teach`."""
    torch.manual_seed(seed)
    moves = load_moves(config, data, seed)
    model = EgoMotion(config)
    model.scale.copy_(moves.motion.std(dim=0).clamp(min=1e-3))

    def loss() -> Tensor:
        pick = torch.randint(len(moves.action), (N_BATCH,))
        return _loss(model, Moves(*(values[pick] for values in moves)))

    teach(model, loss, n_steps, lr, "ego-motion")
    return model


def _loss(model: EgoMotion, moves: Moves) -> Tensor:
    frame = moves.frame.float()
    share = CORRUPTION * torch.rand(len(frame), 1, 1, 1) / COARSE  # pooling averages noise away
    frame = (1 - share) * frame + share * torch.randn_like(frame)
    before = moves.before + 0.002 * torch.randn_like(moves.before) * model.scale
    predicted = model.from_coarse(frame, before, moves.action)
    return F.smooth_l1_loss(predicted / model.scale, moves.motion / model.scale, beta=0.02)
