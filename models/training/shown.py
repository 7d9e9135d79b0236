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
from models.pixels import from_bytes, to_bytes, to_float
from models.shown import Found
from models.training.data import find_episodes
from models.training.steps import teach
from models.world_model import WorldModel

N_BATCH = 16
N_RUNS, N_BEFORE, N_FRAMES = 120, 60, 20
"""Pieces of episodes looked at; frames of each that are absorbed at once, and that are drawn one by one after them."""
PRACTICE = 0.05
"""What it counts how far off what is known is where it is not believed: its light is learned there, too."""
DREAMT = 0.5
"""Share of pieces in which what was drawn is absorbed and not the truth: so it will be in play."""


class Steps(NamedTuple):
    """Frames as they were drawn and as they were."""

    drawn: Tensor  # uint8 (m, 3, rows, W) by the network
    colour: Tensor  # uint8 (m, 3, rows, W), as in `Found`
    paint: Tensor  # uint8, likewise
    told: Tensor  # float16 (m, N_FACTS, rows, W)
    truth: Tensor  # uint8 (m, 3, rows, W)


@torch.no_grad()
def steps_of(model: WorldModel, episode: Episode, dreamt: bool) -> Steps:
    """The frames of a clip after its first `N_BEFORE`; dreamt: each after what was drawn before, not after the truth."""
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

    first = slice(0, N_BEFORE)
    _, state = model(frames[:, first], clean.expand(1, N_BEFORE), told(first), model.init_state(1), predict=False)
    for t in range(N_BEFORE, frames.shape[1]):
        one = slice(t, t + 1)
        drawn, _ = model(torch.zeros_like(frames[:, one]), clean + 1, told(one), state, absorb=False)
        pictures, *known = asked.pop()
        shown = model.shown.found(*known)
        views = (pictures[0, :, :, :rows], shown.colour, shown.paint, frames[0, one, :, :rows])
        drawn_view, colour, paint, truth = (to_bytes(view).cpu() for view in views)
        found.append(Steps(drawn_view, colour, paint, shown.told.half().cpu(), truth))
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
            first = int(draws.integers(max(1, len(episode) - N_BEFORE - N_FRAMES)))
            clip = episode.clip(first, min(first + N_BEFORE + N_FRAMES, len(episode)))
            if len(clip) > N_BEFORE:
                found.append(steps_of(model, clip, i < DREAMT * N_RUNS))
        except EpisodeError as error:
            print(f"left out: {error}")
    if not found:
        raise EpisodeError(f"{data}: no usable episode of more than {N_BEFORE} frames; when to believe views cannot be learned")
    return Steps(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def train_shown(model: WorldModel, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3) -> None:
    """Teach `model.shown` beside all else, which is taught, as `steps.teach`."""
    assert model.shown is not None
    torch.manual_seed(seed)
    shown, steps, device = model.shown, load_steps(model.eval(), data, seed), model.head.weight.device

    def loss() -> Tensor:
        pick = torch.randint(len(steps.truth), (N_BATCH,))
        bytes_of = (steps.drawn, steps.colour, steps.paint, steps.truth)
        drawn, colour, paint, truth = (from_bytes(part[pick].to(device)) for part in bytes_of)
        colours, logits = shown.choices(drawn, Found(colour, paint, steps.told[pick].to(device).float()))
        off = colours - truth[:, None]
        off = (off.abs() + off.square()).mean(dim=2)
        chosen = (logits.softmax(dim=1) * off).sum(dim=1)
        return (chosen + PRACTICE * (off * logits.isfinite())[:, 1:].sum(dim=1)).mean()

    teach(shown, loss, n_steps, lr, "shown")
