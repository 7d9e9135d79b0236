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
from models.hands import COMES, GOES, Hands, Looked, stands, waited, what_happened
from models.pixels import CHANGED, from_bytes, to_bytes, to_float
from models.training.steps import chances, load, noisy, softened, teach

N_BATCH = 64
UNCRACKED = 0.4
"""Share of steps that show the view as it was before the key was held: in a dream no crack may tell how long that is."""
MOSTLY_BLOCKS = 5.0
"""How many times as often a block that goes or comes is shown as one that cracks."""
SOFTEST = 2
"""Means over 3 x 3 pixels that every other view goes through at most: in play it is dreamt."""
ASTRAY = 0.03
"""Blocks by which one errs in where one stands: on keys alone, that is believed."""
PLACED = 2
"""What an episode's `event` says where a block was placed; without it a block that comes is taught as one that goes."""
DIMMED, DARKEST = 0.4, 0.06
"""Share of the views that are shown as at another hour, and of the light what is left then at least."""


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
    cell: Tensor  # (m,) of those along the middle of the view, which one it happened to; -1 where the episode does not tell


def steps_of(hands: Hands, episode: Episode) -> Steps:
    """The steps of an episode in which the player stands."""
    frames, control = to_float(episode.image), control_of(episode)
    middle, bar = hands.middle(frames), hands.bar(frames)
    kind = what_happened(middle[:-1], bar[:-1], middle[1:], bar[1:])
    if "event" in episode.extras:
        came = torch.from_numpy(episode.extras["event"][1:, 0] == PLACED)
        kind = torch.where((kind == GOES) & came, COMES, kind)
    since = hands.since(frames[None], control.action[None], control.motion[None, 1:], torch.zeros(1))[0]
    held = waited(control.action[1:], control.action[:-1], since[:-1])
    kept = torch.nonzero(stands(control.motion[1:]))[:, 0]
    now = kept + 1
    before, after = (to_bytes(part) for part in (middle[kept], middle[now]))
    cell = _cells(hands, episode, control.pose, kind)[kept]
    return Steps(before, to_bytes(bar[kept]), control.action[now], held[kept], control.pose[now], after, kind[kept], cell)


def _cells(hands: Hands, episode: Episode, pose: Tensor, kind: Tensor) -> Tensor:
    """Which of the cells along the middle of the view was worked on in each step (t - 1,): that which changed, or was aimed at
    before; -1 where none was, or the episode does not tell."""
    told = episode.extras
    if "last_change" not in told or "aim" not in told:
        return torch.full_like(kind, -1)
    changed, aimed = torch.from_numpy(told["last_change"][1:, 1:4]), torch.from_numpy(told["aim"][:-1, :3])
    due = torch.where((kind >= GOES)[:, None], changed, aimed)
    same = (hands.cells(pose[1:]) == due[:, None]).all(dim=-1)
    return torch.where(same.any(dim=1) & (kind > 0), same.int().argmax(dim=1), -1)


def load_steps(hands: Hands, data: Path, seed: int) -> Steps:
    """The steps of the episodes of a folder."""
    return load(hands.config, data, seed, "hands", partial(steps_of, hands), hands.held.weight.device)


def train_hands(hands: Hands, data: Path, n_steps: int, seed: int = 0, lr: float = 1e-3, bf16: bool = True) -> None:
    """Teach `hands` on the episodes of `data`, as `steps.teach`."""
    torch.manual_seed(seed)
    steps = load_steps(hands, data, seed)
    wanted = (steps.kind > 0) + (MOSTLY_BLOCKS - 1) * (steps.kind >= GOES)
    likely = chances(steps.action, wanted, hands.config.n_actions)

    def loss() -> Tensor:
        pick = likely.draw(N_BATCH)
        some = Steps(*(part[pick] for part in steps))
        whole = torch.rand(N_BATCH, device=pick.device) < UNCRACKED
        first = torch.where(whole, pick - some.waited.long(), pick)  # steps of one who holds a key lie side by side
        return _loss(hands, some._replace(middle=steps.middle[first]), likely.counts[pick])

    teach(hands, loss, n_steps, lr, "hands", bf16=bf16)


def _light(n: int, device: torch.device) -> Tensor:
    """Shares of the light (n, 3, 1, 1), most of them all of it: bright days and nights teach the same."""
    dim = torch.rand(n, 1, 1, 1, device=device) < DIMMED
    share = DARKEST ** torch.rand(n, 1, 1, 1, device=device) * (0.85 + 0.3 * torch.rand(n, 3, 1, 1, device=device))
    return torch.where(dim, share, 1.0)


def _loss(hands: Hands, steps: Steps, counts: Tensor) -> Tensor:
    """What happens (each step `counts` so much); where something does, to which cell, which pixels change, and what those show
    then."""
    was, due = from_bytes(steps.middle), from_bytes(steps.after)
    altered = ((due - was).abs().amax(dim=1) > CHANGED).float()
    light = _light(len(was), was.device)
    was, due = ((part + 1) * light - 1 for part in (was, due))
    soft = torch.rand(len(was), 1, 1, 1, device=was.device) < 0.5
    before = noisy(torch.where(soft, softened(was, SOFTEST), was))
    believed = steps.pose.clone()
    believed[:, :3] += ASTRAY * torch.randn_like(believed[:, :3])
    looked = hands.look(before, noisy(from_bytes(steps.bar)), steps.action, steps.waited, steps.pose, believed)
    decided = F.cross_entropy(looked.kind.float(), steps.kind, reduction="none")
    known = steps.cell >= 0
    aimed = F.cross_entropy(looked.cell[known], steps.cell[known], reduction="sum") / known.sum().clamp(min=1)
    some = torch.nonzero(steps.kind > 0)[:, 0]
    cell = torch.where(known, steps.cell, looked.cell.argmax(dim=1))[some]
    drawn = hands.draw(Looked(*(part[some] for part in looked)), steps.kind[some], cell)
    changed = altered[some]
    placed = F.binary_cross_entropy_with_logits(drawn.where, changed, reduction="sum") / max(changed.numel(), 1)
    off = (hands.off(drawn, due[some]) * changed).sum() / changed.sum().clamp(min=1)
    return (counts * decided).mean() + 2 * placed + 0.3 * aimed + 4 * off
