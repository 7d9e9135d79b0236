"""Teaching the memory and the drawer of balls by single frames of episodes that tell where balls stand."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from envs.episode import Episode, EpisodeError
from envs.maze_geometry import Sight, column_angles, look, row_at
from models.balls import LEAST, MOST, N_OTHER, Balls
from models.pixels import from_bytes, to_bytes, to_float
from models.training.steps import load, noisy, smeared, softened, teach

N_BATCH = 48
PLAIN = 4
"""One frame in so many is kept that shows no ball."""
GONE = 0.6
"""Share of the frames from which balls are taken away before they are to be drawn: there memory alone can help."""
SMEARED = 0.4
"""Share of the pictures of which a part to one side is a smear in any colour: no ball is to be seen in a dream's smears."""
SOFTEST = 5
"""Means over 3 x 3 pixels that pictures go through at most: in play they are dreamt."""
ASTRAY = 0.06
"""Cells by which one errs in where a ball stands."""


class Steps(NamedTuple):
    """Frames, where they were seen from, and what they show."""

    seen: Tensor  # uint8 (m, 3, h, W), as `Balls.seen`
    pose: Tensor  # (m, 5)
    what: Tensor  # uint8 (m, h, W): 0 anything else, 1 floor, then the kinds of balls
    balls: Tensor  # (m, kinds, 2), NaN where there is none of a kind


def steps_of(balls: Balls, episode: Episode) -> Steps:
    """The frames of an episode that show balls, and some that do not. EpisodeError where it does not tell where balls stand."""
    if episode.pose is None or not {"maze_layout", "targets_pos"} <= episode.extras.keys():
        raise EpisodeError("no poses, maze_layout and targets_pos; where balls are is learned from them")
    layout, targets, n = episode.extras["maze_layout"][0], episode.extras["targets_pos"][0], balls.config.balls.n_kinds
    if len(targets) > n:
        raise EpisodeError(f"{len(targets)} balls; this model knows {n} kinds")
    height, width = balls.config.image
    what = shown(look(layout, episode.pose, targets, width), height)[:, balls.top :]
    kept = (what >= N_OTHER).any(axis=(1, 2)) | (np.arange(len(what)) % PLAIN == 0)
    places = np.full((n, 2), np.nan, np.float32)
    places[: len(targets)] = targets
    m = int(kept.sum())
    seen = to_bytes(balls.seen(to_float(episode.image[kept])))
    pose = torch.from_numpy(episode.pose[kept]).float()
    return Steps(seen, pose, torch.from_numpy(what[kept]), torch.from_numpy(places).expand(m, -1, -1))


def shown(sight: Sight, height: int) -> np.ndarray:
    """What every pixel of `height` rows shows, uint8 (t, height, w), as `Steps.what`."""
    rows = ((np.arange(height) + 0.5) / height)[:, None]
    foot = row_at(sight.distance, 0.0, column_angles(sight.distance.shape[1]))[:, None]
    what = (rows > foot).astype(np.uint8)
    top, bottom = (sight.ball_rows[:, None, :, i] for i in range(2))
    ball = (sight.ball[:, None] >= 0) & (rows >= top) & (rows < bottom)
    return np.where(ball, N_OTHER + sight.ball[:, None], what).astype(np.uint8)


def train_balls(balls: Balls, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3, bf16: bool = True) -> None:
    """Teach `balls` on the episodes of `data`, as `steps.teach`."""
    torch.manual_seed(seed)
    steps = load(balls.config, data, seed, "balls", partial(steps_of, balls), balls.colours.device)

    def loss() -> Tensor:
        pick = torch.randint(len(steps.pose), (N_BATCH,), device=steps.pose.device)
        return _loss(balls, Steps(*(part[pick] for part in steps)))

    teach(balls, loss, n_steps, lr, "balls", bf16=bf16)


def _loss(balls: Balls, steps: Steps) -> Tensor:
    """What pixels show and where the middles of balls are; which pixels show those that are believed in, and in what colour."""
    due, what = from_bytes(steps.seen), steps.what.long()
    seen, smear = smeared(due, SMEARED)
    half = _halved(what.masked_fill(smear[:, None], 0))
    found = balls.find(noisy(softened(seen, SOFTEST)), steps.pose)
    told = F.cross_entropy(found.what, half)
    kind = (half - N_OTHER).clamp(min=0)
    true = steps.balls.nan_to_num()[torch.arange(len(kind), device=kind.device)[:, None, None], kind]  # (n, h, w, 2)
    away = (true - steps.pose[:, None, None, :2]).norm(dim=-1).clamp(min=0.5)
    ball = half >= N_OTHER
    missed = ((found.middle.movedim(1, -1) - true).norm(dim=-1) / away)[ball].sum() / ball.sum().clamp(min=1)

    believed = _believed(steps.balls)
    with torch.autocast(due.device.type, enabled=False), torch.no_grad():
        expected = balls.due(believed, steps.pose)
    before = torch.where(torch.rand(len(due), 1, 1, 1, device=due.device) < GONE, without(due, what >= N_OTHER), due)
    before, smear = smeared(before, SMEARED)
    shows, colour = balls.draw(noisy(softened(before, SOFTEST)), expected)
    asked, shown_kind = torch.isfinite(shows) & ~smear[:, None], expected[:, 5:].argmax(dim=1) + N_OTHER
    there = (what >= N_OTHER) & ((what == shown_kind) | (expected[:, 0] == 0))
    decided = F.binary_cross_entropy_with_logits(shows[asked], there[asked].float(), reduction="sum") / asked.sum().clamp(min=1)
    drawn = asked & there
    off = ((colour - due).abs().mean(dim=1) * drawn).sum() / drawn.sum().clamp(min=1)
    return 3 * told + missed + decided + 2 * off


def _halved(what: Tensor) -> Tensor:
    """`what` (n, h, w) at half the size: a ball where most of four pixels show it."""
    four = what.unflatten(1, (-1, 2)).unflatten(3, (-1, 2)).movedim(3, 2).flatten(3)
    return four.mode(dim=3).values


def _believed(balls: Tensor) -> Tensor:
    """Beliefs (n, kinds, 3) in `balls` (n, kinds, 2), a little astray and some of them not believed in."""
    missing = balls.isnan().any(dim=-1, keepdim=True) | (torch.rand_like(balls[..., :1]) < 0.1)
    place = balls.nan_to_num() + ASTRAY * torch.randn_like(balls)
    return torch.cat([place, torch.where(missing, 0, MOST * torch.rand_like(balls[..., :1]) + LEAST)], dim=-1)


def without(pictures: Tensor, ball: Tensor) -> Tensor:
    """`pictures` (n, 3, h, w) in which what `ball` (n, h, w) marks, and a pixel around it, shows the row left and right of it."""
    ball = F.max_pool2d(ball.float(), 3, 1, 1) > 0
    w = ball.shape[-1]
    column = torch.arange(w, device=ball.device)
    left = torch.where(ball, -1, column).cummax(dim=-1).values
    right = torch.where(ball, w, column).flip(-1).cummin(dim=-1).values.flip(-1)
    share = ((column - left) / (right - left).clamp(min=1)).clamp(0, 1)
    share = torch.where(left < 0, 1.0, torch.where(right >= w, 0.0, share))[:, None]
    a, b = (pictures.gather(-1, at.clamp(0, w - 1)[:, None].expand_as(pictures)) for at in (left, right))
    return torch.where(ball[:, None], a + share * (b - a), pictures)
