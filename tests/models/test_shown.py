"""When to believe what views gone by show is learned from what a model draws of episodes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from envs import episode as episodes
from envs.episode import EpisodeError
from models.shown import N_FACTS, Found, Shown
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
    assert steps.drawn.shape == steps.colour.shape == steps.paint.shape == (4, 3, ROWS, 16)
    again = training.steps_of(model, clip, dreamt=False)
    assert all(torch.equal(a, b) for a, b in zip(steps, again, strict=True)), "asking changes nothing"
    dreamt = training.steps_of(model, clip, dreamt=True)
    assert torch.equal(dreamt.drawn[0], steps.drawn[0])
    assert not torch.equal(dreamt.drawn[1:], steps.drawn[1:])


def test_what_is_right_comes_to_be_believed_and_what_is_wrong_does_not(model):
    """The views, the paint or the network alone show the truth, a third of the time each, as some facts tell."""
    torch.manual_seed(0)
    n = 60
    truth, *others = (torch.rand(n, 3, ROWS, 16) * 2 - 1 for _ in range(4))
    told, kind = torch.ones(n, N_FACTS, ROWS, 16), (torch.arange(n) % 3).view(n, 1, 1)
    told[:, 2], told[:, 4] = kind == 0, kind == 1
    views, paint, drawn = (torch.where((kind == i)[:, None], truth, other) for i, other in enumerate(others))
    shown = Shown(CONFIG, model.pixel_rays)
    optimizer = torch.optim.AdamW(shown.parameters(), lr=1e-2)
    for _ in range(150):
        colours, logits = shown.choices(drawn, Found(views, paint, told))
        off = (colours - truth[:, None]).abs().mean(dim=2)
        optimizer.zero_grad()
        (logits.softmax(dim=1) * off).sum(dim=1).mean().backward()
        optimizer.step()
    left = (shown.drawn(drawn, Found(views, paint, told)) - truth).abs().mean(dim=(1, 2, 3)).view(-1, 3).mean(dim=0)
    assert (left < 0.5 * (others[0] - truth).abs().mean()).all(), left


def test_what_is_shown_is_drawn_in_the_light_it_stands_in(model):
    """A view by day, shown at night: how much darker it is by now, the left of the picture tells."""
    torch.manual_seed(0)
    n, left = 32, slice(None, 8)
    day, none = torch.rand(n, 3, ROWS, 16) * 2 - 1, torch.zeros(n, 3, ROWS, 16)
    truth = (day + 1) * (0.2 + 0.8 * torch.rand(n, 1, 1, 1)) - 1
    told = torch.ones(n, N_FACTS, ROWS, 16)
    told[:, 6] = 0  # nothing is painted
    drawn = none.clone()
    drawn[..., left] = truth[..., left]
    shown = Shown(CONFIG, model.pixel_rays)
    optimizer = torch.optim.AdamW(shown.parameters(), lr=1e-2)
    for _ in range(150):
        off = (shown.drawn(drawn, Found(day, none, told)) - truth)[..., 8:].abs().mean()
        optimizer.zero_grad()
        off.backward()
        optimizer.step()
    assert off < 0.3 * (day - truth)[..., 8:].abs().mean()


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
