"""Frame-local attention: every frame sees itself and the last w frames, through keys that are carried.

With chunks of c > 1 frames (offline only) a frame sees all of its own chunk, both ways, and all of the chunk before.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import flex, masks
from models.addressing import rotate
from models.config import ModelConfig
from models.state import KVState

Kernel = Literal["auto", "plain", "flex"]


class LocalAttention(nn.Module):
    """Multi-head attention over the own frame and `window` past frames; queries and keys turn with the pose."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.window, self.chunk, self.p = config.window, config.chunk, config.d_head
        self.h = config.d_model // config.d_head
        self.s = config.n_tokens
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model, bias=False)
        self.out = nn.Linear(config.d_model, config.d_model, bias=False)
        self.norm_q, self.norm_k = nn.RMSNorm(self.p), nn.RMSNorm(self.p)
        self.lag = nn.Parameter(torch.zeros(self.h, masks.n_lags(self.window, self.chunk)))  # oldest first

    def init_state(self, b: int, device: torch.device, dtype: torch.dtype) -> KVState:
        keys = torch.zeros(b, self.window, self.s, self.h, self.p, device=device, dtype=dtype)
        return KVState(keys, keys, torch.zeros(b, self.window, dtype=torch.bool, device=device))

    def forward(self, tokens: Tensor, phases: Tensor | None, state: KVState, kernel: Kernel = "auto") -> tuple[Tensor, KVState]:
        """tokens (b, t, s, d) -> outputs, and the keys of all w + t frames; frame i attends to entries i .. i + w.

        With chunks, t must be whole ones, so that the next call starts at a chunk again: ValueError otherwise.
        kernel: "auto" is FlexAttention for chunks on CUDA and plain matrix products for all else.
        """
        q, keys = self.project(tokens, phases, state)
        if kernel == "auto":
            kernel = "flex" if self.chunk > 1 and tokens.device.type == "cuda" else "plain"
        mixed = flex.attend(q, keys, self.lag, self.window, self.chunk) if kernel == "flex" else self._attend(q, keys)
        return self.out(mixed.to(tokens.dtype)), keys

    def project(self, tokens: Tensor, phases: Tensor | None, state: KVState) -> tuple[Tensor, KVState]:
        """The queries of the t frames (b, t, s, h, p) and the keys of all w + t: all that a call that only absorbs needs."""
        b, t = tokens.shape[:2]
        if t % self.chunk:
            raise ValueError(f"{t} frames in a call of a model with chunk {self.chunk}; give a multiple of {self.chunk}")
        q, k, v = self.qkv(tokens).unflatten(-1, (3, self.h, self.p)).unbind(-3)
        q, k = self.norm_q(q), self.norm_k(k)
        if phases is not None:
            q, k = rotate(torch.stack([q, k]), phases).unbind()
        seen = torch.ones(b, t, dtype=torch.bool, device=tokens.device)
        keys = KVState(
            torch.cat([state.k.to(k.dtype), k], dim=1),
            torch.cat([state.v.to(v.dtype), v], dim=1),
            torch.cat([state.valid, seen], dim=1),
        )
        return q, keys

    def _together(self, t: int) -> int:
        """Frames whose queries are put to the same entries: a chunk's; else one, or some in a long window, to copy keys less."""
        if self.chunk > 1:
            return self.chunk
        return next(n for n in range(max(1, self.window // 4), 0, -1) if t % n == 0)

    def _attend(self, q: Tensor, keys: KVState) -> Tensor:
        """q (b, t, s, h, p) on the keys of all w + t frames -> (b, t, s, h p)."""
        b, t, s, h, p = q.shape
        n = self._together(t)
        back = self.window if self.chunk == 1 else self.chunk  # entries before the first of the n frames
        k, v, valid = (part[:, self.window - back :].unfold(1, back + n, n).movedim(-1, 2) for part in keys)  # (b, t / n, l, ...)
        m = b * t // n
        queries = q.reshape(m, -1, h, p).transpose(1, 2)  # (m, h, n s, p)
        values = v.reshape(m, -1, h, p).transpose(1, 2)
        bias = self._bias(n, back).masked_fill(~valid.reshape(m, 1, 1, -1), -torch.inf)  # (m, h, n, l)
        if n > 1:
            bias = bias.repeat_interleave(s, dim=2)  # (m, h, n s, l)
        scores = (queries @ k.reshape(m, -1, h, p).permute(0, 2, 3, 1)) * p**-0.5
        scores = scores.unflatten(-1, (-1, s)) + bias[..., None].to(scores.dtype)
        weights = F.softmax(scores.flatten(-2), dim=-1, dtype=torch.float32).to(values.dtype)
        return (weights @ values).transpose(1, 2).reshape(b, t, s, h * p)

    def _bias(self, n: int, back: int) -> Tensor:
        """The lag's bias (h, n, l) of n frames on the l = back + n entries put to them, -inf where they must not look."""
        if n == self.chunk == 1:
            return self.lag[:, None]  # a frame alone sees all of them
        query = torch.arange(n, device=self.lag.device)[:, None]
        key = torch.arange(-back, n, device=self.lag.device)
        bias = self.lag[:, masks.lag_index(query, key, self.window, self.chunk)]
        return bias.masked_fill(~masks.visible(query, key, self.window, self.chunk), -torch.inf)
