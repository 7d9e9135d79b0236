"""A body is stopped by the cubes about its feet: which these are, and that it learns to heed them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs import pose as poses
from envs.episode import Episode
from models import cubes
from models.clips import control_of
from models.conditioning import Control
from models.config import CubesSize
from models.cubes import lowest, n_cubes
from models.ego_motion import COARSE, EgoMotion
from models.footing import ABOVE, BELOW, N_BESIDE, beside, turned
from models.pixels import to_float
from models.presets import preset
from models.training import ego
from models.training.steps import teach
from models.world_model import WorldModel
from tests.models import island

CONFIG = replace(preset("voxel-small"), cubes=CubesSize(channels=3))
SHAPE = (CONFIG.cubes.n_x, CONFIG.cubes.n_y, CONFIG.cubes.n_z)
UP = BELOW + 1 + ABOVE


def grid(*solid: tuple[int, int, int]) -> torch.Tensor:
    """Cubes (1, m) of which those at the places `solid` are."""
    found = torch.zeros(1, n_cubes(CONFIG), dtype=torch.int8)
    for place in solid:
        x, y, z = (int(at - low) for at, low in zip(place, lowest(CONFIG), strict=True))
        found.view(SHAPE)[x, y, z] = cubes.SURE
    return found


def stood(x: float, y: float, z: float, heading: float = 0.0) -> torch.Tensor:
    return torch.tensor([[x, y, z, heading, 0.0]])


def told(about: torch.Tensor) -> set[tuple[int, int, int]]:
    """Where about the feet it is solid."""
    x, y, z = (about.view(3, 3, UP) > 0).nonzero(as_tuple=True)
    return set(zip((x - 1).tolist(), (y - 1).tolist(), (z - BELOW).tolist(), strict=True))


def test_cubes_are_told_by_where_they_stand_about_the_feet():
    found = grid((21, 20, 5), (20, 19, 4), (20, 20, 8), (22, 20, 5), (20, 20, 9))
    assert told(beside(CONFIG, found, stood(20.5, 20.9, 5.0))) == {(1, 0, 0), (0, -1, -1), (0, 0, 3)}
    assert told(beside(CONFIG, found, stood(20.5, 20.9, 4.99))) == {(1, 0, 0), (0, -1, -1), (0, 0, 3)}, "sunk by what it errs"
    assert beside(CONFIG, found, stood(-90.0, 20, 5)).shape == (1, N_BESIDE), "outside there is nothing, and no error"


@pytest.mark.parametrize("k", range(4))
def test_a_world_turned_by_quarters_is_the_same_about_the_feet(k):
    pose = stood(20.25, 20.75, 5.0, heading=0.5)
    ahead = {0: (21, 20, 5), 1: (20, 21, 5), 2: (19, 20, 5), 3: (20, 19, 5)}
    there, about = turned(pose, beside(CONFIG, grid(ahead[0]), pose), k)
    assert torch.equal(about, beside(CONFIG, grid(ahead[k]), there))
    assert float(there[0, 3]) == pytest.approx(0.5 + k * math.pi / 2)
    inside = {0: (0.25, 0.75), 1: (0.25, 0.25), 2: (0.75, 0.25), 3: (0.75, 0.75)}[k]
    torch.testing.assert_close(there[0, :2] - there[0, :2].floor(), torch.tensor(inside))


def test_it_learns_to_be_stopped_by_a_block_that_no_picture_shows():
    """A step of .3 along x that ends at 20.7 for half of them, by a block there."""
    torch.manual_seed(0)
    model, n = EgoMotion(CONFIG), 128
    place = torch.rand(n)
    pose = torch.stack([20.4 + 0.3 * place, torch.full((n,), 20.5), torch.full((n,), 5.0), torch.zeros(n), torch.zeros(n)], 1)
    blocked = torch.arange(n) % 2 == 0
    one, none = (beside(CONFIG, found, pose[:1]) for found in (grid((21, 20, 5)), grid()))
    about = torch.where(blocked[:, None], one, none)
    motion = torch.zeros(n, 5)
    motion[:, 0] = torch.where(blocked, 0.3 - 0.3 * place, 0.3)
    model.scale.fill_(0.15)
    frame = torch.zeros(n, 3, *(size // COARSE for size in CONFIG.image))
    steps = torch.zeros(n, 5), torch.ones(n, dtype=torch.int64), pose, about, motion
    moves = ego.Moves(frame, *(part[:, None] for part in steps))
    teach(model, lambda: ego._loss(model, moves), 300, 4e-3, "steps")
    with torch.no_grad():
        found = model.from_coarse(frame, *steps[:4])
    assert found[blocked, 0].mean() < 0.2
    assert found[~blocked, 0].mean() > 0.25


@pytest.fixture(scope="module")
def walk() -> Episode:
    """A walk on the island of seed 900, into a second window of frames."""
    return island.walk((["forward"] * 4 + ["right"] * 2 + ["forward_jump"] * 3 + ["left"]) * 7)


def test_steps_of_an_episode_tell_the_cubes_carved_of_it(walk, tmp_path):
    torch.manual_seed(0)
    model = WorldModel(CONFIG).eval()
    episodes.save(walk, tmp_path / "voxel-900.npz")
    moves = ego.load_moves(model, tmp_path, seed=0)
    assert moves.about.shape == (len(walk) - 1, 1 + ego.N_TRIED, N_BESIDE)
    state, told = model.init_state(1), control_of(walk)
    frames = to_float(walk.image)[None]
    for t in range(67):
        now = Control(*(part[None, t : t + 1] for part in told))
        _, state = model(frames[:, t : t + 1], torch.zeros(1, 1), now, state, predict=False)
    assert torch.equal(beside(CONFIG, state.cubes, told.pose[66:67])[0], moves.about[66, 0]), "as in play, frame by frame"
    torch.testing.assert_close(moves.motion[66, 0], told.motion[67])


def test_steps_are_tried_that_were_not_taken_and_end_at_what_stands_there(walk):
    from envs.voxel.replay import replayed

    states = replayed(walk, 900)[:-1]
    assert walk.pose is not None
    steps = ego.tried(states, walk.pose, np.random.default_rng(0))
    here, led = steps.pose.double().numpy(), steps.motion.double().numpy()
    np.testing.assert_allclose(poses.move(here, led)[:, 0, :3], here[:, 1, :3], atol=1e-4, err_msg="one after another")
    np.testing.assert_allclose(here[:, 0, :3], walk.pose[:-1, :3], atol=1e-5, err_msg="each from where one stood")
    far = np.abs(led[..., :2]).max(axis=-1)
    assert (far < 0.1).mean() > 0.1, "nothing was walked into"
    assert (far > 0.2).mean() > 0.2
    again = ego.tried(states, walk.pose, np.random.default_rng(0))
    assert all(torch.equal(one, other) for one, other in zip(steps, again, strict=True))
