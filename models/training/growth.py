"""Teaching what may stand where nobody has looked: on the islands of episodes, looked at from random walks over them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from envs.voxel import sight
from envs.voxel.blocks import SOLID
from envs.voxel.ground import NX, NY, SEA
from envs.voxel.physics import spawn_body
from envs.voxel.replay import seed_of
from envs.voxel.state import N_HEADINGS, STEP, State, start
from envs.voxel.terrain import generate
from models.config import ModelConfig
from models.cubes import carved, look, lowest
from models.growth import FREE, UNKNOWN, Growth, told
from models.kinds import Named, noted
from models.reprojection import pixel_rays
from models.training.data import find_episodes
from models.training.steps import teach

N_BATCH = 16
N_ISLANDS, N_WALKS = 300, 4
LOOKS = (1, 2, 4, 8, 16, 30, 50, 80)
"""After how many looks a walk may be kept; of each walk three are."""
PITCHES = (-3, -2, -1, 0, 0, 1)
WIDTH = 0.06
"""Share of a distance by which a look is taken to err."""
WINDOW = 28
"""Columns a side that are looked at together."""
HERE, HERE_SPREAD = 0.6, 6
"""Share of windows that lie about where one stands, and columns by which they miss it."""
FILLED, RADIUS = 0.5, (2.0, 9.0)
"""Share of windows in which some ground is wholly known, as if it had been imagined, and how far about some column."""
INNER = 0.1
"""What counts a cube whose neighbours are all solid as it is, or all free: the others are what shows."""


class Walks(NamedTuple):
    """Islands as they are known after some looks."""

    cubes: Tensor  # int8 (m, x, y, z), as in `StreamState`
    kept: Tensor  # int16, likewise
    truth: Tensor  # uint8, the kind of each; 0: free
    place: Tensor  # (m, 2) where one stands, in cubes from the corner


def walks_of(growth: Growth, seed: int, draws: np.random.Generator) -> Walks:
    """A walk over the island of `seed`, looking about."""
    terrain, low = generate(seed), lowest(growth.config)
    island = start(terrain)
    place = np.array(terrain.spawn[:2], float) if draws.random() < 0.4 else draws.uniform(6, NX - 6, 2)
    heading, stops = int(draws.integers(N_HEADINGS)), draws.choice(LOOKS, 3, replace=False)
    truth, found = truth_of(growth.config, island.blocks), []
    cubes, kept = torch.zeros(truth.shape, dtype=torch.int8), torch.zeros(truth.shape, dtype=torch.int16)
    for i in range(1, int(stops.max()) + 1):
        column = np.flatnonzero(SOLID[island.blocks[int(place[0]), int(place[1])]])
        body = spawn_body(place[0], place[1], max(int(column.max(initial=0)) + 1, SEA))
        looks = replace(island, body=body, heading=heading, pitch=int(draws.choice(PITCHES)))
        cubes, kept = _looked(growth, looks, cubes, kept)
        if i in stops:
            found.append((cubes, kept, truth, torch.tensor(place - low[:2])))
        if draws.random() < 0.5:
            heading = (heading + int(draws.integers(-3, 4))) % N_HEADINGS
        if draws.random() < 0.6:
            ahead = draws.uniform(0.3, 2.5) * np.array([np.cos(heading * STEP), np.sin(heading * STEP)])
            if (place + ahead > 1).all() and (place + ahead < (NX - 1, NY - 1)).all():
                place = place + ahead
            else:
                heading = int(draws.integers(N_HEADINGS))
    return Walks(*(torch.stack(part) for part in zip(*found, strict=True)))


def truth_of(config: ModelConfig, blocks: np.ndarray) -> Tensor:
    """The kinds uint8 (x, y, z) that fill the cubes kept of an island's `blocks`; 0 where none does."""
    size, low = config.cubes, (int(part) for part in lowest(config))
    grid = np.zeros((size.n_x, size.n_y, size.n_z), np.uint8)
    solid = np.where(sight.FILLED[blocks], blocks, 0)
    ours, theirs = zip(*(_overlap(n, m, start) for n, m, start in zip(grid.shape, solid.shape, low, strict=True)), strict=True)
    grid[ours] = solid[theirs]
    return torch.from_numpy(grid)


def _overlap(n: int, m: int, first: int) -> tuple[slice, slice]:
    """Where `n` cubes from `first` on and `m` from 0 on are the same, as parts of either."""
    low, high = max(first, 0), min(first + n, m)
    return slice(low - first, high - first), slice(low, high)


def _looked(growth: Growth, state: State, cubes: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """`cubes` and what is `kept` of their kinds (x, y, z) after a look from `state`; every kind is known for sure."""
    config = growth.config
    kind, _, away = sight.met(state, config.image[1])
    pose = torch.from_numpy(state.pose[None]).float()
    eye, _, rays = look(config, pixel_rays(config), pose)
    thin = slice(None, None, 2)
    far = torch.from_numpy(away[thin, thin].copy()).flatten()[None]
    picture = rays.unflatten(2, away.shape)[..., thin, thin].flatten(2)
    found = carved(config, cubes.flatten()[None], eye, picture, far, torch.full_like(far, WIDTH)).view(cubes.shape)
    named = Named(torch.from_numpy(kind[thin, thin].astype(np.int64)).flatten()[None], torch.ones_like(far))
    return found, noted(config, kept.flatten()[None], found.flatten()[None], eye, picture, far, named).view(kept.shape)


def windows(walks: Walks, n: int, n_kinds: int, draws: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """`n` windows, turned and mirrored at random: what is known of them (n, x, y, z), what is true, and which columns of the grid
    they are (n, x, y)."""
    n_x, n_y, _ = walks.truth.shape[1:]
    side = min(WINDOW, n_x, n_y)
    column = torch.arange(n_x * n_y).view(n_x, n_y)
    found = []
    for _ in range(n):
        i = int(draws.integers(len(walks.truth)))
        first = draws.integers(0, (n_x - side + 1, n_y - side + 1))
        if draws.random() < HERE:
            missed = draws.integers(-HERE_SPREAD, HERE_SPREAD + 1, 2)
            first = (walks.place[i].numpy() - side / 2 + missed).astype(int).clip(0, (n_x - side, n_y - side))
        part = tuple(slice(low, low + side) for low in first.tolist())
        truth = walks.truth[i][part].long()
        known = told(n_kinds, walks.cubes[i][part], walks.kept[i][part])
        if draws.random() < FILLED:
            x, y = (torch.arange(side) + 0.5 - draws.uniform(0, side) for _ in range(2))
            near = torch.hypot(*torch.meshgrid(x, y, indexing="ij")) < draws.uniform(*RADIUS)
            known = torch.where(near[..., None] & (known == UNKNOWN), torch.where(truth > 0, truth + 1, FREE), known)
        turns, mirrored = int(draws.integers(4)), draws.random() < 0.5
        turned = (torch.rot90(value, turns, (0, 1)) for value in (known, truth, column[part]))
        found.append([value.flip(0) if mirrored else value for value in turned])
    known, truth, columns = (torch.stack(value) for value in zip(*found, strict=True))
    return known, truth, columns


def counts(known: Tensor, truth: Tensor) -> Tensor:
    """What each cube counts (n, x, y, z): nothing where it is known, and most where the ground shows."""
    solid, edge = truth > 0, torch.zeros_like(truth, dtype=torch.bool)
    for axis in (1, 2, 3):
        n = solid.shape[axis] - 1
        differs = solid.narrow(axis, 1, n) != solid.narrow(axis, 0, n)
        edge.narrow(axis, 1, n).logical_or_(differs)
        edge.narrow(axis, 0, n).logical_or_(differs)
    return (known == UNKNOWN) * torch.where(edge, 1.0, INNER)


def train_growth(growth: Growth, data: Path, n_steps: int, seed: int = 0, lr: float = 2e-3, bf16: bool = True) -> None:
    """Teach `growth` on the islands of the episodes of `data`, named as `collect` names them, as `steps.teach`."""
    torch.manual_seed(seed)
    draws, device = np.random.default_rng(seed), growth.stem.weight.device
    seeds = draws.permutation([seed_of(str(path)) for path in find_episodes(data)])[:N_ISLANDS].tolist()
    islands = tqdm(seeds * N_WALKS, unit="walk", desc="walking islands", mininterval=2)
    walks = Walks(*(torch.cat(part) for part in zip(*(walks_of(growth, island, draws) for island in islands), strict=True)))
    where = growth.where().flatten(1)

    def loss() -> Tensor:
        known, truth, columns = (part.to(device) for part in windows(walks, N_BATCH, growth.config.cubes.kinds, draws))
        guessed = growth(known, where[:, columns].movedim(1, 0)).float().permute(0, 4, 1, 2, 3)
        each = counts(known, truth)
        return (F.cross_entropy(guessed, truth, reduction="none") * each).sum() / each.sum().clamp(min=1)

    teach(growth, loss, n_steps, lr, "growth", bf16=bf16)
