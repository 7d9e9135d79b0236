"""The SSD recurrence over frames, as chunked matrix products in plain PyTorch. See `reference.py` for what it must equal.

Semantics (state-space duality, Dao & Gu 2024, with one frame of tokens as one step): every frame reads the state that all
earlier frames left, then its tokens write together:

    read    y[t, i] = C[t, i] . S[t]                   S[0] is the state handed in
    write   S[t+1]  = exp(log_decay[t]) S[t] + sum_i x[t, i] (outer) B[t, i]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Scan: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""`ssd_scan(x, log_decay, B, C, state)`. Some keep every state (b, t + 1, h, p, n), some only the last (b, 1, h, p, n)."""

CHUNK = 64
"""Frames whose states are found by one product with a decay matrix; longer calls go chunk by chunk."""


def write_matrices(x: Tensor, B: Tensor) -> Tensor:
    """What each frame adds to the state, (b, t, h, p, n), from x (b, t, s, h, p) and B (b, t, s, h, n)."""
    return torch.einsum("btshp,btshn->bthpn", x, B)


def carried_states(writes: Tensor, log_decay: Tensor, state: Tensor) -> Tensor:
    """The states (b, t + 1, h, p, n) before every frame, and after the last.

    writes (b, t, h, p, n) as from `write_matrices`; log_decay (b, t, h) <= 0; state (b, h, p, n). Float32 throughout.
    """
    states, start = [state[:, None]], state
    for first in range(0, writes.shape[1], CHUNK):
        part = _carry_chunk(writes[:, first : first + CHUNK], log_decay[:, first : first + CHUNK], start)
        states.append(part)
        start = part[:, -1]
    return torch.cat(states, dim=1)


def _carry_chunk(writes: Tensor, log_decay: Tensor, state: Tensor) -> Tensor:
    """States after each of t <= CHUNK frames: one lower-triangular product instead of t steps."""
    b, t, h, p, n = writes.shape
    if t == 1:
        return log_decay.exp()[..., None, None] * state[:, None] + writes
    total = log_decay.cumsum(dim=1).transpose(1, 2)  # (b, h, t), decay from the chunk's start through frame i
    between = total[..., :, None] - total[..., None, :]  # decay from after frame j through frame i
    causal = torch.ones(t, t, dtype=torch.bool, device=writes.device).tril()
    decay = between.masked_fill(~causal, -torch.inf).exp()  # (b, h, i, j)
    flat = writes.transpose(1, 2).reshape(b, h, t, p * n)
    after = decay @ flat + total.exp()[..., None] * state.reshape(b, h, 1, p * n)
    return after.reshape(b, h, t, p, n).transpose(1, 2)


def ssd_scan(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs y (b, t, r, h, p) of r queries a frame, and the states (b, t + 1, h, p, n).

    x (b, t, s, h, p); log_decay (b, t, h) <= 0; B (b, t, s, h, n); C (b, t, r, h, n); state (b, h, p, n).
    """
    states = carried_states(write_matrices(x.float(), B.float()), log_decay.float(), state)
    return torch.einsum("btrhn,bthpn->btrhp", C.float(), states[:, :-1]), states
