"""One frame of play as calls of the network alone, so that two networks or two ways to feed one can be compared."""

from __future__ import annotations

import torch
from torch import Tensor

from models.conditioning import Control
from models.outlook import Outlook
from models.sampler import frame_noise, sample
from models.state import StreamState
from models.world_model import WorldModel

TURN = 0.1
"""Radians the player turns in each frame."""


def turning(model: WorldModel, t: int, n_frames: int = 1) -> Control:
    """What drives frames t .. t + n_frames - 1 of a player who turns on the spot: (1, n_frames, ...)."""
    device = model.head.weight.device
    grid = model.config.grid
    pose = torch.zeros(1, n_frames, 5, device=device)
    pose[..., 0], pose[..., 1] = grid.n_x * grid.cells_per_slot / 2, grid.n_y * grid.cells_per_slot / 2
    pose[..., 3] = TURN * torch.arange(t, t + n_frames, device=device)
    motion = torch.zeros_like(pose)
    motion[..., 3] = TURN
    return Control(torch.zeros(1, n_frames, dtype=torch.int64, device=device), pose, motion)


def denoise(model: WorldModel, state: StreamState, t: int, n_steps: int, outlook: Outlook | None = None) -> Tensor:
    """The network's picture of frame t (1, 1, 3, H, W), from noise alone; reads the state. outlook: the frame's, if known."""
    control = turning(model, t)
    noise = frame_noise(0, t, (1, 1, 3, *model.config.image)).to(control.pose.device)

    def clean(x: Tensor, level: float) -> Tensor:
        return model(x, x.new_full((1, 1), level), control, state, absorb=False, outlook=outlook)[0]

    return sample(clean, noise, n_steps).clamp(-1, 1)


def absorb(model: WorldModel, state: StreamState, frames: Tensor, t: int, outlook: Outlook | None = None) -> StreamState:
    """The state after the clean frames (1, n, 3, H, W), the first of which is frame t. outlook: a single frame's, if known."""
    control = turning(model, t, frames.shape[1])
    return model(frames, frames.new_zeros(frames.shape[:2]), control, state, predict=False, outlook=outlook)[1]


class Stream:
    """A dream on the network alone: every `step` denoises one frame and absorbs it."""

    def __init__(self, model: WorldModel, n_steps: int = 1) -> None:
        self.model, self.n_steps, self.state, self.t = model, n_steps, model.init_state(1), 0

    def step(self) -> Tensor:
        """The next frame (1, 1, 3, H, W)."""
        outlook = self.model.outlook(turning(self.model, self.t), self.state)
        frame = denoise(self.model, self.state, self.t, self.n_steps, outlook)
        self.state = absorb(self.model, self.state, frame, self.t, outlook)
        self.t += 1
        return frame
