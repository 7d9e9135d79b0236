"""The recurrence frame by frame and token by token: slow, obvious, and what every other implementation must equal."""

from __future__ import annotations

import torch
from torch import Tensor


def ssd_scan(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """As `models.ops.scan.ssd_scan`."""
    outputs, states = [], [state]
    for t in range(x.shape[1]):
        rows = [torch.einsum("bhn,bhpn->bhp", C[:, t, i], states[-1]) for i in range(C.shape[2])]
        outputs.append(torch.stack(rows, dim=1))
        after = log_decay[:, t].exp()[..., None, None] * states[-1]
        for i in range(x.shape[2]):
            after = after + torch.einsum("bhp,bhn->bhpn", x[:, t, i], B[:, t, i])
        states.append(after)
    return torch.stack(outputs, dim=1), torch.stack(states, dim=1)
