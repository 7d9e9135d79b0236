"""Teaching the drawer of what hands do by single steps of episodes in which the player stands."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from envs.episode import Episode
from models.clips import control_of
from models.hands import Hands, stands
from models.pixels import from_bytes, to_bytes, to_float
from models.training.steps import CHANGED, chances, load, noisy, softened, teach

N_BATCH = 128
LEAST = 4
"""Pixels of the middle of the view that change at least for something to have happened: a block went or came, or cracked."""
SOFTEST = 2
"""Means over 3 x 3 pixels that the view goes through at most: in play it is dreamt."""


class Steps(NamedTuple):
    """Steps of one who stands: the frame before as bytes, the action, the frame after, and whether something happened."""

    middle: Tensor  # (m, 3, side, side)
    bar: Tensor  # (m, pixels)
    action: Tensor  # (m,)
    after: Tensor  # (m, 3, side, side)
    happens: Tensor  # (m,)


def steps_of(hands: Hands, episode: Episode) -> Steps:
    """The steps of an episode in which the player stands."""
    frames, control = to_float(episode.image), control_of(episode)
    middle, bar = hands.middle(frames), hands.bar(frames)
    different = (middle[1:] - middle[:-1]).abs().amax(dim=1) > CHANGED
    happens = different.flatten(1).sum(dim=1) >= LEAST
    kept = torch.nonzero(stands(control.motion[1:]))[:, 0]
    return Steps(to_bytes(middle[kept]), to_bytes(bar[kept]), control.action[kept + 1], to_bytes(middle[kept + 1]), happens[kept])


def load_steps(hands: Hands, data: Path, seed: int) -> Steps:
    """The steps of the episodes of a folder."""
    return load(hands.config, data, seed, "hands", partial(steps_of, hands), hands.held.weight.device)


def train_hands(hands: Hands, data: Path, n_steps: int, seed: int = 0, lr: float = 1e-3, bf16: bool = True) -> None:
    """Teach `hands` on the episodes of `data`, as `steps.teach`."""
    torch.manual_seed(seed)
    steps = load_steps(hands, data, seed)
    likely = chances(steps.action, steps.happens, hands.config.n_actions)

    def loss() -> Tensor:
        pick = likely.draw(N_BATCH)
        return _loss(hands, Steps(*(part[pick] for part in steps)), likely.counts[pick])

    teach(hands, loss, n_steps, lr, bf16, "hands")


def _loss(hands: Hands, steps: Steps, counts: Tensor) -> Tensor:
    """Whether something happens (each step `counts` so much); where it does, which pixels change, and what those show then."""
    was, due, done = from_bytes(steps.middle), from_bytes(steps.after), steps.happens.float()
    likely, where, drawn = hands.judge(noisy(softened(was, SOFTEST)), noisy(from_bytes(steps.bar)), steps.action)
    judged = F.binary_cross_entropy_with_logits(likely.float(), done, reduction="none")
    changed = ((due - was).abs().amax(dim=1) > CHANGED).float()
    placed = F.binary_cross_entropy_with_logits(where.float(), changed, reduction="none").mean(dim=(1, 2))
    off = (drawn.float() - due).abs().mean(dim=1) * changed
    there = done[:, None, None]
    shaped = (placed * done).sum() / done.sum().clamp(min=1)
    return (counts * judged).mean() + shaped + (off * there).sum() / (changed * there).sum().clamp(min=1)
