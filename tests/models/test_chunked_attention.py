"""Attention with chunks of frames: who sees whom, plain against FlexAttention, and streaming by whole chunks."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn.attention import flex_attention

from models import addressing, masks
from models.attention import LocalAttention
from models.config import ModelConfig
from models.state import KVState
from tests.models.tiny import FAMILIES, SMALL, assert_same_state, inputs, part_of, randomised

TOLERANCE = 2e-5
SIZES = [(1, 0), (1, 2), (1, 12), (2, 2), (2, 5), (3, 3), (5, 5)]
"""Chunk and window; a window longer than a chunk carries frames that are not seen, and a long one is put to frames together."""


def close(a, b, tolerance=TOLERANCE):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


def seen_by(frame, window, chunk):
    positions = torch.arange(-12, 12)
    return positions[masks.visible(torch.tensor(frame), positions, window, chunk)].tolist()


def test_without_chunks_a_frame_sees_itself_and_its_window():
    assert seen_by(4, 2, 1) == [2, 3, 4]
    assert seen_by(0, 0, 1) == [0]


def test_with_chunks_a_frame_sees_its_own_and_the_one_before():
    assert seen_by(0, 3, 3) == seen_by(2, 3, 3) == [-3, -2, -1, 0, 1, 2]
    assert seen_by(3, 5, 3) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("chunk", "window"), SIZES)
def test_every_distance_seen_has_a_bias_of_its_own_and_every_bias_a_distance(chunk, window):
    query, key = torch.arange(3 * chunk)[:, None], torch.arange(-window - chunk, 3 * chunk)
    seen = masks.visible(query, key, window, chunk)
    pairs = {
        (int(ago), int(i)) for ago, i in zip((query - key)[seen], masks.lag_index(query, key, window, chunk)[seen], strict=True)
    }
    n = masks.n_lags(window, chunk)
    assert sorted(pairs, reverse=True) == [(masks.reach(window, chunk) - i, i) for i in range(n)]
    assert n == (window + 1 if chunk == 1 else 3 * chunk - 1)


def layer(chunk, window, n_chunks=3, device="cpu"):
    """A layer, its tokens, and a state of which the first row has seen one frame only."""
    torch.manual_seed(0)
    attention = LocalAttention(ModelConfig(**(SMALL | {"chunk": chunk, "window": window})))
    with torch.no_grad():
        attention.lag.normal_()
    shape = (2, window, attention.s, attention.h, attention.p)
    valid = torch.ones(2, window, dtype=torch.bool)
    valid[0, : window - 1] = False
    state = KVState(torch.randn(shape).to(device), torch.randn(shape).to(device), valid.to(device))
    phases = torch.randn(2, n_chunks * chunk, attention.s, attention.h, attention.p // 2)
    tokens = torch.randn(2, n_chunks * chunk, attention.s, attention.h * attention.p)
    return attention.to(device), tokens.to(device), phases.to(device), state


def brute_force(attention, tokens, phases, state):
    """What goes into the last projection, and the same by scores of all tokens on all entries under mask and bias."""
    inner = {}
    attention.out.register_forward_pre_hook(lambda _, args: inner.update(mixed=args[0]))
    attention.norm_q.register_forward_hook(lambda _, args, out: inner.update(q=out))
    _, keys = attention(tokens, phases, state, "plain")
    queries = addressing.rotate(inner["q"], phases)
    t, w, s = tokens.shape[1], attention.window, attention.s
    scores = torch.einsum("bishp,bjrhp->bhisjr", queries, keys.k) * attention.p**-0.5
    query, key = torch.arange(t)[:, None], torch.arange(-w, t)
    seen = masks.visible(query, key, w, attention.chunk) & keys.valid[:, None]
    scores = scores + attention.lag[:, masks.lag_index(query, key, w, attention.chunk)][:, :, None, :, None]
    scores = scores.masked_fill(~seen[:, None, :, None, :, None], -torch.inf)
    weights = scores.flatten(-2).softmax(-1).unflatten(-1, (-1, s))
    return inner["mixed"], torch.einsum("bhisjr,bjrhp->bishp", weights, keys.v).flatten(-2)


@pytest.mark.parametrize(("chunk", "window"), SIZES)
def test_plain_attention_equals_all_scores_under_the_mask(chunk, window):
    with torch.no_grad():
        got, expected = brute_force(*layer(chunk, window))
    close(got, expected)


def outcome(kernel, chunk, window, device):
    """Outputs, and the gradients of tokens, carried keys and every parameter."""
    attention, tokens, phases, state = layer(chunk, window, device=device)
    leaves = [tokens.requires_grad_(), state.k.requires_grad_(), *attention.parameters()]
    outputs, _ = attention(tokens, phases, state, kernel)
    (outputs * torch.linspace(-1, 1, outputs.numel(), device=device).view_as(outputs)).sum().backward()
    return [outputs, *(leaf.grad for leaf in leaves)]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize(("chunk", "window"), [(1, 2), (1, 12), (2, 5), (5, 5)])
def test_flex_attention_equals_the_plain_one_in_values_and_gradients(chunk, window, monkeypatch):
    # PyTorch refuses gradients of FlexAttention on a CPU only because no fused kernel has them; unfused they exist
    monkeypatch.setattr(flex_attention, "_validate_device", lambda *_: None)
    for got, expected in zip(outcome("flex", chunk, window, "cpu"), outcome("plain", chunk, window, "cpu"), strict=True):
        close(got, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: the fused FlexAttention runs there alone")
@pytest.mark.parametrize(("chunk", "window"), [(1, 2), (5, 5)])
def test_fused_flex_attention_equals_the_plain_one_on_cuda(chunk, window):
    for got, expected in zip(outcome("flex", chunk, window, "cuda"), outcome("plain", chunk, window, "cuda"), strict=True):
        close(got, expected, tolerance=5e-3)  # the fused kernel multiplies in TF32


FAMILY_NAMES = ["maze-attention", "map-and-ssd", "maze-paper", "maze-mamba"]


def chunked(family, chunk=3, window=4):
    return randomised(dataclasses.replace(FAMILIES[family], chunk=chunk, window=window))


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("split", [[3, 3, 3, 3], [6, 6], [3, 9], [9, 3]], ids=str)
def test_any_split_into_whole_chunks_equals_one_call(family, split):
    model = chunked(family)
    frames, level, control = inputs(model.config, 2, 12)
    whole, final = model(frames, level, control, model.init_state(2))
    state, parts, start = model.init_state(2), [], 0
    for n in split:
        now = slice(start, start + n)
        part, state = model(frames[:, now], level[:, now], part_of(control, (slice(None), now)), state)
        parts.append(part)
        start += n
    close(torch.cat(parts, dim=1), whole)
    assert_same_state(state, final)


def test_a_changed_frame_changes_its_own_chunk_both_ways_and_no_earlier_one():
    model = chunked("map-and-ssd")
    frames, level, control = inputs(model.config, 2, 12)
    before, _ = model(frames, level, control, model.init_state(2))
    changed = frames.clone()
    changed[:, 7] = -changed[:, 7]
    after, _ = model(changed, level, control, model.init_state(2))
    moved = (after - before).abs().amax(dim=(0, 2, 3, 4))
    assert (moved[:6] == 0).all()
    assert (moved[6:] > 1e-4).all()


def test_attention_alone_reaches_one_chunk_back_a_layer():
    model = chunked("maze-attention")
    frames, level, control = inputs(model.config, 2, 12)
    before, _ = model(frames, level, control, model.init_state(2))
    changed = frames.clone()
    changed[:, 0] = -changed[:, 0]
    after, _ = model(changed, level, control, model.init_state(2))
    moved = (after - before).abs().amax(dim=(0, 2, 3, 4))
    n = 3 * (1 + len(model.config.layers))
    assert (moved[:n] > 1e-6).all()
    assert (moved[n:] == 0).all()


def test_a_call_of_part_of_a_chunk_is_refused():
    model = chunked("map-and-ssd")
    with pytest.raises(ValueError, match="4 frames in a call of a model with chunk 3; give a multiple of 3"):
        model(*inputs(model.config, 2, 4), model.init_state(2))


@pytest.mark.parametrize(
    ("chunk", "window", "message"),
    [
        (0, 4, "chunk 0 holds no frame; choose 1 for play"),
        (5, 4, "window 4 does not reach over the chunk before, of 5 frames; choose window >= chunk"),
    ],
)
def test_a_chunk_that_cannot_be_says_what_was_expected(chunk, window, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(chunk=chunk, window=window)
