"""The Mamba-2 (SSD) mixer, scanned block by block over space and frame by frame over time on a carried state."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.addressing import rotate
from models.config import Layer, ModelConfig
from models.ops.scan import Scan, read_states, ssd_scan
from models.state import SSMState


def to_blocks(tokens: Tensor, grid: tuple[int, int], block: tuple[int, int]) -> Tensor:
    """(b, t, s, d) -> (b * g, t, s / g, d): the tokens of each spatial block, row by row."""
    b, t, _, d = tokens.shape
    (rows, columns), (bh, bw) = grid, block
    cut = tokens.reshape(b, t, rows // bh, bh, columns // bw, bw, d).permute(0, 2, 4, 1, 3, 5, 6)
    return cut.reshape(b * (rows // bh) * (columns // bw), t, bh * bw, d)


def from_blocks(tokens: Tensor, grid: tuple[int, int], block: tuple[int, int]) -> Tensor:
    """The inverse of `to_blocks`."""
    (rows, columns), (bh, bw) = grid, block
    g = (rows // bh) * (columns // bw)
    bg, t, _, d = tokens.shape
    cut = tokens.reshape(bg // g, rows // bh, columns // bw, t, bh, bw, d).permute(0, 3, 1, 4, 2, 5, 6)
    return cut.reshape(bg // g, t, rows * columns, d)


class MambaMixer(nn.Module):
    """Selective state space over time (Dao & Gu 2024, SSD), one state a spatial block (Po et al. 2025, block-wise scan).

    Within a frame the tokens of a block see the carried state and one another; the state then takes the frame's sum.
    With `pose_scan`, B and C turn with the place each token looks at, so that what was written there answers when it is asked.
    """

    def __init__(self, config: ModelConfig, layer: Layer) -> None:
        super().__init__()
        self.grid, self.block, self.pose_scan = config.token_grid, layer.block, layer.pose_scan
        block = layer.block
        self.h, self.p, self.n = config.n_ssd_heads, config.d_ssd_head, config.d_state
        self.g = (self.grid[0] // block[0]) * (self.grid[1] // block[1])
        inner = self.h * self.p
        self.split = (inner, inner, self.n, self.n, self.h)
        self.scan: Scan = ssd_scan
        self.place = nn.Parameter(0.02 * torch.randn(block[0] * block[1], config.d_model))
        self.inward = nn.Linear(config.d_model, sum(self.split), bias=False)
        self.outward = nn.Linear(inner, config.d_model, bias=False)
        self.norm = nn.RMSNorm(inner)
        self.skip = nn.Parameter(torch.ones(self.h))
        self.log_rate = nn.Parameter(torch.linspace(0.0, 2.0, self.h))  # A = -exp(log_rate)
        frames = torch.logspace(0.5, 3.0, self.h)  # remembered for 3 ... 1000 frames at the start
        self.dt_bias = nn.Parameter(torch.log(torch.expm1(1 / (frames * self.log_rate.detach().exp()))))

    def init_state(self, b: int, device: torch.device) -> SSMState:
        return SSMState(torch.zeros(b, self.g, self.h, self.p, self.n, device=device))

    def forward(
        self, tokens: Tensor, turns: Tensor | None, state: SSMState, *, absorb: bool = True, all_states: bool = True
    ) -> tuple[Tensor, Tensor]:
        """tokens (b, t, s, d), turns (b, t, s, h, n / 2) -> outputs (b, t, s, d) and the states (b, t + 1, g, h, p, n).

        all_states=False leaves the work to `self.scan`, which may return the last state alone: (b, 1, g, h, p, n).
        absorb=False: one frame that only reads; its states are the one handed in.
        """
        b = len(tokens)
        blocks = to_blocks(tokens, self.grid, self.block) + self.place
        gate, x, B, C, dt = self.inward(blocks).split(self.split, dim=-1)
        x = F.silu(x).unflatten(-1, (self.h, self.p))
        B, C = F.silu(B).unsqueeze(-2), F.silu(C).unsqueeze(-2)  # shared by all heads
        if self.pose_scan:
            assert turns is not None
            turned = to_blocks(turns.flatten(-2), self.grid, self.block).unflatten(-1, (self.h, -1))
            B, C = rotate(B, turned), rotate(C, turned)
        dt = F.softplus(dt.float() + self.dt_bias)
        log_decay = -self.log_rate.exp() * dt.mean(dim=2)
        written = x.float() * dt[..., None]
        B, C = B.float(), C.float()
        shared = written.flatten(-2).unflatten(-1, (B.shape[-2], -1))  # heads of one B and C side by side: one product for all
        within = torch.einsum("btihn,btjhn,btjhp->btihp", C, B, shared)
        B, C = (part.expand(-1, -1, -1, self.h, -1) for part in (B, C))
        if absorb:
            y, states = (ssd_scan if all_states else self.scan)(written, log_decay, B, C, state.ssm.flatten(0, 1))
        else:
            states = state.ssm.flatten(0, 1)[:, None]
            y = read_states(C, states)
        y = y + within.flatten(-2).unflatten(-1, (self.h, self.p)) + self.skip[:, None] * x
        out = self.outward(self.norm(y.flatten(-2).to(tokens.dtype)) * F.silu(gate))
        return from_blocks(out, self.grid, self.block), states.unflatten(0, (b, self.g)).transpose(1, 2)


def use_scan(model: nn.Module, scan: Scan) -> None:
    """Let every Mamba mixer of `model` run `scan` (see `models.ops.choose`) wherever only the last state is needed."""
    for module in model.modules():
        if isinstance(module, MambaMixer):
            module.scan = scan
