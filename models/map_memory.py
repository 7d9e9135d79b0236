"""Pose-addressed SSD: the state is a soft metric map, written and read at the points along each viewing ray.

The recurrence is that of `models.ops.scan`. What differs from Mamba-2 is how B and C come about: the pose turns every token
into a ray, the ray's points are slots of a map (a torus of `MapGrid` slots), and the data decide only how strongly each
point is written (B) and what to make of each point read (C). Every head also carries a channel that counts what was
written, so that a reading is a weighted mean with a confidence: "I have never seen this" is something the network knows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import addressing
from models.addressing import Address
from models.config import ModelConfig
from models.ops.scan import carried_states
from models.state import SSMState

SLOWEST_FRAMES = 4000.0
FADE = 0.05
"""How much of what a place holds goes at first when as much as a full write comes there, for maps that are overwritten."""


class MapMixer(nn.Module):
    """Map memory of one layer: `n_map_heads` maps of `d_map_head` channels and a count."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        grid = config.grid
        self.h, self.p, self.z = config.n_map_heads, config.d_map_head, grid.n_depths
        self.n_slots = (grid.n_y, grid.n_x)
        inner = self.h * self.z * self.p
        self.values = nn.Linear(config.d_model, self.h * self.p, bias=False)
        self.strength = nn.Linear(config.d_model, self.h * self.z)
        nn.init.constant_(self.strength.bias, -2.0)
        self.gate = nn.Linear(config.d_model, self.h * self.p)
        self.outward = nn.Linear(inner + self.h * self.z, config.d_model, bias=False)
        self.decay = nn.Parameter(_for_softplus(self.h, 1 / SLOWEST_FRAMES))
        self.fade = nn.Parameter(_for_softplus(self.h, FADE)) if config.overwrite else None

    def init_state(self, b: int, device: torch.device) -> SSMState:
        n_y, n_x = self.n_slots
        return SSMState(torch.zeros(b, 1, self.h, self.p + 1, n_y * n_x, device=device))

    def write(self, tokens: Tensor, address: Address) -> Tensor:
        """What each frame adds to the maps: (b, t, h, p + 1, n)."""
        values = self.values(tokens).unflatten(-1, (self.h, self.p))
        marked = torch.cat([values, torch.ones_like(values[..., :1])], dim=-1)  # (b, t, s, h, p + 1)
        strength = torch.sigmoid(self.strength(tokens).unflatten(-1, (self.h, self.z)).float()).to(tokens.dtype)
        columns = address.y.to(tokens.dtype).transpose(-1, -2).unsqueeze(3) * strength.unsqueeze(-2)  # (b, t, s, h, n_y, z)
        B = (columns @ address.x.to(tokens.dtype).unsqueeze(3)).flatten(-2)  # (b, t, s, h, n)
        return torch.einsum("btshp,btshn->bthpn", marked, B).float()

    def read(self, maps: Tensor, address: Address) -> Tensor:
        """What lies along the rays: (b, t, s, h, z, p + 1) from the first t of the maps (b, t or t + 1, h, p + 1, n)."""
        b, t, s, z, taps = address.slot.shape
        n, n_maps = maps.shape[-1], maps.shape[1]
        slots = maps.flatten(2, 3).transpose(2, 3).reshape(b * n_maps * n, self.h * (self.p + 1))
        frame = n_maps * torch.arange(b, device=maps.device)[:, None] + torch.arange(t, device=maps.device)
        index = (address.slot + n * frame[..., None, None, None]).reshape(-1, taps)
        found = F.embedding_bag(index, slots, per_sample_weights=address.share.reshape(-1, taps).to(slots.dtype), mode="sum")
        return found.reshape(b, t, s, z, self.h, self.p + 1).transpose(3, 4)

    def forward(self, tokens: Tensor, address: Address, state: SSMState, *, absorb: bool = True) -> tuple[Tensor, Tensor]:
        """tokens (b, t, s, d) -> outputs (b, t, s, d) and the states (b, t + 1, 1, h, p + 1, n).

        absorb=False: one frame that only reads; its states are the one handed in, (b, 1, 1, h, p + 1, n).
        """
        states = self._carried(tokens, address, state) if absorb else state.ssm
        found = self.read(states, address)  # all of them: a slice's gradient is another copy of all
        mean, known = mean_and_trust(found)
        gate = torch.sigmoid(self.gate(tokens)).unflatten(-1, (self.h, 1, self.p))
        told = torch.cat([(mean * gate).flatten(-3), known.flatten(-3)], dim=-1)
        return self.outward(told.to(tokens.dtype)), states.unsqueeze(2)

    def _carried(self, tokens: Tensor, address: Address, state: SSMState) -> Tensor:
        """The states (b, t + 1, h, p + 1, n) before every frame, and after the last."""
        b, t = tokens.shape[:2]
        log_decay = -F.softplus(self.decay).expand(b, t, self.h)
        writes = self.write(tokens, address)
        if self.fade is not None:
            log_decay = log_decay[..., None] - F.softplus(self.fade)[:, None] * writes[:, :, :, -1]  # (b, t, h, n)
        return carried_states(writes, log_decay, state.ssm[:, 0])


def _for_softplus(n: int, value: float) -> Tensor:
    """(n,) whose softplus is `value`."""
    return torch.log(torch.expm1(torch.full((n,), value)))


def mean_and_trust(found: Tensor) -> tuple[Tensor, Tensor]:
    """What was written on average (..., p), and how sure that is (..., 1) in 0..1, from slots or readings (..., p + 1)."""
    count = found[..., -1:].clamp(min=0.0)
    return found[..., :-1] / (count + 0.05), count / (count + 0.05)


def address_of(config: ModelConfig, view: addressing.Rays, *, write: bool = True) -> Address:
    """The map address of every token's ray, shared by all `map` layers of a call; write=False: only where to read."""
    return addressing.map_address(config.grid, view, addressing.depths(config.grid, view.origin.device), write=write)
