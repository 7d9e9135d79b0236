"""Teaching the probe of beliefs: states streamed from episodes whose layout and balls are known, kept in memory, then fitted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from envs.maze_geometry import seen_cells
from models.belief import N_BALL_COLOURS, BeliefProbe, n_cells, readings
from models.clips import check_fits, control_of
from models.conditioning import Control
from models.config import ModelConfig
from models.pixels import to_float
from models.training.context import Dreamer, with_own_frames
from models.training.draws import Draws
from models.training.steps import teach
from models.world_model import WorldModel

N_BATCH = 32
DREAMERS = 3
"""One episode in so many goes on as a dream from its middle on, where dreams are asked for."""
DRIFT = (0.02, 0.02, 0.0, 0.003, 0.0)
"""Standard deviation of a dreamer's error of pose, a frame: cells and radians, adding up as on keys alone."""
UNSEEN_WEIGHT = 0.2
"""How much a cell that was never in view counts: enough to learn how common walls are, no more."""


class Memories(NamedTuple):
    """States of a model at moments of episodes, and the truth there, on the ring of cells of `models.belief`."""

    readings: Tensor  # (m, channels, n_slots_y, n_slots_x) float16
    walls: Tensor  # (m, n_y, n_x) bool
    balls: Tensor  # (m, n_y, n_x) int64: 0 none, else 1 + colour
    seen: Tensor  # (m, n_y, n_x) bool: in view so far
    inside: Tensor  # (m, n_y, n_x) bool: a cell of the layout, not of the walls around it
    frame: Tensor  # (m,) frames absorbed
    maze: Tensor  # (m,) which episode


def remember(
    model: WorldModel, paths: Sequence[Path], every: int, n_frames: int | None = None, *, dreaming: bool = False
) -> Memories:
    """What `model` remembers after every `every` frames of the episodes, of the first `n_frames` of each (None: of all);
    those that cannot serve are left out, and said.

    dreaming: some episodes go on as dreams on a pose that drifts. What is dreamt of a place never seen is not to be believed.
    EpisodeError where no episode can serve.
    """
    parts = []
    for i, path in enumerate(tqdm(paths, unit="ep", desc="absorbing mazes", mininterval=2)):
        try:
            episode = check_fits(episodes.load(path), model.config, str(path))
            part = episode.clip(0, min(len(episode), n_frames or len(episode)))
            parts.append(_remember(model, part, every, i, dreaming and i % DREAMERS == 0))
        except ValueError as error:  # also where poses lie outside the maze
            print(f"left out: {error}" if str(path) in str(error) else f"left out: {path}: {error}")
    if not parts:
        raise EpisodeError(
            f"none of {len(paths)} episodes can teach beliefs; expected some with poses, maze_layout and targets_pos"
        )
    return Memories(*(torch.cat(values) for values in zip(*parts, strict=True)))


@torch.inference_mode()
def _remember(model: WorldModel, episode: Episode, every: int, maze: int, dreaming: bool) -> Memories:
    known = truth(episode, model.config)
    seen, control = seen_so_far(episode, model.config), control_of(episode)
    device, state, found = model.head.weight.device, model.init_state(1), []
    stops = every * torch.arange(1, len(episode) // every + 1)
    if len(stops) == 0:
        raise EpisodeError(
            f"{len(episode)} frames are fewer than the {every} between two looks at the memory; expected longer ones"
        )
    awake = every * (len(stops) // 2) if dreaming else len(episode)
    control = control._replace(pose=control.pose + _drift(len(episode), awake, maze))
    for stop in stops:
        part = slice(int(stop) - every, int(stop))
        clean = to_float(episode.image[None, part], device)
        told = Control(*(value[None, part].to(device) for value in control))
        if stop > awake:
            clean = with_own_frames(Dreamer(model), clean, told, state, every, 1.0, Draws(maze, int(stop), range(1)))
        _, state = model(clean, clean.new_zeros(clean.shape[:2]), told, state, predict=False)
        found.append(readings(model.config, state).half().cpu())
    walls, balls, inside = (torch.from_numpy(value).expand(len(stops), *value.shape) for value in known)
    return Memories(
        torch.cat(found), walls, balls, torch.from_numpy(seen)[stops - 1], inside, stops, torch.full_like(stops, maze)
    )


def _drift(n_frames: int, awake: int, seed: int) -> Tensor:
    """Errors of pose (n_frames, 5) that add up from frame `awake` on."""
    steps = torch.randn(n_frames, len(DRIFT), generator=torch.Generator().manual_seed(seed)) * torch.tensor(DRIFT)
    steps[:awake] = 0
    return steps.cumsum(dim=0)


def truth(episode: Episode, config: ModelConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walls (bool), balls (0 none, else 1 + colour) and what lies inside the layout (bool), each on the ring (n_y, n_x).

    EpisodeError where the episode does not know its maze, or the maze and the wall around it do not fit the ring.
    """
    size = n_cells(config)
    if episode.pose is None or not {"maze_layout", "targets_pos"} <= episode.extras.keys():
        raise EpisodeError("no poses, maze_layout and targets_pos; beliefs are learned from them")
    layout, targets = episode.extras["maze_layout"][0], episode.extras["targets_pos"][0]
    if layout.shape[0] >= size[0] or layout.shape[1] >= size[1]:
        raise EpisodeError(f"a maze of {layout.shape} cells and the wall around it do not fit the model's ring of {size}")
    if len(targets) > N_BALL_COLOURS or not ((targets >= 0) & (targets < layout.shape[::-1])).all():
        raise EpisodeError(
            f"balls at {targets.tolist()}; expected at most {N_BALL_COLOURS}, all inside the maze of {layout.shape}"
        )
    walls, balls, inside = np.ones(size, bool), np.zeros(size, np.int64), np.zeros(size, bool)
    walls[: layout.shape[0], : layout.shape[1]] = layout == 0
    inside[: layout.shape[0], : layout.shape[1]] = True
    for colour, (x, y) in enumerate(np.floor(targets).astype(int)):
        balls[y, x] = 1 + colour  # the benchmark gives its colours in order
    return walls, balls, inside


def seen_so_far(episode: Episode, config: ModelConfig) -> np.ndarray:
    """Cells in view up to each frame, on the ring: (t, n_y, n_x) bool."""
    assert episode.pose is not None
    padded = np.logical_or.accumulate(seen_cells(episode.extras["maze_layout"][0], episode.pose), axis=0)
    rows, columns = ((np.arange(-1, n - 1) % size) for n, size in zip(padded.shape[1:], n_cells(config), strict=True))
    ring = np.zeros((len(padded), *n_cells(config)), bool)
    for y, x in np.ndindex(padded.shape[1:]):  # the walls on both sides may be one cell of the ring
        ring[:, rows[y], columns[x]] |= padded[:, y, x]
    return ring


def train_belief(config: ModelConfig, memories: Memories, n_steps: int, seed: int = 0, lr: float = 3e-3) -> BeliefProbe:
    """A probe taught on `memories`, as by `steps.teach`."""
    torch.manual_seed(seed)
    probe = BeliefProbe(config)
    probe.scale.copy_(memories.readings[::7].float().std(dim=(0, 2, 3)).clamp(min=1e-3))

    def loss() -> Tensor:
        pick = torch.randint(len(memories.frame), (N_BATCH,))
        return _loss(probe, Memories(*(values[pick] for values in memories)))

    teach(probe, loss, n_steps, lr, "reading beliefs")
    return probe


def _loss(probe: BeliefProbe, memories: Memories) -> Tensor:
    walls, balls = probe(memories.readings.float())
    weight = torch.where(memories.seen, 1.0, UNSEEN_WEIGHT)
    errors = F.binary_cross_entropy_with_logits(walls, memories.walls.float(), reduction="none")
    errors = errors + F.cross_entropy(balls, memories.balls, reduction="none")
    return (errors * weight).sum() / weight.sum()
