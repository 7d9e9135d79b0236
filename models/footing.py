"""Whether the way is free: from the cubes about the feet, and where among them one stands, what becomes of a motion.

Who walks into a block is stopped at its side, who steps off one falls, who jumps comes to stand on the next: a body's own laws,
learned and not told. A picture shows little of what lies about the feet; the cubes that were carved of it (`models.cubes`) keep
it. Sides of cubes lie where they lie, so what ego-motion errs does not add up: a body that is stopped is where it should be.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.cubes import SOLID, slots

BELOW, ABOVE = 2, 3
"""Cubes below the one that the feet are in, and above it, that are asked for; beside it one each way."""
N_BESIDE = 3 * 3 * (BELOW + 1 + ABOVE)
SUNK = 0.05
"""Blocks by which who stands on a cube may be believed to stand lower, without being in it."""
FAR = 0.3
"""Blocks that motions are measured by, about a step."""
N_SEEN, D_HIDDEN = 32, 256


def beside(config: ModelConfig, cubes: Tensor, pose: Tensor) -> Tensor:
    """Of `cubes` int8 (n, m) those about the feet of who stands at `pose` (n, 5), along x, y and up: (n, N_BESIDE)."""
    ways = (torch.arange(low, high + 1, device=pose.device) for low, high in ((-1, 1), (-1, 1), (-BELOW, ABOVE)))
    off = torch.cartesian_prod(*ways).T.to(pose.dtype).expand(len(pose), -1, -1)
    found = slots(config, _cell(pose) + 0.5, off, pose.new_ones(1, 1))[:, 0]
    return cubes.flatten().index_select(0, found.flatten()).view(found.shape)


def _cell(pose: Tensor) -> Tensor:
    """The lowest corners (n, 3) of the cubes that feet are in."""
    return torch.cat([pose[:, :2], pose[:, 2:3] + SUNK], dim=1).floor()


def turned(pose: Tensor, about: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Poses (n, 5) and cubes `about` them (n, N_BESIDE) in a world turned by `k` quarters about the middle of a cube: a body's
    laws are the same whichever way it looks."""
    cubes = torch.rot90(about.view(-1, 3, 3, N_BESIDE // 9), k, (1, 2)).flatten(1)
    middle = _cell(pose) + 0.5
    turn = torch.full_like(pose[:, 3], k * math.pi / 2)
    off = _turned(torch.cat([pose[:, :2] - middle[:, :2], pose[:, 2:3]], dim=1), turn)
    place = torch.cat([middle[:, :2] + off[:, :2], pose[:, 2:3]], dim=1)
    return torch.cat([place, (pose[:, 3] + turn)[:, None], pose[:, 4:]], dim=1), cubes


def _turned(xyz: Tensor, heading: Tensor) -> Tensor:
    """Vectors (n, 3) turned about the upright axis by `heading` (n,)."""
    c, s = heading.cos(), heading.sin()
    x, y, z = xyz.unbind(dim=1)
    return torch.stack([c * x - s * y, s * x + c * y, z], dim=1)


class Footing(nn.Module):
    """Corrects motions; see the module. Untaught it leaves them as they are."""

    def __init__(self, config: ModelConfig, n_seen: int) -> None:
        super().__init__()
        self.seen = nn.Linear(n_seen, N_SEEN)
        told = 2 * N_BESIDE + 3 + 2 + 3 + 3 + config.n_actions + N_SEEN
        self.judge = nn.Sequential(
            nn.Linear(told, D_HIDDEN), nn.SiLU(), nn.Linear(D_HIDDEN, D_HIDDEN), nn.SiLU(),
            nn.Linear(D_HIDDEN, D_HIDDEN), nn.SiLU(),
        )  # fmt: skip
        self.out = nn.Linear(D_HIDDEN, 3)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, motion: Tensor, before: Tensor, acts: Tensor, seen: Tensor, pose: Tensor, about: Tensor) -> Tensor:
        """What `motion` (n, 5) becomes after `before` (n, 5), both in the player's own frame, for who stands at `pose` (n, 5)
        with cubes `about` him (n, N_BESIDE); acts: one-hot (n, actions), seen: features of the picture (n, n_seen)."""
        heading, solid = pose[:, 3], about.to(motion.dtype)
        ways = torch.stack([heading.cos(), heading.sin()], dim=1)
        meant, was = (_turned(part[:, :3], heading) / FAR for part in (motion, before))
        inside = 2 * (pose[:, :3] - _cell(pose)) - 1
        cubes = [(solid / SOLID).clamp(-1, 1), (about >= SOLID).to(motion.dtype)]
        told = torch.cat([*cubes, inside, ways, meant, was, acts, self.seen(seen)], dim=1)
        off = _turned(FAR * self.out(self.judge(told)), -heading)
        return motion + F.pad(off, (0, 2))
