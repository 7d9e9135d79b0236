"""What the product is compared with does what it says: the same network, fed or remembering in another way."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.attention import LocalAttention
from models.checkpoint import Checkpoint
from models.config import Layer
from models.ego_motion import EgoMotion
from models.state import n_bytes
from models.world_model import WorldModel
from simulator.benchmarks.floor import again, products_of_a_frame
from simulator.benchmarks.growing_cache import GrowingCache, fill, n_frames, used_bytes
from simulator.benchmarks.passes import Stream, absorb, denoise
from simulator.benchmarks.recompute import from_window
from tests.models.tiny import FAMILIES, assert_same_state, randomised

ATTENTION_ONLY = dataclasses.replace(FAMILIES["map-and-ssd"], layers=(Layer(mixer="none"),), nearness=())
"""One layer, whose only past is what attention sees."""


def dreamt(model, n):
    """The first `n` frames of a dream."""
    stream = Stream(model)
    with torch.inference_mode():
        return torch.cat([stream.step() for _ in range(n)], dim=1)


def watched(model, frames):
    """What a model that watches `frames` (1, t, 3, H, W) one by one predicts of each beforehand."""
    state, seen = model.init_state(1), []
    with torch.inference_mode():
        for t in range(frames.shape[1]):
            seen.append(denoise(model, state, t, 1))
            state = absorb(model, state, frames[:, t : t + 1], t)
    return torch.cat(seen, dim=1)


def with_wide_window(model, window):
    """The same weights with a longer window, whose older frames count as the oldest of the model's own."""
    config = dataclasses.replace(model.config, window=window)
    weights = dict(model.state_dict())
    for name, lag in weights.items():
        if name.endswith("attention.lag"):
            weights[name] = torch.cat([lag[:, :1].expand(-1, window - model.config.window), lag], dim=1)
    wide = WorldModel(config).eval().requires_grad_(False)
    wide.load_state_dict(weights)
    return wide


@pytest.mark.parametrize("family", ["maze-small", "maze-paper", "map-and-ssd"])
def test_a_growing_cache_is_local_attention_while_the_history_is_shorter_than_the_window(family):
    model = randomised(FAMILIES[family])
    n = model.config.window + 1
    torch.testing.assert_close(dreamt(GrowingCache(model, n), n), dreamt(model, n), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("family", ["maze-small", "map-and-ssd"])
def test_a_growing_cache_is_attention_with_a_window_as_long_as_its_history(family):
    model = randomised(FAMILIES[family])
    frames = torch.rand(1, 9, 3, *model.config.image) * 2 - 1
    seen = watched(GrowingCache(model, 9), frames)
    torch.testing.assert_close(seen, watched(with_wide_window(model, 9), frames), atol=2e-5, rtol=2e-5)
    assert (seen - watched(model, frames))[:, -1].abs().max() > 1e-3


def test_a_growing_cache_sees_its_first_frame_where_local_attention_does_not():
    model = randomised(ATTENTION_ONLY)
    frames = torch.rand(1, 6, 3, *model.config.image) * 2 - 1
    changed = frames.clone()
    changed[:, 0] = -changed[:, 0]
    difference = [
        (watched(network, frames) - watched(network, changed))[:, -1].abs().max() for network in (model, GrowingCache(model, 6))
    ]
    assert difference[0] == 0
    assert difference[1] > 1e-4


def test_looking_ahead_leaves_a_growing_cache_as_it_was():
    model = GrowingCache(randomised(FAMILIES["map-and-ssd"]), 8)
    stream = Stream(model)
    with torch.inference_mode():
        for _ in range(4):
            stream.step()
        earlier, first = stream.state, denoise(model, stream.state, 4, 2)
        stream.step()
        assert torch.equal(denoise(model, earlier, 4, 2), first)
        assert [n_frames(layer.local) for layer in earlier.layers] == [4, 4]
        assert [n_frames(layer.local) for layer in stream.state.layers] == [5, 5]


def test_a_full_cache_says_so():
    stream = Stream(GrowingCache(randomised(FAMILIES["map-and-ssd"]), 2))
    stream.step()
    stream.step()
    with pytest.raises(ValueError, match="1 frames after 2; a cache for 2 takes"):
        stream.step()


def test_a_history_is_filled_with_its_own_frames_and_counts_what_it_uses():
    model = randomised(FAMILIES["map-and-ssd"])
    stream = Stream(GrowingCache(model, 50))
    with torch.inference_mode():
        stream.step()
        one = used_bytes(stream.state)
        for _ in range(2):
            stream.step()
        three = used_bytes(stream.state)
        filled = fill(stream.state, 12)
    layer, s = filled.layers[0].local, model.config.n_tokens
    assert n_frames(layer) == 12
    assert torch.equal(layer.k[:, :, 9 * s : 12 * s], layer.k[:, :, : 3 * s])
    keys = sum(2 * s * model.config.d_model * 4 + 1 for _ in model.config.layers)  # k, v in float32, and that they are there
    assert three - one == 2 * keys
    assert used_bytes(filled) - three == 9 * keys
    assert n_bytes(filled) > used_bytes(filled)


@pytest.mark.parametrize("family", ["maze-small", "maze-mamba", "map-and-ssd"])
@pytest.mark.parametrize("n_steps", [1, 3])
def test_a_window_computed_anew_is_the_stream_that_began_with_it(family, n_steps):
    model = randomised(FAMILIES[family])
    frames = torch.rand(1, 7, 3, *model.config.image) * 2 - 1
    state = model.init_state(1)
    with torch.inference_mode():
        for t in range(7):
            state = absorb(model, state, frames[:, t : t + 1], t)
        expected = denoise(model, state, 7, n_steps)
        torch.testing.assert_close(from_window(model, frames, 7, n_steps), expected, atol=2e-5, rtol=2e-5)
        assert (from_window(model, frames[:, 5:], 7, n_steps) - expected).abs().max() > 1e-3  # what is older is lost


@pytest.mark.parametrize("n_steps", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_products_of_a_frame_are_all_of_them(family, n_steps):
    model = randomised(FAMILIES[family])
    network = Checkpoint(model, EgoMotion(model.config), "tiny")
    products = products_of_a_frame(network, n_steps)
    stream = Stream(model, n_steps)
    for _ in range(model.config.window + 1):
        stream.step()
    with FlopCounterMode(display=False) as whole, torch.no_grad():
        told = torch.zeros(1, 5), torch.zeros(1, dtype=torch.int64), torch.zeros(1, 5), model.init_state(1).cubes
        network.ego_motion(torch.zeros(1, 3, *model.config.image), *told)
        stream.step()
    with FlopCounterMode(display=False) as alone:
        again(products, torch.float32)()
    assert alone.get_total_flops() == whole.get_total_flops() > 0


def test_products_run_in_the_precision_asked_for():
    network = Checkpoint(randomised(FAMILIES["map-and-ssd"]), None, "tiny")
    results = again(products_of_a_frame(network, 1), torch.bfloat16)()
    assert {result.dtype for result in results} == {torch.bfloat16}


def test_the_comparators_keep_the_weights():
    model = randomised(FAMILIES["map-and-ssd"])
    grown = GrowingCache(model, 4)
    assert all(torch.equal(value, grown.state_dict()[name]) for name, value in model.state_dict().items())
    assert isinstance(grown.blocks[0].attention, LocalAttention)
    assert_same_state(*(network.init_state(1)._replace(layers=()) for network in (model, grown)))
    assert torch.isfinite(dreamt(grown, 3)).all()
