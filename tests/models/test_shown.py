"""When to believe what views gone by show is learned from what a model draws of episodes."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import EpisodeError
from models.hour import hour_of
from models.pixels import to_bytes
from models.shown import CLOSED_FACT, N_FACTS, OLD_FACT, OPEN_FACT, SKY_FACT, Found, Shown
from models.training import shown as training
from tests.models.tiny import FAMILIES, episode, randomised

CONFIG = FAMILIES["voxel-cubes"]
ROWS = CONFIG.bar_rows[0]
NO_RATE = torch.zeros(())


def found(colour, paint, told):
    """What was found where the hour is unknown and nobody looks up or down."""
    return Found(colour, paint, told, torch.zeros(len(told), 2), torch.zeros(len(told), 5))


@pytest.fixture
def model(monkeypatch):
    sizes = {
        "N_BEFORE": 5,
        "TOGETHER": 3,
        "N_FRAMES": 20,
        "N_ALONE": 2,
        "N_CHANGED": 1,
        "N_DREAMS": 1,
        "N_DREAMT": 3,
        "N_EPISODES": 3,
    }
    for name, size in sizes.items():
        monkeypatch.setattr(training, name, size)
    return randomised(CONFIG)


def test_steps_are_frames_as_drawn_and_as_they_were(model):
    clip = episode(9)
    steps = training.steps_of(model, clip, np.random.default_rng(0))
    views = torch.from_numpy(clip.image[:, :ROWS]).movedim(-1, 1)
    of = [int(np.flatnonzero([torch.equal(truth, view) for view in views])[0]) for truth in steps.truth]
    assert min(of) >= 5
    assert steps.drawn.shape == steps.colour.shape == steps.paint.shape == (len(of), 3, ROWS, 16)
    assert any(b == a + 1 for a, b in itertools.pairwise(of)), "a dream goes on"
    again = training.steps_of(model, clip, np.random.default_rng(0))
    assert all(torch.equal(a, b) for a, b in zip(steps, again, strict=True)), "asking changes nothing"


def test_frames_in_which_a_block_changes_are_among_those_that_are_drawn():
    clip, draws = episode(200), np.random.default_rng(0)
    told = replace(clip, extras={"n_changes": (np.arange(200) >= 150).cumsum() // 25})
    alone, starts = training._chosen(told, draws)
    assert {174, 199} <= alone
    assert len(alone) <= training.N_ALONE + 2
    assert len(starts) == training.N_DREAMS
    assert min(alone | starts) >= training.N_BEFORE


def test_what_is_right_comes_to_be_believed_and_what_is_wrong_does_not(model):
    """The views, the paint or the network alone show the truth, a third of the time each, as some facts tell."""
    torch.manual_seed(0)
    n = 30
    truth, *others = (torch.rand(n, 3, ROWS, 16) * 2 - 1 for _ in range(4))
    told, kind = torch.ones(n, N_FACTS, ROWS, 16), (torch.arange(n) % 3).view(n, 1, 1)
    told[:, SKY_FACT], told[:, CLOSED_FACT] = 0, 0
    told[:, 2], told[:, 3] = kind == 0, kind == 1
    views, paint, drawn = (torch.where((kind == i)[:, None], truth, other) for i, other in enumerate(others))
    shown = Shown(CONFIG, model.pixel_rays)
    optimizer = torch.optim.AdamW(shown.parameters(), lr=4e-3)
    for _ in range(300):
        colours, logits = shown.choices(drawn, found(views, paint, told), NO_RATE)
        off = (colours - truth[:, None]).abs().mean(dim=2)
        optimizer.zero_grad()
        (logits.softmax(dim=1) * off).sum(dim=1).mean().backward()
        optimizer.step()
    left = (shown.drawn(drawn, found(views, paint, told), NO_RATE)[0] - truth).abs().mean(dim=(1, 2, 3)).view(-1, 3).mean(dim=0)
    assert (left < 0.5 * (others[0] - truth).abs().mean()).all(), left


def test_what_the_network_draws_tells_what_to_believe_and_lends_it_no_light(model):
    torch.manual_seed(0)
    shown = randomised(CONFIG).shown
    day, paint, *drawn = (torch.rand(2, 3, ROWS, 16) * 2 - 1 for _ in range(4))
    told = torch.rand(2, N_FACTS, ROWS, 16)
    told[:, [0, 6]] = 1
    told[:, SKY_FACT] = torch.arange(16) < 8
    one, other = (shown.choices(views, found(day, paint, told), NO_RATE) for views in drawn)
    assert torch.equal(one.colours[:, 1:], other.colours[:, 1:])
    assert not torch.equal(one.logits, other.logits)
    assert torch.equal(one.colours[:, 0], drawn[0])


def test_what_lies_under_a_roof_is_shown_darker(model):
    """Paint looks as in full light: how dark it is, how open to the sky it is tells."""
    torch.manual_seed(0)
    n = 32
    paint, none = torch.rand(n, 3, ROWS, 16) * 2 - 1, torch.zeros(n, 3, ROWS, 16)
    told = torch.ones(n, N_FACTS, ROWS, 16)
    told[:, 0], told[:, SKY_FACT] = 0, 0
    told[:, OPEN_FACT] = (torch.rand(n, 1, 2) > 0.5).float().repeat_interleave(8, dim=-1)
    truth = (paint + 1) * (0.3 + 0.7 * told[:, OPEN_FACT, None]) - 1
    shown = Shown(CONFIG, model.pixel_rays)
    optimizer = torch.optim.AdamW(shown.parameters(), lr=1e-2)
    for _ in range(150):
        colours, _ = shown.choices(none, found(none, paint, told), NO_RATE)
        off = (colours[:, 2] - truth).abs().mean()
        optimizer.zero_grad()
        off.backward()
        optimizer.step()
    assert off < 0.3 * (paint - truth).abs().mean()


def test_a_view_by_day_is_shown_by_night_as_the_hour_tells(model):
    """Nothing the network draws tells how dark it is by now, and no view shows the sky: the hour tells."""
    torch.manual_seed(0)
    n, per_frame = 64, torch.tensor(2 * math.pi / 100)
    day, none = torch.rand(n, 3, ROWS, 16) * 2 - 1, torch.zeros(n, 3, ROWS, 16)
    share, age = 0.25 + 0.5 * torch.rand(n, 1, 1, 1), torch.randint(0, 20, (n, 1, 1, 1))

    def bright(share):
        return torch.exp(torch.sin(2 * math.pi * share) - 1)

    then = (day + 1) * bright(share - 0.01 * age) - 1
    truth = (day + 1) * bright(share) - 1
    sky = torch.zeros(n, 1, ROWS, 16)
    sky[..., :8] = 1
    truth = torch.where(sky > 0, bright(share) - 1, truth)
    told = torch.ones(n, N_FACTS, ROWS, 16)
    told[:, 0], told[:, 6], told[:, SKY_FACT] = 1 - sky[:, 0], sky[:, 0], sky[:, 0]
    told[:, OLD_FACT] = ((1 + age).log() / 4)[:, 0]
    found = Found(then, none, told, 50 * hour_of(share.flatten()), torch.zeros(n, 5))
    shown = Shown(CONFIG, model.pixel_rays)
    optimizer = torch.optim.AdamW(shown.parameters(), lr=1e-2)
    for _ in range(200):
        colours, _ = shown.choices(none, found, per_frame)
        off = torch.where(sky > 0, colours[:, 2], colours[:, 1]) - truth
        optimizer.zero_grad()
        off.abs().mean().backward()
        optimizer.step()
    assert off.abs().mean() < 0.3 * torch.where(sky > 0, none, then - truth).sub(torch.where(sky > 0, truth, none)).abs().mean()


def test_what_is_drawn_over_the_view_is_learned_from_what_lies_under_it(model):
    """Views show every frame as it is, but for a veil in its middle."""
    torch.manual_seed(0)
    n, shown = 200, Shown(CONFIG, model.pixel_rays)
    under = torch.rand(n, 3, ROWS, 16) * 2 - 1
    box = shown.over[0] == 0
    assert box.any()
    truth = torch.where(box, 0.5 * under + 0.25, under)
    told = torch.zeros(n, N_FACTS, ROWS, 16)
    told[:, 0] = 1
    with torch.no_grad():
        shown.lit.bias.copy_(torch.tensor([0.0, 0.0, -50.0, -50.0, -50.0, -50.0]))  # neither light nor air
        shown.out.bias.fill_(50.0)
    parts = [to_bytes(part) for part in (torch.zeros_like(truth), under, torch.zeros_like(truth))]
    steps = training.Steps(*parts, told.half(), to_bytes(truth), torch.zeros(n, 2), torch.zeros(n, 5))
    training.see_through(shown, steps, NO_RATE)
    assert torch.allclose(shown.over[0][box], torch.tensor(0.5), atol=0.02)
    assert torch.allclose(shown.over[1][box], torch.tensor(0.25), atol=0.02)
    assert (shown.over[0][~box] == 1).all()
    assert not shown.over[1][~box].any()
    assert not shown.over.requires_grad


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
