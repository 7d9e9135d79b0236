"""Teaching when to believe what views gone by show, and when the network: on frames a taught model draws of real episodes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from models.clips import check_fits, control_of
from models.conditioning import Control
from models.hour import turned
from models.pixels import from_bytes, to_bytes, to_float
from models.reprojection import bare
from models.sampler import frame_noise
from models.shown import Found, Shown
from models.state import StreamState
from models.training.data import find_episodes
from models.training.steps import teach
from models.world_model import WorldModel

N_BATCH = 16
N_EPISODES, N_FRAMES = 60, 1000
"""Episodes looked at, and frames of each; the hour that a piece is of is its own."""
N_BEFORE, TOGETHER = 60, 60
"""Frames that are absorbed before any is drawn, and how many at once at most."""
N_ALONE, N_CHANGED = 40, 40
"""Frames of an episode that are drawn after true ones, of any, and of those at most in which a block goes or comes."""
N_DREAMS, N_DREAMT = 3, 24
"""Dreams that begin in an episode, and frames of each."""
PRACTICE = 0.05
"""What it counts how far off what is known is where it is not believed: its light is learned there, too."""
ABOUT, ASTRAY_BY, ENOUGH = 2, 0.05, 300
"""Pixels about what is drawn over the view that must be right for it to be learned from a frame, how far off they may be on the
mean, and how many colours are enough."""
ASTRAY = 0.2
"""Radians by which the hour is believed wrongly: there are few pieces, each of one hour, which would be known by it."""
OTHER_LIGHT = (0.35, 0.5, 0.1)
"""Share of frames whose drawing is made brighter or darker, by what logarithm, and each colour of it, as long dreams are."""


class Steps(NamedTuple):
    """Frames as they were drawn and as they were."""

    drawn: Tensor  # uint8 (m, 3, rows, W) by the network
    colour: Tensor  # uint8 (m, 3, rows, W), as in `Found`
    paint: Tensor  # uint8, likewise
    told: Tensor  # float16 (m, N_FACTS, rows, W)
    truth: Tensor  # uint8 (m, 3, rows, W)
    hour: Tensor  # (m, 2)
    pose: Tensor  # (m, 5)


@torch.no_grad()
def steps_of(model: WorldModel, episode: Episode, draws: np.random.Generator) -> Steps:
    """Frames of an episode as they are drawn: some after true frames, among them those in which a block goes or comes, where the
    episode tells of it; and some dreams, each frame after what was drawn before."""
    assert model.shown is not None
    device = model.head.weight.device
    asked: list[tuple[Any, ...]] = []
    hook = model.shown.register_forward_pre_hook(lambda _, given: asked.append(given))
    frames = to_float(episode.image, device)[None]
    control = Control(*(part[None].to(device) for part in control_of(episode)))
    rows, found = model.config.bar_rows[0], []
    clean = frames.new_zeros(1, 1)

    def told(part: slice) -> Control:
        return Control(*(value[:, part] for value in control))

    def drawn(t: int, state: StreamState) -> Tensor:
        one = slice(t, t + 1)
        picture, _ = model(torch.zeros_like(frames[:, one]), clean + 1, told(one), state, absorb=False)
        pictures, *known, _ = asked.pop()
        shown = model.shown.found(*known)  # type: ignore[union-attr]
        views = (pictures[0, :, :, :rows], shown.colour, shown.paint, frames[0, one, :, :rows])
        drawn_view, colour, paint, truth = (to_bytes(view).cpu() for view in views)
        rest = (part.float().cpu() for part in (shown.hour, shown.pose))
        found.append(Steps(drawn_view, colour, paint, shown.told.half().cpu(), truth, *rest))
        return picture

    def dreaming(t: int, state: StreamState) -> StreamState:
        if model.growth is None:
            return state
        noise = functools.partial(frame_noise, int(draws.integers(1 << 31)), t)
        cubes, kinds = model.growth.grown(state.cubes, state.kinds, control.pose[:, t - 1], noise)
        return state._replace(cubes=cubes, kinds=kinds)

    alone, starts = _chosen(episode, draws)
    state, past = model.init_state(1), 0
    for t in sorted(alone | starts):
        while past < t:
            some = slice(past, min(past + TOGETHER, t))
            _, state = model(frames[:, some], clean.expand(1, some.stop - past), told(some), state, predict=False)
            past = some.stop
        if t in alone:
            drawn(t, dreaming(t, state) if draws.random() < 0.5 else state)
        if t in starts:
            dream = dreaming(t, state)
            for i in range(t, min(t + N_DREAMT, len(episode))):
                one = slice(i, i + 1)
                _, dream = model(drawn(i, dream), clean, told(one), dream, predict=False, dreamt=True)
    hook.remove()
    return Steps(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _chosen(episode: Episode, draws: np.random.Generator) -> tuple[set[int], set[int]]:
    """Which frames of an episode are drawn alone, and at which dreams begin."""
    there = np.arange(N_BEFORE, len(episode))
    changes = np.flatnonzero(np.diff(episode.extras.get("n_changes", np.zeros(len(episode))), prepend=0))
    changes = draws.permutation(changes[changes >= N_BEFORE])[:N_CHANGED]
    alone, starts = (draws.choice(there, min(n, len(there)), replace=False) for n in (N_ALONE, N_DREAMS))
    return {*alone.tolist(), *changes.tolist()}, set(starts.tolist())


def load_steps(model: WorldModel, data: Path, seed: int) -> Steps:
    """Frames of the episodes of a folder; what cannot serve is left out, and said."""
    draws, found = np.random.default_rng(seed), []
    paths = draws.permutation(np.array(find_episodes(data), object))[:N_EPISODES]
    for path in tqdm(paths, unit="episode", desc="drawing for what is shown", mininterval=2):
        try:
            episode = check_fits(episodes.load(path), model.config, str(path))
            first = int(draws.integers(max(1, len(episode) - N_FRAMES + 1)))
            clip = episode.clip(first, min(first + N_FRAMES, len(episode)))
            if len(clip) > N_BEFORE:
                found.append(steps_of(model, clip, draws))
        except EpisodeError as error:
            print(f"left out: {error}")
    if not found:
        raise EpisodeError(f"{data}: no usable episode of more than {N_BEFORE} frames; when to believe views cannot be learned")
    return Steps(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def train_shown(model: WorldModel, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3) -> None:
    """Teach `model.shown` beside all else, which is taught, as `steps.teach`."""
    assert model.shown is not None
    assert model.hour is not None
    torch.manual_seed(seed)
    shown, steps, device = model.shown, load_steps(model.eval(), data, seed), model.head.weight.device
    rate = model.hour.rate.detach()

    def loss() -> Tensor:
        pick = torch.randint(len(steps.truth), (N_BATCH,))
        bytes_of = (steps.drawn, steps.colour, steps.paint, steps.truth)
        drawn, colour, paint, truth = (from_bytes(part[pick].to(device)) for part in bytes_of)
        drawn = _otherwise_lit(drawn)
        told, hour, pose = (part[pick].to(device).float() for part in (steps.told, steps.hour, steps.pose))
        hour = turned(hour, ASTRAY * torch.randn(len(hour), device=device))
        colours, logits = shown.choices(drawn, Found(colour, paint, told, hour, pose), rate)
        off = colours - truth[:, None]
        off = (off.abs() + off.square()).mean(dim=2)
        chosen = (logits.softmax(dim=1) * off).sum(dim=1)
        return (chosen + PRACTICE * (off * logits.isfinite())[:, 1:].sum(dim=1)).mean()

    teach(shown, loss, n_steps, lr, "shown")
    see_through(shown, steps, rate)


@torch.no_grad()
def see_through(shown: Shown, steps: Steps, rate: Tensor) -> None:
    """Let `shown` know what is drawn over the view: of each pixel there, by what it is multiplied and what is added, by least
    squares on the frames whose surroundings it shows as they are."""
    device, plain = shown.over.device, bare(shown.config, steps.truth[:1].float())[0, 0]
    around = F.max_pool2d(1 - plain[None], 1 + 2 * ABOUT, 1, ABOUT)[0] * plain
    sums = torch.zeros(5, *plain.shape)
    for start in range(0, len(steps.truth), N_BATCH):
        some = Steps(*(part[start : start + N_BATCH].to(device) for part in steps))
        drawn, colour, paint, truth = (from_bytes(part) for part in (some.drawn, some.colour, some.paint, some.truth))
        found = Found(colour, paint, some.told.float(), some.hour, some.pose)
        shows, known = (part.cpu() for part in shown.drawn(drawn, found, rate))
        off = (shows - truth.cpu()).abs().mean(dim=1)
        good = ((off * around).sum(dim=(1, 2)) < ASTRAY_BY * around.sum())[:, None, None] & known
        x, y = (part * good[:, None] for part in (shows, truth.cpu()))
        parts = (good[:, None].expand_as(x), x, y, x * x, x * y)
        sums += torch.stack([part.float().sum(dim=(0, 1)) for part in parts])
    n, x, y, xx, xy = sums.double()
    scale = (n * xy - x * y) / (n * xx - x * x)
    shift = (y - scale * x) / n
    told = (plain == 0) & (n >= ENOUGH) & scale.isfinite() & (scale > 0)
    for part, value in zip(shown.over, (scale, shift), strict=True):
        part.copy_(torch.where(told.to(device), value.to(part), part))


def _otherwise_lit(views: Tensor) -> Tensor:
    """`views` (n, 3, rows, W) in -1..1, some of them brighter or darker than they are."""
    share, whole, each = OTHER_LIGHT
    n = len(views)
    by = (whole * torch.randn(n, 1) + each * torch.randn(n, 3)) * (torch.rand(n, 1) < share)
    return ((views + 1) * by.exp()[..., None, None].to(views) - 1).clamp(-1, 1)
