"""B and C that turn with the place looked at: what is found depends on where places lie to one another, and on that alone."""

from __future__ import annotations

import torch

from models import addressing
from models.config import Layer, ModelConfig
from models.mamba import MambaMixer
from models.rotary import Rotary
from tests.models.tiny import SMALL, walk

CONFIG = ModelConfig(layers=(Layer(mixer="ssd", block=(2, 4), pose_scan=True),), **SMALL)


def outputs(pose):
    torch.manual_seed(0)
    mixer = MambaMixer(CONFIG, CONFIG.layers[0])
    tokens = torch.randn(2, 6, CONFIG.n_tokens, CONFIG.d_model)
    turns = Rotary(CONFIG.n_ssd_heads, CONFIG.d_state)(addressing.rays(CONFIG, pose, addressing.token_angles(CONFIG)))
    with torch.no_grad():
        return mixer(tokens, turns, mixer.init_state(2, tokens.device))[0]


def test_a_world_that_lies_elsewhere_changes_nothing():
    pose = walk(2, 6).pose
    elsewhere = pose + torch.tensor([3.7, -1.2, 0.0, 0.0, 0.0])
    torch.testing.assert_close(outputs(elsewhere), outputs(pose), atol=1e-4, rtol=1e-4)


def test_a_frame_seen_from_elsewhere_changes_what_later_ones_find():
    pose = walk(2, 6).pose
    moved = pose.clone()
    moved[:, 2, 0] += 0.5
    change = (outputs(moved) - outputs(pose)).abs().amax(dim=(0, 2, 3))
    assert change[:2].max() == 0
    assert change[3:].min() > 1e-3


def test_the_same_place_is_found_from_another_side():
    """Two rays that cross at the distance a head looks at give it the same phases of the place, whatever their bearing."""
    rotary = Rotary(2, 16)
    point, distance = torch.tensor([4.0, 5.0]), rotary.distance[1]
    bearings = torch.tensor([0.3, 2.1])
    origin = point - distance * torch.stack([bearings.cos(), bearings.sin()], -1)
    view = addressing.Rays(origin[None], bearings[None, :, None])
    phases = rotary(view)[0, :, 0, 1]  # (frames, p / 2) of the second head
    of_place = phases[:, 4:]
    torch.testing.assert_close(of_place[0], of_place[1], atol=1e-4, rtol=1e-4)
    assert (phases[0, :4] - phases[1, :4]).abs().max() > 0.1
