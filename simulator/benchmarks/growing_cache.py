"""The same network as causal attention over all its past, with a cache of keys that grows: what it costs to drop nothing.

Attention's weights are the model's own and every other part is the same. The cache is written in place and read by
PyTorch's fused attention, so that it is charged with nothing but what it must read.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.attention import Kernel, LocalAttention
from models.config import ModelConfig
from models.state import KVState, LayerState, StreamState, n_bytes
from models.world_model import Trail, WorldModel
from simulator.benchmarks.passes import Stream
from simulator.benchmarks.plan import Plan, Result, Row
from simulator.benchmarks.subject import Subject
from simulator.benchmarks.timing import WARM_UP, compare, times

MOST_TIMED = 20
"""Frames timed at each length of history."""


class GrowingAttention(LocalAttention):
    """`LocalAttention` that sees every past frame, one frame a call; frames older than the window count as its oldest.

    The state holds room for `capacity` frames: k, v (b, h, capacity s, p), valid (b, capacity). A call writes its frame into
    the first free place, so of two states that follow one another both stay right, and two futures of one state do not.
    """

    def __init__(self, config: ModelConfig, capacity: int) -> None:
        super().__init__(config)
        self.capacity = capacity

    def init_state(self, b: int, device: torch.device, dtype: torch.dtype) -> KVState:
        k, v = (torch.zeros(b, self.h, self.capacity * self.s, self.p, device=device, dtype=dtype) for _ in range(2))
        return KVState(k, v, torch.zeros(b, self.capacity, dtype=torch.bool, device=device))

    def project(self, tokens: Tensor, phases: Tensor | None, state: KVState) -> tuple[Tensor, KVState]:
        """The queries (b, 1, s, h, p) of one frame, and the cache with its keys."""
        b, t = tokens.shape[:2]
        n = n_frames(state)
        if t != 1 or n == self.capacity:
            raise ValueError(f"{t} frames after {n}; a cache for {self.capacity} takes one frame a call until it is full")
        nothing = tokens.new_zeros(b, 0, self.s, self.h, self.p)
        q, new = super().project(tokens, phases, KVState(nothing, nothing, state.valid[:, :0]))
        for cache, part in ((state.k, new.k), (state.v, new.v)):
            cache[:, :, n * self.s : (n + 1) * self.s] = part[:, 0].transpose(1, 2)
        return q, state._replace(valid=torch.arange(self.capacity, device=tokens.device).expand(b, -1) <= n)

    def forward(self, tokens: Tensor, phases: Tensor | None, state: KVState, kernel: Kernel = "auto") -> tuple[Tensor, KVState]:
        q, keys = self.project(tokens, phases, state)
        n = n_frames(keys)
        ago = torch.arange(n - 1, -1, -1, device=tokens.device).clamp(max=self.window)
        bias = self.lag[:, self.window - ago].repeat_interleave(self.s, dim=1)[None, :, None].expand(-1, -1, self.s, -1)
        k, v = (part[:, :, : n * self.s] for part in (keys.k, keys.v))
        mixed = F.scaled_dot_product_attention(q[:, 0].transpose(1, 2), k, v, attn_mask=bias.to(q.dtype))
        return self.out(mixed.transpose(1, 2).flatten(-2)[:, None].to(tokens.dtype)), keys


class GrowingCache(WorldModel):
    """The network of `model`, with its weights, attending to every past frame up to `capacity`."""

    def __init__(self, model: WorldModel, capacity: int) -> None:
        super().__init__(model.config)
        for block in self.blocks:
            if block.attention is not None:
                block.attention = GrowingAttention(model.config, capacity)
        self.load_state_dict(model.state_dict())
        self.to(model.head.weight.device).eval()

    def state_at(self, trail: Trail, t: int) -> StreamState:
        state = super().state_at(trail, t)
        layers = tuple(LayerState(layer.long, keys) for layer, (_, keys) in zip(state.layers, trail.layers, strict=True))
        return state._replace(layers=layers)


def n_frames(keys: KVState) -> int:
    """Frames in a cache."""
    return int(keys.valid[0].sum())


def fill(state: StreamState, n: int) -> StreamState:
    """The state with a history of `n` frames: its own, repeated. What the keys say does not change what they cost."""
    for layer in state.layers:
        keys = layer.local
        if keys.valid.numel():
            have, s = n_frames(keys), keys.k.shape[2] // keys.valid.shape[1]
            for cache in keys[:2]:
                index = torch.arange(n * s, device=cache.device) % (have * s)
                cache[:, :, : n * s] = cache[:, :, index]
            keys.valid[:] = torch.arange(keys.valid.shape[1], device=cache.device) < n
    return state


def used_bytes(state: StreamState) -> int:
    """Bytes of a state, free places of its caches left out."""
    free = sum(
        part.nbytes // keys.valid.shape[1] * (keys.valid.shape[1] - n_frames(keys))
        for _, keys in state.layers
        if keys.valid.numel()
        for part in keys
    )
    return n_bytes(state) - free


@torch.inference_mode()
def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio`: a frame with the growing cache against a frame with the state of fixed size, timed in turns."""
    n_timed, model, n_steps = min(plan.frames, MOST_TIMED), subject.plain.model, subject.engine.n_steps
    about = (
        f"The calls of one frame of the plain network with {subject.steps_in_words}: attention over all past frames through a "
        "cache that grows, against the state of fixed size, in turns. A history is the dream's first frames, repeated. Ratio: "
        "growing against fixed."
    )
    facts = subject.facts(dtype=str(model.head.weight.dtype).removeprefix("torch."), attention="fused, written in place")
    if not any(layer.attention for layer in model.config.layers):
        return Result(about, facts, [], ["this network has no attention to compare with"])
    fixed = Stream(model, n_steps)
    growing = Stream(GrowingCache(model, max(plan.histories) + WARM_UP + n_timed), n_steps)
    rows: list[Row] = []
    for n in sorted(plan.histories):
        while growing.t < n and not rows:  # the shortest history is a true one
            fixed.step()
            growing.step()
        growing.state = fill(growing.state, n)
        calls = {"growing": growing.step, "fixed": fixed.step}
        taken = compare(calls, n_timed, plan.seconds, subject.device, f"{n} frames of history")
        sizes = {"cache_bytes": used_bytes(growing.state), "state_bytes": n_bytes(fixed.state)}
        fixed_ms = times(taken["fixed"])["p50_ms"]
        rows.append(
            {"name": f"{n} frames", "frames": n, **times(taken["growing"], taken["fixed"]), "fixed_p50_ms": fixed_ms, **sizes}
        )
    return Result(about, facts, rows)
