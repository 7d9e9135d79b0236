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
from models.hands import Hands, stands, waited, what_happened
from models.pixels import CHANGED, from_bytes, to_bytes, to_float
from models.training.steps import chances, load, noisy, softened, teach

N_BATCH = 64
UNCRACKED = 0.4
"""Share of steps that show the view as it was before the key was held: in a dream no crack may tell how long that is."""
MOSTLY_BLOCKS = 3.0
"""How many times as often a block that goes or comes is shown as one that cracks."""
SOFTEST = 2
"""Means over 3 x 3 pixels that every other view goes through at most: in play it is dreamt."""
ASTRAY = 0.03
"""Blocks by which one errs in where one stands: on keys alone, that is believed."""


class Steps(NamedTuple):
    """Steps of one who stands: the frame before as bytes, the action, for how long it has been held, the pose, the frame
    after, and what happened (`KINDS`)."""

    middle: Tensor  # (m, 3, side, side)
    bar: Tensor  # (m, pixels)
    action: Tensor  # (m,)
    waited: Tensor  # (m,) as in `Hands.judge`
    pose: Tensor  # (m, 5)
    after: Tensor  # (m, 3, side, side)
    kind: Tensor  # (m,)


def steps_of(hands: Hands, episode: Episode) -> Steps:
    """The steps of an episode in which the player stands."""
    frames, control = to_float(episode.image), control_of(episode)
    middle, bar = hands.middle(frames), hands.bar(frames)
    kind = what_happened(middle[:-1], bar[:-1], middle[1:], bar[1:])
    since = hands.since(frames[None], control.action[None], control.motion[None, 1:], torch.zeros(1))[0]
    held = waited(control.action[1:], control.action[:-1], since[:-1])
    kept = torch.nonzero(stands(control.motion[1:]))[:, 0]
    now = kept + 1
    before, after = (to_bytes(part) for part in (middle[kept], middle[now]))
    return Steps(before, to_bytes(bar[kept]), control.action[now], held[kept], control.pose[now], after, kind[kept])


def load_steps(hands: Hands, data: Path, seed: int) -> Steps:
    """The steps of the episodes of a folder."""
    return load(hands.config, data, seed, "hands", partial(steps_of, hands), hands.held.weight.device)


def train_hands(hands: Hands, data: Path, n_steps: int, seed: int = 0, lr: float = 1e-3, bf16: bool = True) -> None:
    """Teach `hands` on the episodes of `data`, as `steps.teach`."""
    torch.manual_seed(seed)
    steps = load_steps(hands, data, seed)
    wanted = (steps.kind > 0) + (MOSTLY_BLOCKS - 1) * (steps.kind == 2)
    likely = chances(steps.action, wanted, hands.config.n_actions)

    def loss() -> Tensor:
        pick = likely.draw(N_BATCH)
        some = Steps(*(part[pick] for part in steps))
        whole = torch.rand(N_BATCH, device=pick.device) < UNCRACKED
        first = torch.where(whole, pick - some.waited.long(), pick)  # steps of one who holds a key lie side by side
        return _loss(hands, some._replace(middle=steps.middle[first]), likely.counts[pick])

    teach(hands, loss, n_steps, lr, "hands", bf16=bf16)


def _loss(hands: Hands, steps: Steps, counts: Tensor) -> Tensor:
    """What happens (each step `counts` so much); where something does, which pixels change, and what those show then."""
    was, due, done = from_bytes(steps.middle), from_bytes(steps.after), (steps.kind > 0).float()
    soft = torch.rand(len(was), 1, 1, 1, device=was.device) < 0.5
    before = noisy(torch.where(soft, softened(was, SOFTEST), was))
    pose = steps.pose.clone()
    pose[:, :3] += ASTRAY * torch.randn_like(pose[:, :3])
    likely, where, drawn = hands.judge(before, noisy(from_bytes(steps.bar)), steps.action, steps.waited, pose, steps.kind)
    judged = F.cross_entropy(likely.float(), steps.kind, reduction="none")
    changed = ((due - was).abs().amax(dim=1) > CHANGED).float()
    placed = F.binary_cross_entropy_with_logits(where.float(), changed, reduction="none").mean(dim=(1, 2))
    off = (drawn.float() - due).abs().mean(dim=1) * changed
    there = done[:, None, None]
    shaped = (placed * done).sum() / done.sum().clamp(min=1)
    return (counts * judged).mean() + 2 * shaped + (off * there).sum() / (changed * there).sum().clamp(min=1)
