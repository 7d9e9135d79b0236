"""Teaching when to believe what views gone by show, and when the network: on frames a taught model draws of real episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from models.clips import check_fits, control_of
from models.conditioning import Control
from models.hour import turned
from models.pixels import from_bytes, to_bytes, to_float
from models.shown import Found
from models.training.data import find_episodes
from models.training.steps import teach
from models.world_model import WorldModel

N_BATCH = 16
N_RUNS, N_FRAMES = 80, 24
"""Pieces of episodes looked at; frames of each that are drawn one by one."""
N_BEFORE, MOST_BEFORE, TOGETHER = 60, 600, 60
"""Frames that are absorbed before them, between which and which a number, and how many at once: a quarter of a day goes by."""
PRACTICE = 0.05
"""What it counts how far off what is known is where it is not believed: its light is learned there, too."""
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
def steps_of(model: WorldModel, episode: Episode, n_before: int, dreamt: bool) -> Steps:
    """The frames of a clip after its first `n_before`; dreamt: each after what was drawn before, not after the truth."""
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

    state = model.init_state(1)
    for start in range(0, n_before, TOGETHER):
        some = slice(start, min(start + TOGETHER, n_before))
        _, state = model(frames[:, some], clean.expand(1, some.stop - start), told(some), state, predict=False)
    for t in range(n_before, frames.shape[1]):
        one = slice(t, t + 1)
        drawn, _ = model(torch.zeros_like(frames[:, one]), clean + 1, told(one), state, absorb=False)
        pictures, *known, _ = asked.pop()
        shown = model.shown.found(*known)
        views = (pictures[0, :, :, :rows], shown.colour, shown.paint, frames[0, one, :, :rows])
        drawn_view, colour, paint, truth = (to_bytes(view).cpu() for view in views)
        rest = (part.float().cpu() for part in (shown.hour, shown.pose))
        found.append(Steps(drawn_view, colour, paint, shown.told.half().cpu(), truth, *rest))
        _, state = model(drawn if dreamt else frames[:, one], clean, told(one), state, predict=False, dreamt=dreamt)
    hook.remove()
    return Steps(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def load_steps(model: WorldModel, data: Path, seed: int) -> Steps:
    """Frames of pieces of the episodes of a folder; what cannot serve is left out, and said."""
    draws, paths, found = np.random.default_rng(seed), find_episodes(data), []
    for i in tqdm(range(N_RUNS), unit="piece", desc="drawing for what is shown", mininterval=2):
        path = paths[int(draws.integers(len(paths)))]
        try:
            episode = check_fits(episodes.load(path), model.config, str(path))
            n_before = int(draws.integers(N_BEFORE, max(N_BEFORE, min(MOST_BEFORE, len(episode) - N_FRAMES)) + 1))
            first = int(draws.integers(max(1, len(episode) - n_before - N_FRAMES)))
            clip = episode.clip(first, min(first + n_before + N_FRAMES, len(episode)))
            if len(clip) > n_before:
                found.append(steps_of(model, clip, n_before, i % 2 == 0))
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


def _otherwise_lit(views: Tensor) -> Tensor:
    """`views` (n, 3, rows, W) in -1..1, some of them brighter or darker than they are."""
    share, whole, each = OTHER_LIGHT
    n = len(views)
    by = (whole * torch.randn(n, 1) + each * torch.randn(n, 3)) * (torch.rand(n, 1) < share)
    return ((views + 1) * by.exp()[..., None, None].to(views) - 1).clamp(-1, 1)
