"""Frame-local attention as one FlexAttention call: what `models.attention` does plainly, without the scores in memory."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from models import masks
from models.state import KVState


def attend(q: Tensor, keys: KVState, lag: Tensor, window: int, chunk: int) -> Tensor:
    """q (b, t, s, h, p) on the keys of all w + t frames, with lag (h, n_lags) -> (b, t, s, h p).

    Compiled on CUDA. On a CPU PyTorch runs it unfused and refuses gradients, so it serves there as a check alone.
    """
    t, s = q.shape[1:3]
    valid = keys.valid

    def bias(score: Tensor, b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        frame, entry = query // s, key // s
        added = lag[h, masks.lag_index(frame, entry - window, window, chunk)]
        return torch.where(valid[b, entry], score + added.to(score.dtype), -torch.inf)

    same = keys.v.dtype  # mixed precision may have left queries and keys wider
    queries, k, v = (part.to(same).flatten(1, 2).transpose(1, 2) for part in (q, keys.k, keys.v))  # (b, h, frames s, p)
    out = _kernel(q.device.type)(queries, k, v, score_mod=bias, block_mask=_block_mask(t, s, window, chunk, str(q.device)))
    return out.transpose(1, 2).unflatten(1, (t, s)).flatten(-2)


@functools.cache
def _kernel(device: str) -> Any:
    return torch.compile(flex_attention) if device == "cuda" else flex_attention


@functools.lru_cache(maxsize=16)
def _block_mask(t: int, s: int, window: int, chunk: int, device: str) -> BlockMask:
    """The mask by position alone, so that it is made once for all layers and calls of a shape."""

    def seen(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return masks.visible(query // s, key // s - window, window, chunk)

    return create_block_mask(seen, None, None, t * s, (window + t) * s, device=device)
