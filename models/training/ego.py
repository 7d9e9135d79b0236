"""Teaching the ego-motion network: a regression on true motions, a minute or two on one core; where cubes are kept, these are
carved first, as in play, which takes an episode some ten seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from envs.episode import Episode, EpisodeError
from envs.pose import motion_between
from envs.voxel.env import advance_state
from envs.voxel.moves import MOVES
from envs.voxel.replay import replayed, seed_of
from envs.voxel.state import N_HEADINGS, State
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
UNSEEN = 0.5
"""Share of recorded steps whose picture is another's, where cubes are kept: these must tell whether the way is free. A dream's
picture does not."""
N_TRIED = 3
WAYS = tuple(i for i, move in enumerate(MOVES) if move.forward or move.strafe or move.jump)
"""Steps tried from every frame, and the actions among which they are."""
CORRUPTION = 0.15
"""Frames are disturbed up to this share, and last motions a little: in play both are the dreamer's own."""


class Moves(NamedTuple):
    """Single steps from every frame: first as recorded, then, where cubes are kept, `N_TRIED` others that were not taken."""

    frame: Tensor  # (m, 3, H / 4, W / 4) float16, what was seen
    before: Tensor  # (m, 1 + n, 5), how one moved before
    action: Tensor  # (m, 1 + n)
    pose: Tensor  # (m, 1 + n, 5), where one stood
    about: Tensor  # int8 (m, 1 + n, k) cubes about the feet, as `footing.beside`; k = 0 where none are kept
    motion: Tensor  # (m, 1 + n, 5), how one moved then


def moves_of(model: WorldModel, episode: Episode, seed: int | None = None) -> Moves:
    """The steps of an episode, where cubes are kept on the island of `seed`. EpisodeError where it has no poses, or is of another
    island."""
    if episode.pose is None:
        raise EpisodeError("no poses; ego-motion is learned from them")
    control, frame = control_of(episode), coarse(to_float(episode.image[:-1])).half()
    steps = Steps(*(part[:, None] for part in (control.motion[:-1], control.action[1:], control.pose[:-1], control.motion[1:])))
    about = torch.zeros(*steps.action.shape, 0, dtype=torch.int8)
    if model.depth is not None:
        assert seed is not None
        others = tried(replayed(episode, seed)[:-1], episode.pose, np.random.default_rng(seed))
        steps = Steps(*(torch.cat(parts, dim=1) for parts in zip(steps, others, strict=True)))
        about = _about(model, episode, control.pose, steps.pose)
    return Moves(frame, steps.before, steps.action, steps.pose, about, steps.motion)


class Steps(NamedTuple):
    """As in `Moves`, (m, n, ...) each."""

    before: Tensor
    action: Tensor
    pose: Tensor
    motion: Tensor


def tried(states: Sequence[State], pose: np.ndarray, draws: np.random.Generator) -> Steps:
    """From every one of `states`, with poses (m, 5) and one more, `N_TRIED` steps on end that were not taken: any way, and into
    whatever stands there. Who plays by script walks into nothing, and nothing can be learned from him of what stops a body."""
    steps: list[list[np.ndarray]] = []
    for t, state in enumerate(states):
        state = replace(state, heading=int(draws.integers(N_HEADINGS)))
        was, moved = pose[max(t - 1, 0)].copy(), state.pose
        was[3] = moved[3]
        for action in draws.choice(WAYS, N_TRIED):
            before, here = motion_between(was, moved), moved
            state = advance_state(state, MOVES[action])
            was, moved = here, state.pose
            steps.append([before, np.array(action), here, motion_between(was, moved)])
    before, action, here, motion = (
        np.stack(part).reshape(len(states), N_TRIED, *np.shape(part[0])) for part in zip(*steps, strict=True)
    )
    told, stood, led = (torch.from_numpy(part).float() for part in (before, here, motion))
    return Steps(told, torch.from_numpy(action), stood, led)


@torch.no_grad()
def _about(model: WorldModel, episode: Episode, pose: Tensor, stood: Tensor) -> Tensor:
    """The cubes about the feet, as they are after each of m frames seen from `pose` (m + 1, 5), of who stands at `stood`
    (m, n, 5): (m, n, k) on the CPU."""
    device, found = model.head.weight.device, []
    state, place = model.init_state(1), pose.to(device)
    views, around = state.album, state.cubes
    for start in range(0, len(stood), TOGETHER):
        part = slice(start, min(start + TOGETHER, len(stood)))
        frames, here = to_float(episode.image[part], device)[None], place[None, part]
        pages = album.leaf_through(model.config, views, frames, here)
        carved, _, pages = looked_about(model, around, state.kinds, pages, frames, here)
        feet = stood[part].to(device)
        known = carved[0, 1:].repeat_interleave(feet.shape[1], 0)
        found.append(beside(model.config, known, feet.flatten(0, 1)).unflatten(0, feet.shape[:2]).cpu())
        views = album.at(pages, torch.zeros(1, dtype=torch.int64), torch.tensor([here.shape[1]]))
        around = carved[:, -1]
    return torch.cat(found)


def load_moves(model: WorldModel, data: Path, seed: int) -> Moves:
    """The steps of up to N_EPISODES episodes of a folder."""
    if model.depth is None:
        return load(model.config, data, seed, "ego-motion", partial(moves_of, model), n_episodes=N_EPISODES)
    return load(model.config, data, seed, "ego-motion", partial(moves_of, model), n_episodes=N_CARVED, seed_of=seed_of)


def train_ego_motion(model: WorldModel, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3) -> EgoMotion:
    """An EgoMotion network for `model`, taught on the episodes of `data`, as by `steps.teach`."""
    torch.manual_seed(seed)
    moves = load_moves(model.eval(), data, seed)
    ego_motion = EgoMotion(model.config)
    ego_motion.scale.copy_(moves.motion[:, 0].std(dim=0).clamp(min=1e-3))

    def loss() -> Tensor:
        pick = torch.randint(len(moves.action), (N_BATCH,))
        return _loss(ego_motion, Moves(*(values[pick] for values in moves)))

    teach(ego_motion, loss, n_steps, lr, "ego-motion")
    return ego_motion


def _loss(model: EgoMotion, moves: Moves) -> Tensor:
    frame, m = moves.frame.float(), len(moves.frame)
    share = CORRUPTION * torch.rand(m, 1, 1, 1) / COARSE  # pooling averages noise away
    frame = (1 - share) * frame + share * torch.randn_like(frame)
    n = moves.action.shape[1] - 1
    which = torch.where(torch.rand(m) < 0.5, torch.randint(1, n + 1, (m,)), 0) if n else torch.zeros(m, dtype=torch.int64)
    before, action, pose, about, motion = (part[torch.arange(m), which] for part in moves[1:])
    before = before + 0.002 * torch.randn_like(before) * model.scale
    if model.footing is not None:
        astray = ASTRAY * torch.rand(m, 1) * torch.randn(m, 3)
        pose = torch.cat([pose[:, :3] + astray, pose[:, 3:]], dim=1)
        pose, about = turned(pose, about, int(torch.randint(4, ())))
        blind = (which > 0) | (torch.rand(m) < UNSEEN)
        frame = torch.where(blind[:, None, None, None], frame.roll(1, 0), frame)
    predicted = model.from_coarse(frame, before, action, pose, about)
    return F.smooth_l1_loss(predicted / model.scale, motion / model.scale, beta=0.02)
