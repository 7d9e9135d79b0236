"""Teaching the drawer of the bar by single steps of episodes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from envs.episode import Episode
from models.bar import Bar, cells, seen_by
from models.config import ModelConfig
from models.pixels import CHANGED, from_bytes, to_bytes, to_float
from models.training.steps import chances, load, noisy, softened, teach

N_BATCH = 256
SURE = 0.6
"""Share of steps in which the new picture is what it should be; in the others it is mixed with the one before."""
REWRITTEN = 6.0
"""How many times as much a pixel of a cell that changes counts where it is another then: a digit is a handful of them."""
SOFTEST = 3
"""Means over 3 x 3 pixels, one after another, that pictures of the view go through: in play both are dreamt."""


class Steps(NamedTuple):
    """Frames of episodes, one after another, as bytes; `first` where there is no frame before."""

    middle: Tensor  # (m, 3, side, side)
    coarse: Tensor  # (m, 3, h, w)
    cells: Tensor  # (m, n_cells, pixels)
    action: Tensor  # (m,)
    first: Tensor  # (m,)


def steps_of(config: ModelConfig, episode: Episode) -> Steps:
    """What the drawer sees of every frame of an episode."""
    frames = to_float(episode.image)
    middle, coarse = seen_by(config, frames)
    below = cells(config.bar, frames[..., config.bar_rows[0] :, :])
    first = torch.zeros(len(frames), dtype=torch.bool)
    first[0] = True
    return Steps(to_bytes(middle), to_bytes(coarse), to_bytes(below), torch.as_tensor(episode.action, dtype=torch.long), first)


def load_steps(config: ModelConfig, data: Path, seed: int, device: torch.device | str = "cpu") -> Steps:
    """The frames of the episodes of a folder."""
    return load(config, data, seed, "bar", partial(steps_of, config), device)


def train_bar(bar: Bar, data: Path, n_steps: int, seed: int = 0, lr: float = 1e-3, bf16: bool = True) -> None:
    """Teach `bar` on the episodes of `data`, as `steps.teach`."""
    torch.manual_seed(seed)
    steps = load_steps(bar.config, data, seed, bar.place.device)
    now = torch.nonzero(~steps.first)[:, 0]
    changed = [
        changed_cells(from_bytes(steps.cells[some - 1]), from_bytes(steps.cells[some])).any(dim=1) for some in now.split(4096)
    ]
    likely = chances(steps.action[now], torch.cat(changed), bar.config.n_actions)

    def loss() -> Tensor:
        pick = likely.draw(N_BATCH)
        return _loss(bar, steps, now[pick], likely.counts[pick])

    teach(bar, loss, n_steps, lr, "bar", bf16=bf16)


def _loss(bar: Bar, steps: Steps, pick: Tensor, counts: Tensor) -> Tensor:
    """Of the steps that end in frames `pick`: which cells change (each step `counts` so much), and what those show then."""
    was, due = from_bytes(steps.cells[pick - 1]), from_bytes(steps.cells[pick])
    changed = changed_cells(was, due)
    middle, coarse = (_as_dreamt(from_bytes(part[pick - 1]), from_bytes(part[pick])) for part in (steps.middle, steps.coarse))
    likely, drawn = bar.judge(middle, coarse, noisy(was), steps.action[pick])
    judged = F.binary_cross_entropy_with_logits(likely.float(), changed.float(), reduction="none").mean(dim=1)
    weight = 1 + (REWRITTEN - 1) * ((due - was).abs() > CHANGED)
    off = (weight * (drawn.float() - due).abs()).sum(dim=-1) / weight.sum(dim=-1)
    return (counts * judged).mean() + (off * changed).sum() / changed.sum().clamp(min=1)


def changed_cells(was: Tensor, due: Tensor) -> Tensor:
    """bool (n, n_cells): cells (n, n_cells, pixels) in which any pixel is plainly another."""
    return (due - was).abs().amax(dim=-1) > CHANGED


def _as_dreamt(past: Tensor, now: Tensor) -> Tensor:
    """Two pictures of the view (n, 3, h, w), channels beside each other, as a dream would have them: now soft, now noisy, and
    the new one undecided between what was and what is."""
    n = len(past)
    decided = torch.where(torch.rand(n, 1, 1, 1, device=now.device) < SURE, 1.0, torch.rand(n, 1, 1, 1, device=now.device))
    return noisy(softened(torch.cat([past, now * decided + past * (1 - decided)], dim=1), SOFTEST))
