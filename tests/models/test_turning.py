"""Who only turns sees what he saw, moved; who walks, or before whom something changes, does not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import pose as poses
from models.conditioning import Control
from models.config import BarSize, EditsSize, HandsSize
from models.reprojection import bare, sweep
from models.turning import PAST
from tests.models.tiny import FAMILIES, randomised

CONFIG = replace(FAMILIES["voxel-small"], rests=False, bar=BarSize(), hands=HandsSize(), edits=EditsSize())
ROWS = CONFIG.bar_rows[0]


def told(pose: np.ndarray, next_pose: np.ndarray) -> Control:
    """What leads from one pose (5,) to the next, as a call of one frame is told."""
    motion = torch.from_numpy(poses.motion_between(pose[None], next_pose[None])).float()[None]
    return Control(torch.ones(1, 1, dtype=torch.long), torch.from_numpy(next_pose).float()[None, None], motion)


def at(heading: float = 0.0, pitch: float = 0.0, x: float = 2.0) -> np.ndarray:
    return np.array([x, 3.0, 1.0, heading, pitch])


def frame(seed: int) -> torch.Tensor:
    """Colours as a byte can hold them."""
    return (torch.randint(256, (1, 1, 3, *CONFIG.image), generator=torch.Generator().manual_seed(seed)) / 127.5 - 1).float()


class Player:
    """Walks a model along poses: absorbs what it is shown, or what it dreams."""

    def __init__(self, config=CONFIG) -> None:
        self.model = randomised(config).eval()
        self.state, self.pose = self.model.init_state(1), at()

    def looks(self, pose: np.ndarray) -> torch.Tensor:
        blank = torch.zeros(1, 1, 3, *CONFIG.image)
        return self.model(blank, torch.ones(1, 1), told(self.pose, pose), self.state, absorb=False)[0]

    def sees(self, shown: torch.Tensor, pose: np.ndarray) -> None:
        _, self.state = self.model(shown, torch.zeros(1, 1), told(self.pose, pose), self.state, predict=False)
        self.pose = pose

    def dreams(self, pose: np.ndarray) -> torch.Tensor:
        drawn = self.looks(pose)
        drawn = ((drawn + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
        self.sees(drawn, pose)
        return drawn

    @property
    def kept(self) -> int:
        return int((self.state.here.stamp > 0).sum())


def in_view(picture: torch.Tensor) -> torch.Tensor:
    """The pixels (3, n) of the view that nothing is drawn over."""
    where = bare(CONFIG, picture[:, 0])[0, 0] > 0
    where[ROWS:] = False
    return picture[0, 0][:, where]


@torch.no_grad()
def test_what_was_in_view_is_turned_and_the_rest_is_the_networks():
    player, without = Player(), Player(replace(CONFIG, views_here=0))
    without.model.load_state_dict(player.model.state_dict())
    for one in (player, without):
        one.sees(frame(0), at())
    pose = at(0.3, 0.1)
    drawn, plain = player.looks(pose)[0, 0], without.looks(pose)[0, 0]
    now, before = (torch.from_numpy(p).float()[None] for p in (pose, at()))
    seen = frame(0)[:, 0]
    seen[..., ROWS:, :] = seen[..., ROWS - 1 : ROWS, :]  # of the bar nothing gets into the view
    moved = sweep(CONFIG, (0.0,), player.model.pixel_rays, seen, before, now)[0, 0]
    reached = (moved[3] > 0.5) & (bare(CONFIG, moved[None, :3])[0, 0] > 0)
    reached[ROWS:] = False
    assert 0.3 < reached[:ROWS].float().mean() < 0.9
    torch.testing.assert_close(drawn[:, reached], moved[:3, reached])
    assert torch.equal(drawn[:, ~reached], plain[:, ~reached])
    assert not torch.allclose(drawn[:, reached], plain[:, reached])


@torch.no_grad()
def test_what_one_comes_back_to_is_what_one_left():
    player = Player()
    player.sees(frame(0), at())
    ways = [at(h) for h in (0.5, 1.0, 1.5, 2.0, 2.5, 2.0, 1.5, 1.0, 0.5)]
    there = {round(pose[3], 1): player.dreams(pose) for pose in ways[:5]}
    assert player.kept == 6
    for pose in ways[5:]:
        torch.testing.assert_close(in_view(player.dreams(pose)), in_view(there[round(pose[3], 1)]), atol=2.1 / 127.5, rtol=0)
    torch.testing.assert_close(in_view(player.dreams(at(2 * math.pi))), in_view(frame(0)), atol=2.1 / 127.5, rtol=0)
    assert player.kept == 6, "what is known already is not kept again"


@torch.no_grad()
@pytest.mark.parametrize("pose", [at(0.3, x=2.1), at(x=2.05), at()])
def test_who_walks_or_rests_is_drawn_by_the_network(pose):
    player, without = Player(), Player(replace(CONFIG, views_here=0))
    without.model.load_state_dict(player.model.state_dict())
    for one in (player, without):
        one.sees(frame(0), at())
    assert torch.equal(player.looks(pose), without.looks(pose))


@torch.no_grad()
def test_views_are_given_up_when_one_walks_on_or_something_changes():
    player = Player()
    for i, heading in enumerate((0.0, PAST / 2, 1.1 * PAST, 2.3 * PAST)):
        player.sees(frame(i), at(heading))
    assert player.kept == 3
    player.sees(frame(3), at(2.3 * PAST))
    assert player.kept == 3, "nothing changed"
    other = frame(3).clone()
    other[..., 2:5, 2:5] += 0.5
    player.sees(other, at(2.3 * PAST))
    assert player.kept == 1, "what was seen before may be so no more"
    player.sees(frame(4), at(4 * PAST))
    player.sees(frame(5), at(4 * PAST, x=3.0))
    assert player.kept == 1


@torch.no_grad()
def test_the_bar_never_turns_and_training_knows_nothing_of_it():
    player, without = Player(), Player(replace(CONFIG, views_here=0))
    without.model.load_state_dict(player.model.state_dict())
    for one in (player, without):
        one.sees(frame(0), at())
    assert torch.equal(player.looks(at(0.3))[..., ROWS:, :], without.looks(at(0.3))[..., ROWS:, :])
    for one in (player, without):
        one.model.train()
    assert torch.equal(player.looks(at(0.3)), without.looks(at(0.3)))
