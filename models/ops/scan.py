"""The SSD recurrence over frames, in plain PyTorch. See `reference.py` for what it must equal.

Semantics (state-space duality, Dao & Gu 2024, with one frame of tokens as one step): every frame reads the state that all
earlier frames left, then its tokens write together:

    read    y[t, i] = C[t, i] . S[t]                   S[0] is the state handed in
    write   S[t+1]  = exp(log_decay[t]) S[t] + sum_i x[t, i] (outer) B[t, i]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Scan: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""`ssd_scan(x, log_decay, B, C, state)`. Some keep every state (b, t + 1, h, p, n), some only the last (b, 1, h, p, n)."""


def write_matrices(x: Tensor, B: Tensor) -> Tensor:
    """What each frame adds to the state, (b, t, h, p, n), from x (b, t, s, h, p) and B (b, t, s, h, n)."""
    return torch.einsum("btshp,btshn->bthpn", x, B)


def carried_states(writes: Tensor, log_decay: Tensor, state: Tensor) -> Tensor:
    """The states (b, t + 1, h, p, n) before every frame, and after the last.

    writes (b, t, h, p, n) as from `write_matrices`; log_decay <= 0, one for a head (b, t, h) or for each of its slots
    (b, t, h, n); state (b, h, p, n). Float32 throughout.
    """
    decay = log_decay.exp()
    decay = decay[..., None, None] if decay.ndim == 3 else decay.unsqueeze(3)
    if writes.shape[1] == 1:
        return torch.stack([state, torch.addcmul(writes[:, 0], decay[:, 0], state)], dim=1)
    return _carry(writes, decay, state)


@torch.library.custom_op("revisit::carry", mutates_args=())
def _carry(writes: Tensor, decay: Tensor, state: Tensor) -> Tensor:
    """`carried_states`, frame after frame: what bounds it is memory, which each state crosses once.

    By hand with its gradient, since autograd would fill a whole gradient of all states for every single frame.
    """
    b, t = writes.shape[:2]
    states = writes.new_empty(b, t + 1, *writes.shape[2:])
    states[:, 0] = state
    for i in range(t):
        torch.addcmul(writes[:, i], decay[:, i], states[:, i], out=states[:, i + 1])
    return states


@_carry.register_fake
def _(writes: Tensor, decay: Tensor, state: Tensor) -> Tensor:
    b, t = writes.shape[:2]
    return writes.new_empty(b, t + 1, *writes.shape[2:])


@torch.library.custom_op("revisit::carry_backward", mutates_args=())
def _carry_backward(arriving: Tensor, decay: Tensor, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `_carry`'s writes, decay and state from that of its states: the same recurrence, backwards."""
    for_writes, for_decay = torch.empty_like(states[:, 1:]), torch.empty_like(decay)
    gradient = arriving[:, -1].clone()
    over = [d for d in (2, 3) if decay.shape[d + 1] == 1]
    for i in reversed(range(decay.shape[1])):
        for_writes[:, i] = gradient
        for_decay[:, i] = (gradient * states[:, i]).sum(dim=over, keepdim=True)
        gradient = torch.addcmul(arriving[:, i], decay[:, i], gradient)
    return for_writes, for_decay, gradient


@_carry_backward.register_fake
def _(arriving: Tensor, decay: Tensor, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(states[:, 1:]), torch.empty_like(decay), torch.empty_like(states[:, 0])


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1], output)


def _backward(ctx: Any, arriving: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return _carry_backward(arriving, *ctx.saved_tensors)


_carry.register_autograd(_backward, setup_context=_keep)


def read_states(C: Tensor, states: Tensor) -> Tensor:
    """What queries C (b, t, r, h, n) find in the states before their frames (b, t, h, p, n): (b, t, r, h, p)."""
    return torch.einsum("btrhn,bthpn->btrhp", C, states)


def ssd_scan(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs y (b, t, r, h, p) of r queries a frame, and the states (b, t + 1, h, p, n).

    x (b, t, s, h, p); log_decay (b, t, h) <= 0; B (b, t, s, h, n); C (b, t, r, h, n); state (b, h, p, n).
    """
    states = carried_states(write_matrices(x.float(), B.float()), log_decay.float(), state)
    return read_states(C.float(), states[:, :-1]), states
