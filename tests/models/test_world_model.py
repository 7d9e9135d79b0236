"""One function, any number of frames: streaming equals parallel, the future and the neighbours change nothing."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
import torch

from models.conditioning import Control
from models.state import detach, map_state, n_bytes, tensors, where_rows
from models.world_model import DRAWERS, WorldModel
from tests.models.tiny import FAMILIES, REMEMBERING, assert_same_state, inputs, part_of, randomised

T = 9
TOLERANCE = 1e-4
"""Float32 sums in another order: batched over frames or one frame at a time. Processors differ in it, and where a ray just grazes
a ball a root makes more of it: a hundredth of a level of 255."""

families = pytest.mark.parametrize("family", FAMILIES)


def close(a, b):
    torch.testing.assert_close(a, b, atol=TOLERANCE, rtol=TOLERANCE)


@families
@pytest.mark.parametrize("split", [[1] * T, [2, 3, 4], [5, 1, 3], [8, 1]], ids=str)
def test_any_split_of_the_frames_equals_one_call(family, split):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 2, T)
    whole, final = model(frames, level, control, model.init_state(2))
    state, parts, start = model.init_state(2), [], 0
    for n in split:
        now = slice(start, start + n)
        part, state = model(frames[:, now], level[:, now], part_of(control, (slice(None), now)), state)
        parts.append(part)
        start += n
    close(torch.cat(parts, dim=1), whole)
    assert_same_state(state, final)


@families
def test_a_changed_frame_leaves_earlier_predictions_alone_and_changes_later_ones(family):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 2, T)
    before, _ = model(frames, level, control, model.init_state(2))
    changed = frames.clone()
    changed[:, 4] = -changed[:, 4]
    after, _ = model(changed, level, control, model.init_state(2))
    close(after[:, :4], before[:, :4])
    for t in (4, 5):
        assert (after[:, t] - before[:, t]).abs().max() > 1e-3


@families
@pytest.mark.parametrize("name", ["action", "pose", "motion"])
def test_a_changed_control_leaves_earlier_predictions_alone_and_changes_its_own(family, name):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 2, T)
    before, _ = model(frames, level, control, model.init_state(2))
    value = getattr(control, name).clone()
    value[:, 4] = (value[:, 4] + 1) % 6 if name == "action" else value[:, 4] + 0.3
    after, _ = model(frames, level, control._replace(**{name: value}), model.init_state(2))
    close(after[:, :4], before[:, :4])
    assert (after[:, 4] - before[:, 4]).abs().max() > 1e-3


@pytest.mark.parametrize("family", REMEMBERING)
def test_what_lies_beyond_all_attention_is_remembered(family):
    model = randomised(FAMILIES[family])
    first_and_last = _reach(model, T)
    assert first_and_last > 1e-4


def test_without_a_mixer_nothing_beyond_the_window_is_remembered():
    model = randomised(FAMILIES["maze-attention"])
    reach = len(model.config.layers) * model.config.window + 1
    assert _reach(model, reach + 1) > 1e-6, "the test can tell"
    assert _reach(model, reach + 2) == 0


def _reach(model, n_frames):
    """How much the prediction of the last frame changes with the first one."""
    frames, level, control = inputs(model.config, 2, n_frames)
    before, _ = model(frames, level, control, model.init_state(2))
    frames = frames.clone()
    frames[:, 0] = -frames[:, 0]
    after, _ = model(frames, level, control, model.init_state(2))
    return (after[:, -1] - before[:, -1]).abs().max().item()


@families
def test_rows_do_not_move_one_another(family):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 3, T)
    together, final = model(frames, level, control, model.init_state(3))
    for row in range(3):
        only = slice(row, row + 1)
        alone, state = model(frames[only], level[only], part_of(control, only), model.init_state(1))
        close(alone, together[only])
        assert_same_state(state, map_state(lambda part, only=only: part[only], final))


@families
def test_the_state_handed_in_is_untouched_and_can_be_used_again(family):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 2, T)
    _, state = model(frames, level, control, model.init_state(2))
    kept = [part.clone() for part in tensors(state)]
    first, after = model(frames, level, control, state)
    model(-frames, level, control, after)
    second, again = model(frames, level, control, state)
    assert all(torch.equal(a, b) for a, b in zip(tensors(state), kept, strict=True))
    assert torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip(tensors(after), tensors(again), strict=True))


@families
def test_the_state_before_a_frame_is_the_state_of_a_call_on_the_frames_before_it(family):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 2, T)
    _, start = model(*inputs(model.config, 2, 3, seed=5), model.init_state(2))
    _, trail = model.trace(frames, level, control, start)
    chosen = torch.tensor([[0, 3, 8], [1, 4, 7]])
    states = model.states_before(trail, chosen)
    for place, t in enumerate(chosen.flatten().tolist()):
        row, expected = place // chosen.shape[1], start
        if t:
            _, expected = model(frames[:, :t], level[:, :t], part_of(control, (slice(None), slice(0, t))), start)
            assert_same_state(model.state_at(trail, t), expected)
        one = map_state(lambda part, place=place: part[place : place + 1], states)
        assert_same_state(one, map_state(lambda part, row=row: part[row : row + 1], expected))


@families
def test_targets_predicted_side_by_side_equal_single_frames_predicted_from_the_stream(family):
    model = randomised(FAMILIES[family])
    clean, level, control = inputs(model.config, 2, T)
    noisy, noise_level, _ = inputs(model.config, 2, T, seed=7)
    _, trail = model.trace(clean, level, control, model.init_state(2))
    every = torch.arange(T).expand(2, -1)
    told = part_of(control, (slice(None),))
    rows = type(told)(*(part.flatten(0, 1)[:, None] for part in told))
    together, _ = model(noisy.flatten(0, 1)[:, None], noise_level.flatten()[:, None], rows, model.states_before(trail, every))
    state = model.init_state(2)
    for t in range(T):
        now = (slice(None), slice(t, t + 1))
        alone, _ = model(noisy[now], noise_level[now], part_of(control, now), state)
        close(together.unflatten(0, (2, T))[:, t], alone)
        _, state = model(clean[now], level[now], part_of(control, now), state)


@families
def test_predicting_without_absorbing_is_the_same_picture_and_returns_the_state_handed_in(family):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 2, T)
    _, state = model(frames[:, :-1], level[:, :-1], part_of(control, (slice(None), slice(0, T - 1))), model.init_state(2))
    last = (slice(None), slice(T - 1, T))
    expected, after = model(frames[last], level[last], part_of(control, last), state)
    predicted, same = model(frames[last], level[last], part_of(control, last), state, absorb=False)
    close(predicted, expected)
    assert same is state
    assert any(not torch.equal(a, b) for a, b in zip(tensors(after), tensors(state), strict=True))
    with pytest.raises(ValueError, match="9 frames that are not absorbed"):
        model(frames, level, control, model.init_state(2), absorb=False)


@families
def test_absorbing_without_predicting_leaves_the_same_state(family):
    model = randomised(FAMILIES[family])
    frames, level, control = inputs(model.config, 2, T)
    _, full = model(frames, level, control, model.init_state(2))
    nothing, state = model(frames, level, control, model.init_state(2), predict=False)
    assert nothing.numel() == 0
    assert_same_state(state, full, tolerance=1e-6)


@families
def test_the_state_keeps_its_size_however_long_it_runs(family):
    model = randomised(FAMILIES[family])
    state = model.init_state(1)
    shapes = [part.shape for part in tensors(state)]
    size = n_bytes(state)
    for seed in range(3):
        _, state = model(*inputs(model.config, 1, 7, seed), state)
        assert [part.shape for part in tensors(state)] == shapes
    assert n_bytes(state) == size


def test_rows_are_chosen_from_one_state_or_the_other():
    model = randomised(FAMILIES["map-and-ssd"])
    _, seen = model(*inputs(model.config, 2, 4), model.init_state(2))
    mixed = where_rows(torch.tensor([True, False]), seen, model.init_state(2))
    for part, old, new in zip(tensors(mixed), tensors(seen), tensors(model.init_state(2)), strict=True):
        assert torch.equal(part[:1], old[:1])
        assert torch.equal(part[1:], new[1:])


def test_a_detached_state_carries_no_history():
    model = randomised(FAMILIES["maze-small"]).requires_grad_(True)
    _, state = model(*inputs(model.config, 1, 2), model.init_state(1))
    assert any(part.requires_grad for part in tensors(state))
    assert not any(part.requires_grad for part in tensors(detach(state)))


@families
def test_every_parameter_takes_part_in_the_prediction(family):
    model = randomised(FAMILIES[family]).requires_grad_(True)
    predicted, _ = model(*inputs(model.config, 2, T), model.init_state(2))
    (predicted * torch.linspace(-1, 1, predicted.numel()).view_as(predicted)).sum().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    idle = [
        name for name in idle if not name.startswith(("bar.changes", *(f"{part}." for part in DRAWERS if part != "bar")))
    ]  # yes or no: taught by themselves
    assert not idle


def test_pure_noise_says_nothing_about_the_frame():
    model = randomised(dataclasses.replace(FAMILIES["maze-small"]))
    frames, _, control = inputs(model.config, 1, 1)
    ones = torch.ones(1, 1)
    first, _ = model(frames, ones, control, model.init_state(1))
    second, _ = model(-frames, ones, control, model.init_state(1))
    assert torch.equal(first, second)


def test_where_nothing_is_done_and_nothing_moves_the_picture_is_the_one_before():
    config = dataclasses.replace(FAMILIES["maze-small"], rests=True)
    model = randomised(config)
    frames, _, control = inputs(config, 2, 3)
    told = Control(control.action.clone(), control.pose.clone(), control.motion.clone())
    told.action[:] = 0
    told.motion[0, 1:], told.motion[1, 1], told.motion[1, 2] = 0.0, 5e-4, 0.0
    told.action[1, 2] = 3
    blank = torch.ones(2, 3)
    state = model.init_state(2)
    told.motion[:, 0] = 0.0
    pictures, _ = model(frames, blank, told, state)
    assert torch.equal(pictures[0, 1:], frames[0, :2]), "told twice to rest"
    assert torch.equal(pictures[1, 1], frames[1, 0]), "less than can be seen"
    assert not torch.equal(pictures[1, 2], frames[1, 1]), "a key was pressed"
    assert not torch.equal(pictures[:, 0], state.last.frame), "there was no picture before"
    drawn, _ = randomised(dataclasses.replace(config, rests=False))(frames, blank, told, state)
    assert torch.equal(drawn[1, 2], pictures[1, 2])
    assert not torch.equal(drawn[0, 1], pictures[0, 1])


@families
def test_all_of_a_call_happens_where_the_model_is(family, monkeypatch):
    """On PyTorch's device without data, as on any but the CPU, what was left on the CPU or is fetched back to it is an error."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # which that device does not know
    config = FAMILIES[family]
    model = WorldModel(config).to("meta")
    frames, level, control = inputs(config, 2, 4)
    there = [part.to("meta") for part in (frames, level, *control)]
    prediction, state = model(*there[:2], Control(*there[2:]), model.init_state(2))
    one = [part[:, :1] for part in there]
    prediction, state = model(*one[:2], Control(*one[2:]), state, absorb=False)
    assert {part.device.type for part in (prediction, *tensors(state))} == {"meta"}
