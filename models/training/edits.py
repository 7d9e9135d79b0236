"""Teaching the drawer of what hands have changed, on islands played again: with each change, and as if it had not been made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from envs.voxel.env import VoxelEnv
from envs.voxel.replay import replayed, seed_of
from models.clips import check_fits, control_of
from models.edits import KIND, Edits
from models.hands import COMES, GOES, Hands, stands, waited, what_happened
from models.pixels import CHANGED, from_bytes, to_bytes, to_float
from models.training.data import find_episodes
from models.training.steps import noisy, smeared, softened, teach

N_BATCH = 48
NEAR = 12.0
"""Blocks from which it is looked at again at most."""
N_LOOKS = 8
"""Frames in which each change is looked at again, at most."""
FADED = 0.5
"""Share of the views given as a mixture with what there would be without the change: it is for what is kept to bring it back."""
SMEARED = 0.35
"""Share of the views of which a part to one side is a smear, as a dream has it where one turns to what was out of view."""
SOFTEST = 6
"""Means over 3 x 3 pixels that views go through at most: what one comes back to is dreamt, and soft."""
ASTRAY = 0.02
"""Blocks by which one errs in where one stands."""
FITS = 0.3
"""How far, on the mean of the colours in -1..1, what is kept may be from a pixel in whose light it is learned."""


class Steps(NamedTuple):
    """Views of what was changed earlier."""

    entry: Tensor  # (m, N_ENTRY), as `Edits.noted`
    action: Tensor  # (m,) that changed it
    pose: Tensor  # (m, 5) the view is seen from
    truth: Tensor  # uint8 (m, 3, rows, W)
    other: Tensor  # the same, as if it had not been changed


def steps_of(edits: Edits, hands: Hands, episode: Episode, seed: int, draws: np.random.Generator) -> list[Steps]:
    """Views of each change of an episode on the island of `seed`. EpisodeError where it is not of that island, or nothing is
    changed there that can be kept."""
    states = replayed(episode, seed)
    assert episode.pose is not None
    frames, control, rows = to_float(episode.image), control_of(episode), len(edits.rays)
    middle, bar = hands.middle(frames), hands.bar(frames)
    happened = (what_happened(middle[:-1], bar[:-1], middle[1:], bar[1:]) == GOES) & stands(control.motion[1:])
    since = hands.since(frames[None], control.action[None], control.motion[None, 1:], torch.zeros(1))[0]
    held, env, found = waited(control.action[1:], control.action[:-1], since[:-1]), VoxelEnv(episode.image.shape[2]), []
    for before in torch.nonzero(happened)[:, 0].tolist():
        t = before + 1
        changed = np.argwhere(states[t].blocks != states[before].blocks)
        if len(changed) != 1:
            continue
        one = slice(before, before + 1)
        came = states[before].blocks[tuple(changed[0])] == 0
        looked = hands.look(middle[one], bar[one], control.action[t : t + 1], held[one], control.pose[t : t + 1])
        entry = edits.noted(hands, looked, middle[t : t + 1], torch.tensor([COMES if came else GOES]))
        cell = tuple(changed[0])
        if (entry[0, :3].numpy() != cell).any():
            continue
        for i in _again(states, t, cell, episode.pose, draws):
            blocks = states[i].blocks.copy()
            blocks[cell] = states[before].blocks[cell]
            env.restore(replace(states[i], blocks=blocks))
            views = (to_bytes(to_float(picture)[..., :rows, :]) for picture in (episode.image[i : i + 1], env.render()[None]))
            found.append(Steps(entry, control.action[t : t + 1], control.pose[i : i + 1], *views))
    if not found:
        raise EpisodeError("nothing is changed in it that can be kept")
    return found


def _again(states: tuple, t: int, cell: tuple, pose: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Frames after `t`, before the next change of `cell`, from which it might be seen: some of them."""
    same = np.array([state.blocks[cell] == states[t].blocks[cell] for state in states[t:]])
    until = t + (int(np.argmin(same)) if not same.all() else len(same))
    away = np.array(cell)[:2] + 0.5 - pose[t:until, :2]
    ahead = away[:, 0] * np.cos(pose[t:until, 3]) + away[:, 1] * np.sin(pose[t:until, 3])
    far = np.linalg.norm(away, axis=1)
    could = t + np.flatnonzero((ahead > 0.6 * far - 0.8) & (far < NEAR))
    return np.sort(draws.permutation(could[could > t])[:N_LOOKS])


def load_steps(edits: Edits, hands: Hands, data: Path, seed: int) -> Steps:
    """The views of all episodes of a folder, named as `collect` names them; what cannot serve is left out, and said."""
    found, draws = [], np.random.default_rng(seed)
    with torch.no_grad():
        for path in tqdm(find_episodes(data), unit="ep", desc="reading for the edits", mininterval=2):
            try:
                island = seed_of(str(path))
                episode = check_fits(episodes.load(path), edits.config, str(path))
                found += steps_of(edits, hands, episode, island, draws)
            except ValueError as error:
                print(f"left out: {error}" if str(path) in str(error) else f"left out: {path}: {error}")
    if not found:
        raise EpisodeError(f"{data}: no usable episode; the edits cannot be learned (`--edits-steps 0` does without)")
    device = edits.rays.device
    return Steps(*(torch.cat(parts).to(device) for parts in zip(*found, strict=True)))


def train_edits(edits: Edits, hands: Hands, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3, bf16: bool = True) -> None:
    """Teach `edits` beside `hands`, who are taught, on the episodes of `data`, as `steps.teach`."""
    torch.manual_seed(seed)
    steps = load_steps(edits, hands, data, seed)
    kind = steps.entry[:, KIND].long()
    likely = 1 / torch.bincount(kind)[kind]  # blocks are taken five times as often as put

    def loss() -> Tensor:
        pick = torch.multinomial(likely, N_BATCH, replacement=True)
        return _loss(edits, hands, Steps(*(part[pick] for part in steps)))

    teach(edits, loss, n_steps, lr, "edits", bf16=bf16)


def _loss(edits: Edits, hands: Hands, steps: Steps) -> Tensor:
    """By which key blocks come; which pixels show what was changed, and in what colour."""
    came = (steps.entry[:, KIND] == COMES).float()
    told = F.binary_cross_entropy_with_logits(edits.comes(steps.action)[:, 0].float(), came)
    truth, other = from_bytes(steps.truth), from_bytes(steps.other)
    pose = steps.pose.clone()
    pose[:, :3] += ASTRAY * torch.randn_like(pose[:, :3])
    with torch.autocast(truth.device.type, enabled=False), torch.no_grad():
        due = edits.due(steps.entry[:, None], hands, pose)
    fades, share = torch.rand(2, len(truth), 1, 1, 1, device=truth.device)
    given = noisy(softened(smeared(truth + (fades < FADED) * share * (other - truth), SMEARED)[0], SOFTEST))
    shows, colour = edits.draw(given, due)
    off, as_it_is = ((picture - truth).abs().mean(dim=1) for picture in (colour, given))
    gain = (as_it_is - off).detach()  # what is won by drawing it there
    decided = F.binary_cross_entropy_with_logits(shows, (gain > 0).float(), reduction="none")
    weight = gain.abs() * due.there
    wanted = due.there & ((truth - other).abs().amax(dim=1) > CHANGED) & (off.detach() < FITS)
    light = (off * wanted).sum() / wanted.sum().clamp(min=1)
    return 0.1 * told + (decided * weight).sum() / weight.sum().clamp(min=1e-3) + 2 * light
