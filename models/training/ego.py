"""Teaching the ego-motion network: a regression on true motions, a minute or two on one core; where cubes are kept, these are
carved first, as in play, which takes an episode some ten seconds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from envs.episode import Episode, EpisodeError
from models import album
from models.clips import control_of
from models.ego_motion import COARSE, EgoMotion, coarse
from models.footing import beside, turned
from models.kept import looked_about
from models.pixels import to_float
from models.training.steps import load, teach
from models.world_model import WorldModel

N_BATCH = 1024
N_EPISODES = 300
"""Episodes held in memory, pooled: a few hundred MB."""
N_CARVED = 120
"""The most where cubes must be carved of them."""
TOGETHER = 64
"""Frames looked at by one call."""
ASTRAY = 0.01
"""Blocks by which one may be believed to stand elsewhere."""
CORRUPTION = 0.15
"""Frames are disturbed up to this share, and last motions a little: in play both are the dreamer's own."""


class Moves(NamedTuple):
    """Single steps: what was seen, how one moved before, what was done, where one stood, how one moved then."""

    frame: Tensor  # (m, 3, H / 4, W / 4) float16
    before: Tensor  # (m, 5)
    action: Tensor  # (m,)
    pose: Tensor  # (m, 5)
    about: Tensor  # int8 (m, k) cubes about the feet, as `footing.beside`; k = 0 where none are kept
    motion: Tensor  # (m, 5)


def moves_of(model: WorldModel, episode: Episode) -> Moves:
    """The steps of an episode. EpisodeError where it has no poses."""
    if episode.pose is None:
        raise EpisodeError("no poses; ego-motion is learned from them")
    control = control_of(episode)
    about = _about(model, episode, control.pose) if model.depth is not None else torch.zeros(len(episode), 0, dtype=torch.int8)
    frame = coarse(to_float(episode.image[:-1])).half()
    return Moves(frame, control.motion[:-1], control.action[1:], control.pose[:-1], about[:-1], control.motion[1:])


@torch.no_grad()
def _about(model: WorldModel, episode: Episode, pose: Tensor) -> Tensor:
    """The cubes about the feet at each frame, as they are after it: (t, k) on the CPU."""
    device, found = model.head.weight.device, []
    state, place = model.init_state(1), pose.to(device)
    views, around = state.album, state.cubes
    for start in range(0, len(episode), TOGETHER):
        part = slice(start, start + TOGETHER)
        frames, here = to_float(episode.image[part], device)[None], place[None, part]
        pages = album.leaf_through(model.config, views, frames, here)
        carved, pages = looked_about(model, around, pages, frames, here)
        found.append(beside(model.config, carved[0, 1:], here[0]).cpu())
        views = album.at(pages, torch.zeros(1, dtype=torch.int64), torch.tensor([here.shape[1]]))
        around = carved[:, -1]
    return torch.cat(found)


def load_moves(model: WorldModel, data: Path, seed: int) -> Moves:
    """The steps of up to N_EPISODES episodes of a folder."""
    n = N_EPISODES if model.depth is None else N_CARVED
    return load(model.config, data, seed, "ego-motion", partial(moves_of, model), n_episodes=n)


def train_ego_motion(model: WorldModel, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3) -> EgoMotion:
    """An EgoMotion network for `model`, taught on the episodes of `data`, as by `steps.teach`."""
    torch.manual_seed(seed)
    moves = load_moves(model.eval(), data, seed)
    ego_motion = EgoMotion(model.config)
    ego_motion.scale.copy_(moves.motion.std(dim=0).clamp(min=1e-3))

    def loss() -> Tensor:
        pick = torch.randint(len(moves.action), (N_BATCH,))
        return _loss(ego_motion, Moves(*(values[pick] for values in moves)))

    teach(ego_motion, loss, n_steps, lr, "ego-motion")
    return ego_motion


def _loss(model: EgoMotion, moves: Moves) -> Tensor:
    frame = moves.frame.float()
    share = CORRUPTION * torch.rand(len(frame), 1, 1, 1) / COARSE  # pooling averages noise away
    frame = (1 - share) * frame + share * torch.randn_like(frame)
    before = moves.before + 0.002 * torch.randn_like(moves.before) * model.scale
    pose, about = moves.pose, moves.about
    if model.footing is not None:
        astray = ASTRAY * torch.rand(len(pose), 1) * torch.randn(len(pose), 3)
        pose = torch.cat([pose[:, :3] + astray, pose[:, 3:]], dim=1)
        pose, about = turned(pose, about, int(torch.randint(4, ())))
    predicted = model.from_coarse(frame, before, moves.action, pose, about)
    return F.smooth_l1_loss(predicted / model.scale, moves.motion / model.scale, beta=0.02)
