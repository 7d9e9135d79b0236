"""When to believe what views gone by show is learned from what a model draws of episodes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from envs import episode as episodes
from envs.episode import EpisodeError
from models.shown import Found
from models.training import shown as training
from tests.models.tiny import FAMILIES, episode, randomised

CONFIG = FAMILIES["voxel-cubes"]
ROWS = CONFIG.bar_rows[0]


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(training, "N_BEFORE", 5)
    monkeypatch.setattr(training, "N_FRAMES", 4)
    monkeypatch.setattr(training, "N_RUNS", 3)
    return randomised(CONFIG)


def test_steps_are_frames_as_drawn_and_as_they_were(model):
    clip = episode(9)
    steps = training.steps_of(model, clip, dreamt=False)
    assert torch.equal(steps.truth.movedim(1, -1), torch.from_numpy(clip.image[5:, :ROWS]))
    assert steps.drawn.shape == steps.colour.shape == (4, 3, ROWS, 16)
    again = training.steps_of(model, clip, dreamt=False)
    assert all(torch.equal(a, b) for a, b in zip(steps, again, strict=True)), "asking changes nothing"
    dreamt = training.steps_of(model, clip, dreamt=True)
    assert torch.equal(dreamt.drawn[0], steps.drawn[0])
    assert not torch.equal(dreamt.drawn[1:], steps.drawn[1:])


def test_what_is_right_comes_to_be_believed_and_what_is_wrong_does_not(model):
    """Where the views are told to be old they show the truth, where new they do not."""
    torch.manual_seed(0)
    n = 64
    truth = torch.rand(n, 3, ROWS, 16) * 2 - 1
    told = torch.ones(n, 6, ROWS, 16)
    told[: n // 2, 4] = 0
    wrong = torch.rand(n, 3, ROWS, 16) * 2 - 1
    colour, drawn = torch.where(told[:, 4:5] > 0, truth, wrong), torch.where(told[:, 4:5] > 0, wrong, truth)
    shown = model.shown.requires_grad_(True)
    optimizer = torch.optim.AdamW(shown.parameters(), lr=1e-2)
    for _ in range(40):
        share = shown.share(drawn, Found(colour, told[:, :1] > 0, told))
        loss = (torch.lerp(drawn, colour, share) - truth).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert share[n // 2 :].mean() > share[: n // 2].mean() + 0.5


def test_it_is_taught_on_a_folder_and_short_episodes_are_said_to_be(model, tmp_path):
    before = [part.clone() for part in model.shown.parameters()]
    episodes.save(replace(episode(12), n_actions=CONFIG.n_actions), tmp_path / "a.npz")
    model.requires_grad_(True)
    training.train_shown(model, tmp_path, 3)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.shown.parameters(), strict=True))
    short = tmp_path / "short"
    short.mkdir()
    episodes.save(replace(episode(4), n_actions=CONFIG.n_actions), short / "a.npz")
    with pytest.raises(EpisodeError, match="more than 5 frames"):
        training.train_shown(model, short, 3)
