"""Teaching what blocks are made of and what each kind looks like, on islands played again, whose blocks tell."""

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
from envs.voxel.sight import met
from models.clips import control_of
from models.cubes import look
from models.kinds import BOTTOM, GREY, N_FACES, SIDE, TOP, Kinds
from models.lattice import on_side
from models.painted import UPRIGHT
from models.pixels import from_bytes
from models.reprojection import pixel_of, pixel_rays
from models.textures import N_COPIES, N_TEXELS, TEXELS, texels
from models.training.steps import load, teach

N_BATCH = 32
N_EPISODES = 200
"""Kept in memory at most, of a thousand frames each some four megabytes."""
EVERY = 7
"""Of the frames of an episode each how manieth is kept: they differ little."""
OFF, OFF_EACH = 0.08, 0.05
"""By how much distances, as logarithms, are made to err, of a frame and of each pixel: in play they are guessed."""
RARE, MOST = 1000.0, (0.3, 8.0)
"""Pixels that are added to those of each kind, and between which and which a kind then counts, before the root."""
CLEAR, DAY = 16.0, 0.25
"""Blocks up to which colours are those of the thing and not of the air, and the brightness of a frame by day, in 0..1."""
ENOUGH = 3
"""Looks at a texel from which on it is known."""
FROM_ABOVE = 5
"""The number of the top among the faces."""


class Steps(NamedTuple):
    """Frames, in the order of their episodes."""

    frame: Tensor  # uint8 (m, 3, H, W)
    pose: Tensor  # (m, 5)
    away: Tensor  # float16 (m, rows, W) blocks, infinite where there is nothing
    kind: Tensor  # uint8 (m, rows, W), 0 where there is nothing
    face: Tensor  # int8 (m, rows, W), as in `envs.voxel.sight`


def steps_of(kinds: Kinds, episode: Episode, seed: int) -> Steps:
    """The frames of an episode on the island of `seed`; EpisodeError where it is not of that island."""
    width, kept = kinds.rays.shape[1], slice(None, None, EVERY)
    looks = [met(state, width) for state in replayed(episode, seed)[kept]]
    kind, face, away = (np.stack(part) for part in zip(*looks, strict=True))
    frames = torch.from_numpy(episode.image[kept].copy()).movedim(-1, 1)
    told = (torch.from_numpy(part) for part in (kind, face))
    return Steps(frames, control_of(episode).pose[kept], torch.from_numpy(away).half(), *told)


def train_kinds(kinds: Kinds, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3, bf16: bool = True) -> None:
    """Teach `kinds` on the episodes of `data`, named as `collect` names them, as `steps.teach`; its textures are means of what
    was seen."""
    torch.manual_seed(seed)
    config, device = kinds.config, kinds.rays.device
    steps = load(config, data, seed, "kinds", partial(steps_of, kinds), n_episodes=N_EPISODES, seed_of=seed_of)
    wear(kinds, steps)
    pixels = torch.bincount(steps.kind[::5].flatten().long(), minlength=config.cubes.kinds).float()
    counts = (pixels.sum() / len(pixels) / (pixels + RARE)).clamp(*MOST).sqrt().to(device)

    def loss() -> Tensor:
        pick = torch.randint(len(steps.pose), (N_BATCH,))
        frame, pose, away, kind = (part[pick].to(device) for part in steps[:4])
        off = OFF * torch.randn(len(pick), 1, 1) + OFF_EACH * torch.randn(away.shape)
        guessed = kinds(from_bytes(frame[..., : len(kinds.rays), :]), pose[:, 4], away.float() * off.exp().to(device))
        return F.cross_entropy(guessed.float(), kind[:, ::2, ::2].long(), weight=counts)

    teach(kinds, loss, n_steps, lr, "kinds", bf16=bf16)


@torch.no_grad()
def wear(kinds: Kinds, steps: Steps) -> None:
    """Let every texel of `kinds` be the mean of what was seen of it from nearby, by day; of what was not, of its surroundings."""
    rays, n = pixel_rays(kinds.config).to(kinds.rays.device), kinds.worn.shape[1]
    colour, looks = torch.zeros(N_TEXELS * n, 3), torch.zeros(N_TEXELS * n)
    for start in range(0, len(steps.pose), N_BATCH):
        frame, pose, away, kind, face = (part[start : start + N_BATCH].flatten(2 if part.ndim == 4 else 1) for part in steps)
        frame = from_bytes(frame[..., : away.shape[1]]).movedim(1, 2) / 2 + 0.5
        eye, _, directed = look(kinds.config, rays, pose)
        axis = (face.long() // 2).clamp(min=0)
        clear = (face >= 0) & (away < CLEAR) & (frame.mean(dim=(1, 2)) > DAY)[:, None]
        away = away.float().masked_fill(~clear, 1.0)
        texel = texels(on_side(axis, away, eye[:, None], directed.movedim(1, 2)), pixel_of(kinds.config))
        worn = torch.where(axis < UPRIGHT, SIDE, torch.where(face == FROM_ABOVE, TOP, BOTTOM))
        place = (texel * n + N_FACES * kind.long() + worn)[clear]
        colour.index_add_(0, place, frame[clear])
        looks.index_add_(0, place, torch.ones(len(place)))
    colour, looks = colour.view(N_TEXELS, n, 3), looks.view(N_TEXELS, n)
    known, last = torch.full((n, 3, 1, 1), GREY), N_TEXELS
    for level in reversed(range(N_COPIES)):
        side = TEXELS >> level
        here = slice(last - side**2, last)
        mean = (colour[here] / looks[here, :, None].clamp(min=1)).permute(1, 2, 0).view(n, 3, side, side)
        seen = looks[here].T.view(n, 1, side, side) >= ENOUGH
        known = torch.where(seen, mean, F.interpolate(known, size=(side, side)))
        kinds.worn[here] = known.flatten(2).permute(2, 0, 1)
        last = here.start
