"""How the player moves: previous frame, previous motion and action -> the motion of this step, collisions included.

A small network corrects a table of typical motions by (action, previous action's effect); what it learns is inertia and
"is there a wall in the way". Where cubes are kept, they say that better (`models.footing`). Keys alone drive a dream through it:
poses are its motions, integrated.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.footing import Footing, beside

D_HIDDEN = 128
COARSE = 4
"""Pixels pooled into one before the network looks: walls in the way are large."""


TREMBLE = (0.004, 0.005)
"""Cells and radians a frame, below which a believed motion of who does not try to move is the network's error: a body coasts in
bigger steps until it stops, and an error kept up for a hundred frames of waiting would turn the player by ten degrees."""


def settled(motion: Tensor, idle: Tensor) -> Tensor:
    """Believed motions (b, 5), none for those who did not try to move, idle (b,), and hardly moved."""
    shift, turn = motion[:, :3].abs().amax(dim=1), motion[:, 3:].abs().amax(dim=1)
    still = idle & (shift < TREMBLE[0]) & (turn < TREMBLE[1])
    return motion.masked_fill(still[:, None], 0.0)


def coarse(frame: Tensor) -> Tensor:
    """What the network sees of frames (b, 3, H, W)."""
    return F.avg_pool2d(frame, COARSE)


class EgoMotion(nn.Module):
    """Predicts motion (b, 5) in the player's frame, as in `envs.pose`, from one clean frame."""

    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.look = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(24, 32, 3, stride=2, padding=1), nn.SiLU()
        )
        cells = (config.image[0] // COARSE // 4) * (config.image[1] // COARSE // 4)
        self.typical = nn.Linear(config.n_actions + 5, 5)
        self.correct = nn.Sequential(
            nn.Linear(32 * cells + config.n_actions + 5, D_HIDDEN), nn.SiLU(), nn.Linear(D_HIDDEN, D_HIDDEN), nn.SiLU()
        )
        self.out = nn.Linear(D_HIDDEN, 5)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("scale", torch.ones(5))
        self.footing = Footing(config, 32 * cells) if config.cubes.channels else None

    def forward(self, frame: Tensor, motion: Tensor, action: Tensor, pose: Tensor, cubes: Tensor) -> Tensor:
        """frame (b, 3, H, W) in -1..1, motion (b, 5) that led to it, action (b,) taken next -> motion (b, 5).

        pose (b, 5), where one stands, and cubes (b, m), as in `StreamState`, count only where cubes are kept."""
        about = cubes if self.footing is None else beside(self.config, cubes, pose)
        return self.from_coarse(coarse(frame), motion, action, pose, about)

    def from_coarse(self, frame: Tensor, motion: Tensor, action: Tensor, pose: Tensor, about: Tensor) -> Tensor:
        """As `forward`, from an already pooled frame and the cubes `about` the feet."""
        acts, motion = F.one_hot(action, self.config.n_actions).to(frame.dtype), motion.to(frame.dtype)
        known = torch.cat([acts, motion / self.scale], dim=-1)
        seen = self.look(frame).flatten(1)
        found = (self.typical(known) + self.out(self.correct(torch.cat([seen, known], dim=-1)))) * self.scale
        return found if self.footing is None else self.footing(found, motion, acts, seen, pose.to(frame.dtype), about)
