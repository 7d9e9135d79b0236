"""What is minimised: diffusion forcing, in two streams or in one.

Two streams: a clean (slightly corrupted) stream writes the state once; noisy targets, each with its own noise level, are
predicted side by side from the states before them. One stream: every frame of the sequence has its own noise level, and with
probability one half a clean prefix of random length. Both predict the clean frame (x-prediction).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.conditioning import Control
from models.diffusion import add_noise
from models.pixels import CHANGED
from models.reprojection import elevation, unexplained
from models.state import StreamState, blindfolded, detach
from models.training.context import Dreamer, with_blur, with_own_frames, with_stops
from models.training.draws import Draws
from models.world_model import WorldModel

FAR_DEGREES = 5.0
"""From the horizon: a wall of Memory Maze five cells away reaches so far up and down."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Shares and sizes of the training signal."""

    streams: int = 2
    """2 for the two-stream objective, 1 for plain diffusion forcing."""
    pure_share: float = 0.7
    """Share of targets that are noise alone: all a live frame ever starts from."""
    target_share: float = 1.0
    """Share of a window's frames predicted (two streams)."""
    context_noise: float = 0.1
    """Context frames are corrupted up to this level, and say so: the model learns to live with its own mistakes."""
    own_frames: int = 0
    """Frames at a window's end that are the model's own dream when they are absorbed (two streams): what is learned then is to
    come back to the truth from one's own mistakes. 0 trains on true context only."""
    own_share: float = 0.5
    """Share of rows to which this happens."""
    hold_share: float = 0.0
    """Share of rows in which the player stands still for those frames: a world that dissolves when one waits is not there."""
    blur_share: float = 0.0
    """Share of rows whose later frames are blurred when they are absorbed, as dreams are after a while: what is learned is to
    draw sharply what memory holds sharp, whatever the frame before looks like (two streams). It costs less than such dreams."""
    novelty: float = 0.0
    """Further weight of pixels that the frame before, moved along, does not show (two streams): there memory is learned."""
    deeds: float = 0.0
    """Still further weight of these pixels in frames in which what hangs below the view changes (two streams): there a block
    goes or comes, in one frame of fifty, and whoever never dares to show it errs little."""
    horizon: float = 0.0
    """Further weight of pixels within some `FAR_DEGREES` of the horizon (two streams): what is far is as much to remember as
    what is near, and a hundredth of its pixels."""
    recall_share: float = 0.0
    """Share of targets that are not what comes next but a frame of this window gone by, to be drawn from the long memory
    alone: the frame before and attention's window are taken away. Every pixel is then to be remembered, where it is a tenth of
    them in what comes next (two streams). Not for worlds that are changed."""
    changes_first: bool = False
    """Whether the frames in which what hangs below the view changes are the first to be predicted (two streams): something was
    made, taken or put there, and that is seldom."""
    tolerance: float = 0.0
    """Error, of colours in -1..1, beyond which a pixel counts by its error and not by the square: what cannot be foreseen
    then pulls less towards the mean of everything. 0: squares always."""
    pose_jitter: float = 0.0
    """Standard deviation of the pose error added to each frame: cells, and tenths of a radian."""


class Loss(NamedTuple):
    """loss: scalar to minimise, a mean over `n` targets. pure: mean squared error on the `n_pure` that were noise alone, for the
    log."""

    loss: Tensor
    pure: Tensor
    state: StreamState
    n: int
    n_pure: Tensor


def diffusion_forcing(
    model: WorldModel, clean: Tensor, control: Control, state: StreamState, objective: Objective, draws: Draws,
    dreamer: Dreamer | None = None,
) -> Loss:  # fmt: skip
    """Loss of one window clean (b, t, 3, H, W), and the state after it, detached; all that is random comes from `draws`.

    dreamer: of this model, kept from call to call by who makes many.
    """
    if objective.pose_jitter:
        control = control._replace(pose=_jitter(control.pose, objective.pose_jitter, draws))
    if objective.streams == 2:
        return _two_streams(dreamer or Dreamer(model), clean, control, state, objective, draws)
    return _one_stream(model, clean, control, state, objective, draws)


def _noise(like: Tensor, draws: Draws) -> Tensor:
    return draws.randn(*like.shape).to(like)


def _noise_level(shape: tuple[int, ...], pure_share: float, draws: Draws) -> Tensor:
    """`pure_share` of the levels 1, the others uniform on 0..1."""
    level, pure = draws.rand(*shape), draws.rand(*shape) < pure_share
    return torch.where(pure, 1.0, level)


def _jitter(pose: Tensor, size: float, draws: Draws) -> Tensor:
    scale = pose.new_tensor([1.0, 1.0, 0.0, 0.1, 0.0]) * size
    return pose + scale * _noise(pose, draws)


def _two_streams(
    dreamer: Dreamer, clean: Tensor, control: Control, state: StreamState, objective: Objective, draws: Draws
) -> Loss:
    model, (b, t) = dreamer.model, clean.shape[:2]
    n_own = objective.own_frames
    clean, control = with_stops(clean, control, n_own, objective.hold_share, draws)
    context = with_own_frames(dreamer, clean, control, state, n_own, objective.own_share, draws)
    context = with_blur(context, objective.blur_share, draws)
    level = (objective.context_noise * draws.rand(b, t)).to(clean)
    _, trail = model.trace(add_noise(context, _noise(clean, draws), level), level, control, state, predict=False)
    chosen = _to_predict(model, clean, objective, draws)
    m = chosen.shape[1]
    row = torch.arange(b, device=clean.device)[:, None]
    before, shown = model.states_before(trail, chosen), chosen
    recalled = (draws.rand(b, m) < objective.recall_share).to(clean.device) & (chosen > 0)
    if objective.recall_share:
        shown = torch.where(recalled, (draws.rand(b, m).to(clean.device) * chosen).long(), chosen)
        before = blindfolded(before, recalled.flatten())
    blind = recalled.flatten()
    action, pose, motion = (part[row, shown].flatten(0, 1)[:, None] for part in control)
    told = Control(action.masked_fill(blind[:, None], 0), pose, motion.masked_fill(blind[:, None, None], 0.0))
    target = clean[row, shown].flatten(0, 1)[:, None]
    level = _noise_level((b * m, 1), objective.pure_share, draws).to(clean)
    noisy = add_noise(target, _noise(target, draws), level)
    predicted, _ = model(noisy, level, told, before, absorb=False)
    weight = torch.ones_like(target[:, 0, 0])
    if (objective.novelty or objective.deeds) and model.config.nearness:
        new = unexplained(model.config, model.pixel_rays, before.last, told.pose[:, 0], target[:, 0])
        done = _changes_below(model, clean)[row, shown].flatten()[:, None, None]
        weight += (objective.novelty + objective.deeds * done) * new
    weight[blind] = 1  # to the blindfolded all is new: they would drown the others
    if objective.horizon:
        above = elevation(model.config, model.pixel_rays, told.pose[:, 0]) / math.radians(FAR_DEGREES)
        weight *= 1 + objective.horizon * (-above.square()).exp()
    weight = weight[:, None, None]
    return _score(predicted, target, level, detach(model.state_at(trail, t)), weight, objective.tolerance)


def _to_predict(model: WorldModel, clean: Tensor, objective: Objective, draws: Draws) -> Tensor:
    """Which frames of a window are predicted, in order (b, m): those with a changed bar first, if that is asked for."""
    b, t = clean.shape[:2]
    order = draws.rand(b, t)
    if objective.changes_first:
        order = order - _changes_below(model, clean).cpu()
    m = max(1, round(objective.target_share * t))
    return order.argsort(dim=1)[:, :m].sort(dim=1).values.to(clean.device)


def _changes_below(model: WorldModel, clean: Tensor) -> Tensor:
    """1 (b, t) where something below the view is unlike what was there in the frame before; of a window's first none is known."""
    below = clean[..., model.config.bar_rows[0] :, :].flatten(2)
    changed = ((below[:, 1:] - below[:, :-1]).abs() > CHANGED).any(dim=2)
    return F.pad(changed.to(clean), (1, 0))


def _one_stream(
    model: WorldModel, clean: Tensor, control: Control, state: StreamState, objective: Objective, draws: Draws
) -> Loss:
    b, t = clean.shape[:2]
    level = _noise_level((b, t), objective.pure_share, draws)
    prefix = draws.randint(t // 2, t, b, 1) * (draws.rand(b, 1) < 0.5)
    held = torch.arange(t)[None] < prefix
    level = torch.where(held, objective.context_noise * draws.rand(b, t), level).to(clean)
    predicted, after = model(add_noise(clean, _noise(clean, draws), level), level, control, state)
    targets = ~held.to(clean.device)
    return _score(predicted[targets][:, None], clean[targets][:, None], level[targets][:, None], detach(after))


def _score(
    predicted: Tensor, target: Tensor, level: Tensor, state: StreamState, weight: Tensor | None = None, tolerance: float = 0.0
) -> Loss:
    """weight: of each pixel, (m, 1, 1, H, W); only their proportions count."""
    square = (predicted.float() - target).square()
    error = square.mean(dim=(1, 2, 3, 4))
    cost = square if not tolerance else 2 * tolerance * ((square + tolerance**2).sqrt() - tolerance)
    weighted = (cost if weight is None else cost * (weight / weight.mean())).mean(dim=(1, 2, 3, 4))
    taught = 0.5 + 0.5 * level[:, 0]  # nearly clean targets are easy and teach little
    pure = level[:, 0] == 1
    return Loss((taught * weighted).mean(), error[pure].mean().detach(), state, len(error), pure.sum())
