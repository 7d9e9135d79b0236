"""Frame-local attention: every frame sees itself and the last w frames, through keys that are carried."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.addressing import rotate
from models.config import ModelConfig
from models.state import KVState


class LocalAttention(nn.Module):
    """Multi-head attention over the own frame and `window` past frames; queries and keys turn with the pose."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.window, self.p = config.window, config.d_head
        self.h = config.d_model // config.d_head
        self.s = config.n_tokens
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model, bias=False)
        self.out = nn.Linear(config.d_model, config.d_model, bias=False)
        self.norm_q, self.norm_k = nn.RMSNorm(self.p), nn.RMSNorm(self.p)
        self.lag = nn.Parameter(torch.zeros(self.h, self.window + 1))  # oldest first

    def init_state(self, b: int, device: torch.device, dtype: torch.dtype) -> KVState:
        keys = torch.zeros(b, self.window, self.s, self.h, self.p, device=device, dtype=dtype)
        return KVState(keys, keys, torch.zeros(b, self.window, dtype=torch.bool, device=device))

    def forward(self, tokens: Tensor, phases: Tensor | None, state: KVState) -> tuple[Tensor, KVState]:
        """tokens (b, t, s, d) -> outputs, and the keys of all w + t frames; frame i attends to entries i .. i + w."""
        b, t = tokens.shape[:2]
        q, k, v = self.qkv(tokens).unflatten(-1, (3, self.h, self.p)).unbind(-3)
        q, k = self.norm_q(q), self.norm_k(k)
        if phases is not None:
            q, k = rotate(q, phases), rotate(k, phases)
        seen = torch.ones(b, t, dtype=torch.bool, device=tokens.device)
        keys = KVState(
            torch.cat([state.k.to(k.dtype), k], dim=1),
            torch.cat([state.v.to(v.dtype), v], dim=1),
            torch.cat([state.valid, seen], dim=1),
        )
        window = (_windows(part, self.window + 1) for part in keys)
        return self.out(self._attend(q, *window).to(tokens.dtype)), keys

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, valid: Tensor) -> Tensor:
        """q (b, t, s, h, p) on k, v (b, t, w + 1, s, h, p), valid (b, t, w + 1) -> (b, t, s, h p)."""
        b, t, s, h, p = q.shape
        queries = q.reshape(b * t, s, h, p).transpose(1, 2)
        keys = k.reshape(b * t, -1, h, p).transpose(1, 2)
        values = v.reshape(b * t, -1, h, p).transpose(1, 2)
        bias = self.lag[:, None].masked_fill(~valid.reshape(b * t, 1, 1, -1), -torch.inf)  # (b t, h, 1, w + 1)
        scores = (queries @ keys.transpose(-1, -2)) * p**-0.5
        scores = scores.unflatten(-1, (-1, s)) + bias[..., None].to(scores.dtype)
        weights = F.softmax(scores.flatten(-2), dim=-1, dtype=torch.float32).to(values.dtype)
        return (weights @ values).transpose(1, 2).reshape(b, t, s, h * p)


def _windows(part: Tensor, length: int) -> Tensor:
    """(b, w + t, ...) -> (b, t, length, ...): the `length` = w + 1 entries ending at each frame."""
    return part.unfold(1, length, 1).movedim(-1, 2)
