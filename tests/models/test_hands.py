"""The drawer of what hands do: it draws where something happens, for one who stands, and nowhere else; and it can be taught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import Episode
from models.config import HandsSize
from models.hands import stands
from models.training import hands as training
from models.world_model import WorldModel
from tests.models.tiny import FAMILIES, inputs, randomised

CONFIG = FAMILIES["voxel-small"]
TOP, _ = CONFIG.bar_rows


def digging(n_frames: int, seed: int) -> Episode:
    """Key 1 puts a bright block into the middle of the view, key 2 takes it away; the bar tells whether it is there."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 4, n_frames)
    image = rng.integers(60, 70, (n_frames, 16, 16, 3)).astype(np.uint8)
    there = False
    for t in range(n_frames):
        there = action[t] == 1 or (there and action[t] != 2)
        image[t, 4:9, 5:11] = 230 if there else 64
        image[t, TOP:] = 200 if there else 20
    return Episode(image, action, CONFIG.n_actions, np.zeros((n_frames, 5)))


def still(n_rows: int, n_frames: int):
    frames, level, control = inputs(CONFIG, n_rows, n_frames)
    return frames, level, control._replace(motion=torch.zeros_like(control.motion))


def test_untaught_it_draws_nothing():
    torch.manual_seed(0)
    model = WorldModel(CONFIG).eval()
    plain = WorldModel(replace(CONFIG, hands=HandsSize())).eval()
    plain.load_state_dict({name: part for name, part in model.state_dict().items() if not name.startswith("hands.")})
    given = still(2, 6)
    with torch.no_grad():
        drawn, without = (net(*given, net.init_state(2))[0] for net in (model, plain))
    assert torch.equal(drawn, without)


def test_it_draws_into_the_middle_of_the_view_alone_and_only_for_one_who_stands():
    model = randomised(CONFIG)
    plain = WorldModel(replace(CONFIG, hands=HandsSize())).eval()
    plain.load_state_dict({name: part for name, part in model.state_dict().items() if not name.startswith("hands.")})
    frames, level, control = still(2, 12)
    model.hands.happens.bias.fill_(50.0)
    drawn, without = (net(frames, level, control, net.init_state(2))[0] for net in (model, plain))
    other = (drawn != without).any(dim=2)
    rows, columns = model.hands.box
    assert other[:, 1:, rows, columns].any()
    assert not other[:, 0, :TOP].any(), "before the first frame there is none to draw into"
    other[:, :, rows, columns] = False
    assert not other[:, :, :TOP].any()
    walking = control._replace(motion=control.motion + 0.1)
    drawn, without = (net(frames, level, walking, net.init_state(2))[0][..., :TOP, :] for net in (model, plain))
    assert torch.equal(drawn, without)


def test_who_hardly_moves_stands():
    motion = torch.tensor([[0.0] * 5, [0.01, 0, 0, 0.01, 0], [0.03, 0, 0, 0, 0], [0, 0, 0, 0, 0.03]])
    assert stands(motion).tolist() == [True, True, False, False]


def test_it_learns_what_keys_do_to_the_view(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "N_BATCH", 32)
    for seed in range(3):
        episodes.save(digging(200, seed), tmp_path / f"{seed}.npz")
    torch.manual_seed(0)
    hands = WorldModel(CONFIG).eval().hands
    training.train_hands(hands, tmp_path, 250, lr=1e-2, bf16=False)
    steps = training.steps_of(hands, digging(200, 9))
    middle, bar, after = (part.float() / 127.5 - 1 for part in (steps.middle, steps.bar, steps.after))
    with torch.no_grad():
        happens, where, drawn = hands.judge(middle, bar, steps.action)
    assert 0.1 < steps.happens.float().mean() < 0.6
    assert ((happens > 0) == steps.happens).float().mean() > 0.95
    shown = torch.where((where > 0)[:, None], drawn, middle)[steps.happens]
    left = (shown - after[steps.happens]).square().mean() / (middle - after)[steps.happens].square().mean()
    assert left < 0.1


def test_steps_of_one_who_walks_teach_nothing():
    episode = digging(40, 0)
    walked = replace(episode, pose=np.cumsum(np.full((40, 5), 0.05), axis=0) * [1, 0, 0, 0, 0])
    assert len(training.steps_of(randomised(CONFIG).hands, walked).action) == 0


@pytest.mark.parametrize("side", [7, 14, 4])
def test_hands_that_do_not_fit_are_refused(side):
    with pytest.raises(ValueError, match="choose an even side"):
        replace(CONFIG, hands=HandsSize(side=side))
