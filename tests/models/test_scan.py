"""The recurrence over frames against the token-by-token one: values, states, gradients, decay by head and by slot."""

from __future__ import annotations

import pytest
import torch

from models.ops import reference, scan

TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 3e-2}
"""By the dtype of the inputs; the state is float32 whatever they are."""


def problem(t, s=3, r=2, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    b, h, p, n = 2, 2, 4, 5
    rand = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        rand(b, t, s, h, p).to(dtype),
        -torch.rand(b, t, h, generator=generator),
        rand(b, t, s, h, n).to(dtype),
        rand(b, t, r, h, n).to(dtype),
        rand(b, h, p, n),
    ]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("t", [1, 2, 9, 17])
def test_values_and_states_equal_the_reference(t, dtype):
    args = problem(t, dtype=dtype)
    outputs, states = scan.ssd_scan(*args)
    expected, expected_states = reference.ssd_scan(*(part.float() for part in args))
    torch.testing.assert_close(outputs, expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    torch.testing.assert_close(states, expected_states, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    assert states.dtype == torch.float32
    assert states.shape[1] == t + 1


@pytest.mark.parametrize("t", [1, 5, 13])
def test_gradients_equal_the_reference(t):
    grads = []
    for kernel in (scan, reference):
        args = [part.requires_grad_() for part in problem(t)]
        outputs, states = kernel.ssd_scan(*args)
        weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
        ((outputs * weights).sum() + states[:, -1].square().sum()).backward()
        grads.append([part.grad for part in args])
    for got, expected in zip(*grads, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("t", [1, 6])
@pytest.mark.parametrize("by_slot", [False, True])
def test_carried_states_follow_the_recurrence_and_its_gradient(t, by_slot):
    generator = torch.Generator().manual_seed(0)
    shape = (2, t, 2, 5) if by_slot else (2, t, 2)
    writes = torch.randn(2, t, 2, 4, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    log_decay = (-torch.rand(shape, generator=generator, dtype=torch.float64)).requires_grad_()
    state = torch.randn(2, 2, 4, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    states = scan.carried_states(writes, log_decay, state)
    expected = [state]
    for i in range(t):
        decay = log_decay[:, i].exp()
        expected.append(expected[-1] * (decay[:, :, None] if by_slot else decay[..., None, None]) + writes[:, i])
    torch.testing.assert_close(states, torch.stack(expected, dim=1))
    assert torch.autograd.gradcheck(scan.carried_states, (writes, log_decay, state))


def test_two_calls_on_the_carried_state_equal_one():
    x, log_decay, B, C, state = problem(10)
    whole, states = scan.ssd_scan(x, log_decay, B, C, state)
    first, middle = scan.ssd_scan(x[:, :4], log_decay[:, :4], B[:, :4], C[:, :4], state)
    second, last = scan.ssd_scan(x[:, 4:], log_decay[:, 4:], B[:, 4:], C[:, 4:], middle[:, -1])
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(last[:, -1], states[:, -1], atol=1e-5, rtol=1e-5)


def test_a_frame_does_not_read_what_it_writes_itself():
    x, log_decay, B, C, state = problem(6)
    before, _ = scan.ssd_scan(x, log_decay, B, C, state)
    x[:, 3] += 1
    after, _ = scan.ssd_scan(x, log_decay, B, C, state)
    torch.testing.assert_close(after[:, :4], before[:, :4])
    assert (after[:, 4] - before[:, 4]).abs().max() > 1e-3


def test_strong_decay_over_many_frames_stays_finite():
    x, log_decay, B, C, state = problem(64)
    outputs, states = scan.ssd_scan(x, 50 * log_decay, B, C, state)
    assert torch.isfinite(outputs).all()
    assert torch.isfinite(states).all()
