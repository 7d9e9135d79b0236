"""Teaching the drawer of the bar: single steps of episodes, most of all those in which something changes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import EpisodeError
from models.bar import Bar, cells, seen_by
from models.clips import check_fits
from models.config import ModelConfig
from models.pixels import to_float
from models.training.data import find_episodes
from models.training.optim import EMA

N_BATCH = 256
N_EPISODES = 2000
"""Episodes held in memory, some five kilobytes a frame."""
CHANGED = 0.1
"""Difference, of colours in -1..1, of any pixel of a cell from what it was, from which the cell counts as changed."""
NOISE = 0.08
SURE = 0.6
"""Share of steps in which the new picture is what it should be; in the others it is mixed with the one before."""
SOFTEST = 3
"""Means over 3 x 3 pixels, one after another, that pictures of the view go through: in play both are dreamt."""


class Steps(NamedTuple):
    """Frames of episodes, one after another, as bytes; `first` where there is no frame before."""

    middle: Tensor  # (m, 3, side, side)
    coarse: Tensor  # (m, 3, h, w)
    cells: Tensor  # (m, n_cells, pixels)
    action: Tensor  # (m,)
    first: Tensor  # (m,)


def load_steps(config: ModelConfig, data: Path, seed: int) -> Steps:
    """The frames of up to N_EPISODES episodes of a folder; unreadable files are left out, and said."""
    paths = find_episodes(data)
    order = np.random.default_rng(seed).permutation(len(paths))[:N_EPISODES]
    parts = []
    for i in tqdm(order, unit="ep", desc="reading bars", mininterval=2):
        try:
            episode = check_fits(episodes.load(paths[i]), config, str(paths[i]))
        except EpisodeError as error:
            print(f"left out: {error}")
            continue
        parts.append(_steps_of(config, episode))
    if not parts:
        raise EpisodeError(f"{data}: no usable episode; the bar cannot be learned")
    columns = [list(values) for values in zip(*parts, strict=True)]
    parts.clear()
    return Steps(*(torch.cat(columns.pop(0)) for _ in Steps._fields))  # one after another: together they would need twice as much


def _steps_of(config: ModelConfig, episode: episodes.Episode) -> Steps:
    frames = to_float(episode.image)
    middle, coarse = seen_by(config, frames)
    below = cells(config.bar, frames[..., config.bar_rows[0] :, :])
    first = torch.zeros(len(frames), dtype=torch.bool)
    first[0] = True
    return Steps(_bytes(middle), _bytes(coarse), _bytes(below), torch.as_tensor(episode.action, dtype=torch.long), first)


def _bytes(part: Tensor) -> Tensor:
    return ((part + 1) * 127.5).round().to(torch.uint8)


def _float(part: Tensor) -> Tensor:
    return part.float() / 127.5 - 1


def train_bar(bar: Bar, data: Path, n_steps: int, seed: int = 0, lr: float = 1e-3, bf16: bool = True) -> None:
    """Teach `bar` for `n_steps` of AdamW on the episodes of `data`; it is left with averaged weights, in evaluation mode."""
    torch.manual_seed(seed)
    steps = load_steps(bar.config, data, seed)
    now, below, counts = _shares(steps, bar.config.n_actions)
    bar.train()
    optimizer = torch.optim.AdamW(bar.parameters(), lr=lr, weight_decay=0.01)
    average = EMA(bar)
    with tqdm(range(n_steps), desc="bar", mininterval=2) as progress:
        for step in progress:
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1, (step + 1) / 100) * (1 - step / n_steps)
            pick = torch.searchsorted(below, torch.rand(N_BATCH, dtype=torch.double)).clamp(max=len(now) - 1)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = _loss(bar, steps, now[pick], counts[pick])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(bar.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update(bar, step)
            if step % 100 == 0:
                progress.set_postfix(loss=f"{loss.item():.4f}")
    average.copy_to(bar)
    bar.eval()


def _shares(steps: Steps, n_actions: int) -> tuple[Tensor, Tensor, Tensor]:
    """The steps there are (the frames they end in), how likely each or one before it is drawn, and how much its judgement counts.

    A key is meant to be drawn as often as the root of how often it is pressed. Half of what is drawn are steps in which something
    changes: what is then to be drawn is learned from these alone. They count less in return, so that how likely a change is given
    what was pressed and seen is learned as it is.
    """
    now = torch.nonzero(~steps.first)[:, 0]
    action = steps.action[now]
    meant = torch.bincount(action, minlength=n_actions).clamp(min=1)[action].double().rsqrt()
    meant /= meant.sum()
    changed = torch.cat([
        changed_cells(_float(steps.cells[part - 1]), _float(steps.cells[part])).any(dim=1) for part in now.split(4096)
    ]).double()  # fmt: skip
    drawn = (meant + changed / changed.sum()) / 2 if changed.any() else meant
    return now, drawn.cumsum(0), (meant / drawn).float()


def _loss(bar: Bar, steps: Steps, pick: Tensor, counts: Tensor) -> Tensor:
    """Of the steps that end in frames `pick`: which cells change (each step `counts` so much), and what those show then."""
    was, due = _float(steps.cells[pick - 1]), _float(steps.cells[pick])
    changed = changed_cells(was, due)
    seen = was + NOISE * torch.rand(len(pick), 1, 1) * torch.randn_like(was)
    middle, coarse = (_as_dreamt(_float(part[pick - 1]), _float(part[pick])) for part in (steps.middle, steps.coarse))
    likely, drawn = bar.judge(middle, coarse, seen, steps.action[pick])
    judged = F.binary_cross_entropy_with_logits(likely.float(), changed.float(), reduction="none").mean(dim=1)
    off = (drawn.float() - due).abs().mean(dim=-1)
    return (counts * judged).mean() + (off * changed).sum() / changed.sum().clamp(min=1)


def changed_cells(was: Tensor, due: Tensor) -> Tensor:
    """bool (n, n_cells): cells (n, n_cells, pixels) in which any pixel is plainly another."""
    return (due - was).abs().amax(dim=-1) > CHANGED


def _as_dreamt(past: Tensor, now: Tensor) -> Tensor:
    """Two pictures of the view (n, 3, h, w), channels beside each other, as a dream would have them: now soft, now noisy, and
    the new one undecided between what was and what is."""
    n = len(past)
    decided = torch.where(torch.rand(n, 1, 1, 1) < SURE, 1.0, torch.rand(n, 1, 1, 1))
    both = torch.cat([past, now * decided + past * (1 - decided)], dim=1)
    softness = torch.randint(0, SOFTEST + 1, (n, 1, 1, 1))
    for strength in range(1, SOFTEST + 1):
        soft = F.avg_pool2d(F.pad(both, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        both = torch.where(softness >= strength, soft, both)
    return both + NOISE * torch.rand(n, 1, 1, 1) * torch.randn_like(both)
