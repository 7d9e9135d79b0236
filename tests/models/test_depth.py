"""How far away things are: told by comparing views, taught by islands played again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.episode import Episode, EpisodeError
from models.config import CubesSize
from models.cubes import look
from models.depth import FARTHEST, N_ASIDE, N_DISTANCES, NEAREST, Depth
from models.pixels import to_float
from models.presets import preset
from models.reprojection import pixel_rays
from models.training import depth as training

CONFIG = replace(preset("voxel-small"), cubes=CubesSize(channels=4))
ROWS = CONFIG.bar_rows[0]


def fresh() -> Depth:
    torch.manual_seed(0)
    return Depth(CONFIG).eval()


@pytest.fixture(scope="module")
def walked() -> tuple[Episode, np.ndarray]:
    """A walk on the island of seed 900, and the true distances of its frames."""
    pytest.importorskip("numba")
    from envs.voxel.env import VoxelEnv
    from envs.voxel.moves import ACTIONS
    from envs.voxel.sight import distances

    env, keys = VoxelEnv(), {name: i for i, name in enumerate(ACTIONS.names)}
    frame, info = env.reset(seed=900)
    frames, pose, action, away = [frame], [info["pose"]], [0], [distances(env.state, 64)]
    for key in (["forward"] * 3 + ["right"]) * 6:
        frame, _, _, _, info = env.step(keys[key])
        frames.append(frame)
        pose.append(info["pose"])
        action.append(keys[key])
        away.append(distances(env.state, 64))
    return Episode(np.stack(frames), np.array(action), ACTIONS.n_actions, np.stack(pose)), np.stack(away)


def painted(pose: torch.Tensor, x: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The picture (1, 3, ROWS, 64) of a wall across `x` painted with soft waves, and how far away it is (ROWS, 64)."""
    eye, _, rays = look(CONFIG, pixel_rays(CONFIG), pose)
    away = (x - eye[:, 0, None]) / rays[:, 0]
    place = eye[..., None] + away[:, None] * rays
    y, z = place[0, 1], place[0, 2]
    waves = [torch.sin(1.3 * y + 0.7 * z), torch.sin(0.9 * z - 0.4 * y + 1), torch.sin(1.1 * y * 0.6 + 1.7 * z + 2)]
    return torch.stack(waves).view(1, 3, ROWS, -1), away.view(ROWS, -1)


@torch.no_grad()
def test_views_fit_best_at_the_true_distance():
    stood, pose = torch.tensor([[20.0, 20.8, 5.0, -0.05, 0.02]]), torch.tensor([[20.5, 20.0, 5.0, 0.03, 0.0]])
    (view, _), (now, away) = painted(stood, 26.0), painted(pose, 26.0)
    fits = fresh()._fits(now, pose, view[:, None], stood[:, None], torch.ones(1, 1, dtype=torch.bool))[0].unflatten(0, (3, -1))
    best = fits[0].argmin(dim=0).float()
    step = (away.log() - math.log(NEAREST)) / (math.log(FARTHEST) - math.log(NEAREST)) * (N_DISTANCES - 1)
    step = step.unflatten(0, (-1, 2)).unflatten(2, (-1, 2)).mean(dim=(1, 3))
    reached = fits[2].amin(dim=0) > 0
    reached[:, :4], reached[:, -4:] = False, False
    assert reached.sum() > 400
    assert ((best - step)[reached].abs() < 1).float().mean() > 0.9


@torch.no_grad()
def test_it_does_not_hang_on_views_there_are_not(walked):
    episode, _ = walked
    depth, frames, pose = fresh(), to_float(episode.image), torch.from_numpy(episode.pose).float()
    none = torch.zeros(2, N_ASIDE, dtype=torch.bool)
    given = frames[:2], pose[:2]
    one = depth.seen(*given, frames[2:5].expand(2, -1, -1, -1, -1), pose[2:5].expand(2, -1, -1), none)
    other = depth.seen(*given, frames[5:8].expand(2, -1, -1, -1, -1), pose[5:8].expand(2, -1, -1), none)
    assert torch.equal(one.away, other.away)
    assert one.away.shape == (2, ROWS, 64)
    assert (one.width > 0).all()


def test_steps_are_an_islands_own_and_compared_with_earlier_frames(walked):
    episode, away = walked
    steps = training.steps_of(fresh(), episode, 900)
    every = slice(None, None, training.EVERY)
    np.testing.assert_allclose(steps.away.float(), away[every], rtol=1e-3)
    assert torch.equal(steps.frame.movedim(1, -1), torch.from_numpy(episode.image[every]))
    m = len(steps.pose)
    place = torch.arange(m)[:, None] - steps.views
    assert (steps.views >= 0).all()
    assert (place >= 0).all()
    apart = (steps.pose[place] - steps.pose[:, None])[..., :3].norm(dim=-1)
    assert (apart[steps.views > 0] > 0.19).all()
    assert (steps.views > 0).any()
    with pytest.raises(EpisodeError, match="not the island of seed 901"):
        training.steps_of(fresh(), episode, 901)


def test_teaching_brings_it_nearer(walked):
    episode, _ = walked
    depth, steps = fresh(), training.steps_of(fresh(), episode, 900)
    pick = torch.arange(len(steps.pose))
    views = pick[:, None] - steps.views
    given = steps.frame, steps.pose, steps.away, steps.frame[views], steps.pose[views], steps.views > 0
    optimizer, losses = torch.optim.AdamW(depth.parameters(), lr=3e-3), []
    for _ in range(25):
        loss = training.loss_of(depth, *given)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
