"""What a window goes through before it is absorbed, so that the model learns to live with it: stops, its own dreams, blur."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.conditioning import Control
from models.graph import Graphs
from models.state import StreamState, map_state, rebuilt, tensors
from models.training.draws import Draws
from models.world_model import WorldModel

STRONGEST_BLUR = 8
"""Means over 3 x 3 pixels, one after another: a Gaussian of 2.3 pixels, a dream of some hundred frames."""


def with_stops(clean: Tensor, control: Control, n_frames: int, share: float, draws: Draws) -> tuple[Tensor, Control]:
    """A window (b, t, ...) in some rows of which the player stops for the last `n_frames` frames, and so does the picture."""
    b, t = clean.shape[:2]
    start = t - n_frames
    if not share or not 0 < start < t:
        return clean, control
    held = (draws.rand(b) < share).to(clean.device)
    now = torch.arange(t, device=clean.device)
    stopped = held[:, None] & (now >= start)
    frame = torch.where(stopped, start - 1, now)
    row = torch.arange(b, device=clean.device)[:, None]
    action, motion = control.action.masked_fill(stopped, 0), control.motion.masked_fill(stopped[..., None], 0.0)
    return clean[row, frame], Control(action, control.pose[row, frame], motion)


class Dreamer:
    """Dreams as in play, one step from noise each: a frame and the state after it in one call, on a GPU a CUDA graph."""

    def __init__(self, model: WorldModel) -> None:
        self.model, self._like = model, model.init_state(1)
        self._graphs = Graphs(self._frame)

    def __call__(self, control: Control, state: StreamState) -> tuple[Tensor, StreamState]:
        """The frame (b, 1, 3, H, W) to which one frame of control (b, 1, ...) leads, and the state after it."""
        frame, *after = self._graphs(*control, *tensors(state))
        return frame, rebuilt(state, after)

    def _frame(self, action: Tensor, pose: Tensor, motion: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        control, before = Control(action, pose, motion), rebuilt(self._like, state)
        blank = pose.new_zeros(pose.shape[:2])
        nothing = pose.new_zeros(*pose.shape[:2], 3, *self.model.config.image)
        kind, low = pose.device.type, torch.is_autocast_enabled(pose.device.type)
        with torch.autocast(kind, torch.bfloat16, enabled=low, cache_enabled=not pose.is_cuda):  # a graph must cast anew
            frame = self.model(nothing, blank + 1, control, before, absorb=False)[0].float().clamp(-1, 1)
            _, after = self.model(frame, blank, control, before, predict=False)
        return frame, *(new.to(old.dtype) for new, old in zip(tensors(after), state, strict=True))


@torch.no_grad()
def with_own_frames(
    dreamer: Dreamer, clean: Tensor, control: Control, state: StreamState, n_frames: int, share: float, draws: Draws
) -> Tensor:
    """`clean` (b, t, 3, H, W), in some rows ending in `n_frames` frames dreamt as in play: one step from noise each."""
    t = clean.shape[1]
    start = max(0, t - n_frames)
    rows = draws.some(share).to(clean.device)
    if start == t or not len(rows):
        return clean

    def told(first: int, last: int) -> Control:
        return Control(*(part[rows, first:last] for part in control))

    state = map_state(lambda part: part[rows], state)
    if start:
        _, state = dreamer.model(clean[rows, :start], clean.new_zeros(len(rows), start), told(0, start), state, predict=False)
    mixed = clean.clone()
    for i in range(start, t):
        frame, state = dreamer(told(i, i + 1), state)
        mixed[rows, i] = frame[:, 0]
    return mixed


def softer(pictures: Tensor) -> Tensor:
    """`pictures` (n, c, h, w), every pixel the mean of the 3 x 3 around it."""
    return F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def with_blur(context: Tensor, share: float, draws: Draws) -> Tensor:
    """`context` (b, t, 3, H, W), in some rows blurred from some frame on, a row's frames alike."""
    if not share:
        return context
    b, t = context.shape[:2]
    start, strength = draws.randint(0, t, b), draws.randint(1, STRONGEST_BLUR + 1, b)
    mixed = context.clone()
    for row in draws.some(share).tolist():
        later = mixed[row, start[row] :]
        for _ in range(int(strength[row])):
            later = softer(later)
        mixed[row, start[row] :] = later
    return mixed
