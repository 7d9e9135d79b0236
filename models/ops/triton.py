"""The SSD recurrence through mamba-ssm's fused Triton kernel, for GPUs. The only file that imports `mamba_ssm`.

The kernel steps token by token, with a step size dt that scales the decay and the write alike, and reads after writing:

    S <- exp(dt A) S + dt x (outer) B        y = C . S

A frame becomes r reads, one decay and s writes, in this order, so that it reads what earlier frames left:

    read i     dt = 0                    nothing decays, nothing is written, y = C[i] . S
    decay      dt = -log_decay / RATE    with A = -RATE: S <- exp(log_decay) S; x and B are 0
    write i    dt = 1                    S <- exp(-RATE) S + x[i] (outer) B[i]

RATE is a power of two so small that a write's own decay is lost in float32 (1e-12), and the division exact.

Only the last state comes out, (b, 1, h, p, n): it serves prefill and training in one stream, not a trail of states.
The kernel multiplies float32 as TF32 on a GPU: expect three decimal digits.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import types
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 2.0**-40
TOKENS_A_CHUNK = 128
"""Tokens the kernel handles by one product: reads, decays and writes."""


def ssd_scan(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """As `models.ops.scan.ssd_scan`, but of the states the last alone. RuntimeError where mamba-ssm is not usable."""
    t, s, h = x.shape[1:4]
    r = C.shape[2]
    B, C = _shared(B).float(), _shared(C).float()
    if B.shape[3] != C.shape[3]:
        B, C = (part.expand(-1, -1, -1, h, -1) for part in (B, C))
    log_decay = log_decay.float()[:, :, None]
    dt = torch.cat([log_decay.new_zeros(1).expand(len(x), t, r, h), -log_decay / RATE, torch.ones_like(x[..., 0]).float()], 2)
    y, last = _kernel()(
        F.pad(x.float(), (0, 0, 0, 0, r + 1, 0)).flatten(1, 2),
        dt.flatten(1, 2),
        torch.full((h,), -RATE, device=x.device),
        F.pad(B, (0, 0, 0, 0, r + 1, 0)).flatten(1, 2),
        F.pad(C, (0, 0, 0, 0, 0, s + 1)).flatten(1, 2),
        TOKENS_A_CHUNK,
        initial_states=state.float(),
        return_final_states=True,
    )
    return y.unflatten(1, (t, -1))[:, :, :r], last[:, None]


def _shared(part: Tensor) -> Tensor:
    """(b, t, s, 1, n) of a part that was expanded over its heads: the kernel shares it without a copy for each."""
    return part[..., :1, :] if part.stride(3) == 0 else part


def why_not() -> str | None:
    """Why the kernel cannot be had here, or None."""
    try:
        _kernel()
    except RuntimeError as error:
        return str(error)
    return None


@functools.cache
def _kernel() -> Any:
    """`mamba_chunk_scan_combined`. The package's own start is passed over: it wants a CUDA extension this has no use for."""
    if "mamba_ssm" not in sys.modules:
        found = importlib.util.find_spec("mamba_ssm")
        if found is None:
            raise RuntimeError("mamba-ssm is not installed; expected the extra 'cuda': pip install 'revisit[cuda]'")
        package = types.ModuleType("mamba_ssm")
        package.__path__ = list(found.submodule_search_locations or [])
        sys.modules["mamba_ssm"] = package  # stays: the kernels find one another through it
    try:
        return importlib.import_module("mamba_ssm.ops.triton.ssd_combined").mamba_chunk_scan_combined
    except Exception as error:  # whatever a package of compiled parts may raise when it does not fit
        raise RuntimeError(f"mamba-ssm is installed but does not start: {type(error).__name__}: {error}") from error
