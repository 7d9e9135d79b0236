"""The hour is told by true pictures, carried on by counting where a dream goes on, and learned from episodes that tell it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import EpisodeError
from models.hour import FORGOTTEN, MOST, Hour, hour_of, surely, turned
from models.light import Light
from models.training import hour as training
from tests.models.tiny import FAMILIES, episode

CONFIG = FAMILIES["voxel-cubes"]
RATE = 0.2


@pytest.fixture
def hour():
    torch.manual_seed(0)
    found = Hour(CONFIG).eval()
    with torch.no_grad():
        found.rate.fill_(RATE)
    return found


@torch.no_grad()
def test_a_dream_only_counts_and_true_frames_tell(hour):
    frames, pose = torch.rand(2, 3, 3, *CONFIG.image) * 2 - 1, torch.zeros(2, 3, 5)
    kept = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    dreamt = hour.after(kept, frames, pose, dreamt=True)
    for t in range(4):
        torch.testing.assert_close(dreamt[:, t], turned(kept, torch.tensor(t * RATE)))
    true = hour.after(kept, frames, pose, dreamt=False)
    told = hour(frames[:, 0, :, : len(hour.rays)], pose[:, 0])
    torch.testing.assert_close(true[:, 1], FORGOTTEN * turned(kept, hour.rate) + told)
    first = hour.after(kept, frames[:, :1], pose[:, :1], dreamt=False)
    rest = hour.after(first[:, -1], frames[:, 1:], pose[:, 1:], dreamt=False)
    torch.testing.assert_close(torch.cat([first, rest[:, 1:]], dim=1), true)
    assert hour.after(torch.full((2, 2), 1e4), frames, pose, dreamt=False).norm(dim=-1)[:, 1:].max() < MOST + 1e-3


def test_surer_is_longer_and_never_one():
    for length in (0.0, 0.1, 10.0, 1e6):
        told = surely(length * hour_of(torch.tensor(0.3)))
        assert told.norm() <= 1
        if length:
            torch.testing.assert_close(told / told.norm(), hour_of(torch.tensor(0.3)))


def test_light_knows_the_sun_where_it_stands():
    """A sky that is bright about the sun and dark elsewhere is learned from what it is told."""
    torch.manual_seed(0)
    light, way = Light(), torch.nn.functional.normalize(torch.randn(4000, 3), dim=-1)
    hour = hour_of(torch.rand(4000))
    sun = torch.stack([hour[:, 0], torch.zeros(4000), hour[:, 1]], dim=-1)
    true = (3 * ((way * sun).sum(dim=-1) - 0.8)).clamp(min=0)[:, None].expand(-1, 3)
    assert torch.equal(light.in_sky(hour, way), torch.zeros(4000, 3)), "untaught, the sky is grey"
    optimizer = torch.optim.AdamW(light.parameters(), lr=1e-2)
    for _ in range(200):
        loss = (light.in_sky(hour, way) - true).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1 * true.var()


def day(seed: int, n: int = 80):
    """An episode whose pictures are as bright as its sun stands high, red in the morning."""
    share = (0.01 * seed + 0.01 * np.arange(n)) % 1.0
    height = 127 + 100 * np.sin(2 * np.pi * share)
    red = 127 + 100 * np.cos(2 * np.pi * share)
    image = np.stack([red, height, height], axis=-1)[:, None, None].astype(np.uint8).repeat(16, 1).repeat(16, 2)
    return replace(episode(n, seed), image=image, n_actions=CONFIG.n_actions, extras={training.TIME: share.astype(np.float32)})


def test_it_is_taught_on_a_folder_and_by_episodes_that_tell_it(tmp_path, hour):
    for seed in range(0, 100, 10):
        episodes.save(day(seed), tmp_path / f"{seed}.npz")
    training.train_hour(hour, tmp_path, 150, lr=1e-2)
    assert hour.rate.item() == pytest.approx(2 * math.pi * 0.01, rel=1e-3)
    with torch.no_grad():
        steps = training.steps_of(hour, day(35))
        told = hour.tell(steps.pooled.float())
    off = 1 - torch.cosine_similarity(told, steps.hour, dim=-1)
    assert off.median() < 0.1
    with pytest.raises(EpisodeError, match="no time_of_day"):
        training.steps_of(hour, episode(9))
