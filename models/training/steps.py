"""Teaching small parts by single steps of episodes: what they have in common. Half of the steps are those in which something
happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import EpisodeError
from models.clips import check_fits
from models.config import ModelConfig
from models.training.context import softer
from models.training.data import find_episodes
from models.training.optim import EMA

N_EPISODES = 2000
"""Episodes held in memory, some five kilobytes a frame."""
TOGETHER = 64
"""Episodes put together while others are read: small tensors kept one by one leave holes that nothing large fits into, and a
process ten times as large as what it keeps."""
NOISE = 0.08
"""Most noise on what the parts see: in play it is dreamt."""

Parts = TypeVar("Parts", bound=tuple[Tensor, ...])


def load(
    config: ModelConfig, data: Path, seed: int, name: str, take: Callable[..., Parts], device: torch.device | str = "cpu",
    *, n_episodes: int = N_EPISODES, seed_of: Callable[[str], int] | None = None,
) -> Parts:  # fmt: skip
    """What `take` keeps of up to `n_episodes` episodes of a folder, one after another, on `device`; files that cannot be read, or
    of which it can keep nothing (EpisodeError), are left out, and said.

    name: what cannot be learned where there is none, for the EpisodeError that is then raised. seed_of: what tells the seed of an
    episode's world from its path, where `take` asks for that too.
    """
    paths = find_episodes(data)
    order = np.random.default_rng(seed).permutation(len(paths))[:n_episodes]

    def read(path: Path) -> Parts | EpisodeError:
        try:
            seeds = () if seed_of is None else (seed_of(str(path)),)
            return take(check_fits(episodes.load(path), config, str(path)), *seeds)
        except EpisodeError as error:
            return error if str(path) in str(error) else EpisodeError(f"{path}: {error}")

    whole: list[Any] = []
    some: list[Any] = []
    with ThreadPoolExecutor(os.cpu_count()) as readers:
        parts = readers.map(read, [paths[i] for i in order])
        for part in tqdm(parts, total=len(order), unit="ep", desc=f"reading for the {name}", mininterval=2):
            if isinstance(part, EpisodeError):
                print(f"left out: {part}")
                continue
            some.append(part)
            if len(some) == TOGETHER:
                whole.append(_joined(some))
                some.clear()
    whole += [_joined(some)] if some else []
    if not whole:
        raise EpisodeError(f"{data}: no usable episode; the {name} cannot be learned")
    kind, columns = type(whole[0]), [list(values) for values in zip(*whole, strict=True)]
    whole.clear()
    return kind(*(torch.cat(columns.pop(0)).to(device) for _ in kind._fields))  # together they would need twice as much


def _joined(parts: list[Any]) -> Any:
    return type(parts[0])(*(torch.cat(column) for column in zip(*parts, strict=True)))


class Chances(NamedTuple):
    """How steps are drawn: with which chance each or one before it, and how much the judgement of each then counts."""

    below: Tensor  # (m,) rising to 1
    counts: Tensor  # (m,)

    def draw(self, n: int) -> Tensor:
        """Numbers (n,) of steps."""
        at = torch.rand(n, dtype=torch.double, device=self.below.device)
        return torch.searchsorted(self.below, at).clamp(max=len(self.below) - 1)


def chances(action: Tensor, happens: Tensor, n_actions: int) -> Chances:
    """A key is meant to be drawn as often as the root of how often it is pressed. Half of what is drawn are steps in which
    something `happens` (m,), the more often the more that is: what it looks like is learned from these alone. They count less in
    return, so that how likely it is, given what was pressed and seen, is learned as it is."""
    meant = torch.bincount(action, minlength=n_actions).clamp(min=1)[action].double().rsqrt()
    meant /= meant.sum()
    happens = happens.double()
    drawn = (meant + happens / happens.sum()) / 2 if happens.any() else meant
    return Chances(drawn.cumsum(0), (meant / drawn).float())


def teach(part: nn.Module, loss: Callable[[], Tensor], n_steps: int, lr: float, name: str, *, bf16: bool = False) -> None:
    """Teach `part` for `n_steps` of AdamW what `loss` asks; it is left with averaged weights, in evaluation mode."""
    part.train()
    device = next(part.parameters()).device.type
    optimizer = torch.optim.AdamW(part.parameters(), lr=lr, weight_decay=0.01)
    average, warm_up = EMA(part), min(100, n_steps // 10 + 1)
    with tqdm(range(n_steps), desc=name, mininterval=2) as progress:
        for step in progress:
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1, (step + 1) / warm_up) * (1 - step / n_steps)
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                value = loss()
            value.backward()
            torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update(part, step)
            if step % 100 == 0:
                progress.set_postfix(loss=f"{value.item():.4f}")
    average.copy_to(part)
    part.eval()


def softened(pictures: Tensor, strongest: int) -> Tensor:
    """`pictures` (n, c, h, w), each under up to `strongest` means over 3 x 3 pixels: as dreams are."""
    softness = torch.randint(0, strongest + 1, (len(pictures), 1, 1, 1), device=pictures.device)
    for strength in range(1, strongest + 1):
        pictures = torch.where(softness >= strength, softer(pictures), pictures)
    return pictures


def noisy(part: Tensor) -> Tensor:
    """`part` (n, ...) with noise of up to NOISE, of each its own."""
    strength = NOISE * torch.rand(len(part), *[1] * (part.ndim - 1), device=part.device)
    return part + strength * torch.randn_like(part)


def smeared(views: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """`views` (n, 3, h, w), a `share` of them to one side of some column as that column is, and in any colour, as a dream has it
    where one turns to what was out of view; and which columns these are, bool (n, w)."""
    n, _, h, w = views.shape
    column, device = torch.arange(w, device=views.device), views.device
    edge = torch.randint(w, (n, 1), device=device)
    left = torch.rand(n, 1, device=device) < 0.5
    beyond = torch.where(left, column < edge, column > edge) & (torch.rand(n, 1, device=device) < share)
    smear = views.gather(3, edge[:, None, None].expand(-1, 3, h, 1))
    smear = smear + 0.5 * torch.rand(n, 1, 1, 1, device=device) * (torch.rand(n, 3, 1, 1, device=device) * 2 - 1 - smear)
    return torch.where(beyond[:, None, None], smear, views), beyond
