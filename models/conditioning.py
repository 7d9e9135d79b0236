"""What a frame is told besides its pixels: noise level, action, pose and last motion, as one vector a frame."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import ModelConfig


class Control(NamedTuple):
    """What drives each frame. Shapes (b, t) and (b, t, 5); the pose and motion conventions are those of `envs.pose`."""

    action: Tensor  # int64, the action that led to this frame
    pose: Tensor  # float32, where the frame is seen from
    motion: Tensor  # float32, the motion that led here from the frame before, in that frame's own axes


N_WAVES = 8
REST = 1e-3
"""Cells and radians a frame, below which nothing moved: some twentieth of a pixel."""


def unmoved(control: Control) -> Tensor:
    """Where nothing moved: (b, t) bool."""
    return (control.motion.abs() < REST).all(dim=-1)


def at_rest(control: Control) -> Tensor:
    """Where nothing was done and nothing moved: (b, t) bool."""
    return (control.action == 0) & unmoved(control)


def pose_features(control: Control, span: float) -> Tensor:
    """(b, t, 22): place within a cell, heading harmonics, the last motion, whereabouts (they repeat after `span` cells)."""
    pose, motion = control.pose, control.motion
    turns = torch.cat([2 * math.pi * pose[..., :2], *(k * pose[..., 3:4] for k in (1, 2, 4)), pose[..., 4:5]], dim=-1)
    places = 2 * math.pi / span * pose[..., :2]
    waves = torch.cat([turns, places], dim=-1)
    return torch.cat([waves.sin(), waves.cos(), 4 * motion[..., :3], 3 * motion[..., 3:], pose[..., 2:3] / 10], dim=-1)


class Condition(nn.Module):
    """Noise level, action, pose -> (b, t, d_condition) that modulates every layer."""

    waves: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d = config.d_condition
        self.register_buffer("waves", 2.0 ** torch.arange(N_WAVES) * math.pi / 4, persistent=False)
        self.span = config.span_cells
        self.noise = nn.Linear(2 * N_WAVES, d)
        self.action = nn.Embedding(config.n_actions, d)
        self.pose = nn.Linear(8 * 2 + 5 + 1, d)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(d, d), nn.SiLU())

    def forward(self, noise_level: Tensor, control: Control) -> Tensor:
        angles = noise_level[..., None].float() * self.waves
        noise = self.noise(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return self.out(noise + self.action(control.action) + self.pose(pose_features(control, self.span)))
