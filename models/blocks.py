"""One layer: mixer, frame-local attention and MLP on a residual stream, each modulated by the condition (AdaLN)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.addressing import Address
from models.attention import LocalAttention
from models.config import Layer, ModelConfig
from models.mamba import MambaMixer
from models.map_memory import MapMixer
from models.state import KVState, LayerState, SSMState

N_MODULATIONS = 6


class Block(nn.Module):
    """A layer of the world model; which parts it has is data (`models.config.Layer`)."""

    def __init__(self, config: ModelConfig, layer: Layer) -> None:
        super().__init__()
        d, inner = config.d_model, int(config.d_model * config.mlp_ratio)
        self.mixer: MambaMixer | MapMixer | None = None
        if layer.mixer == "ssd":
            self.mixer = MambaMixer(config, layer)
        elif layer.mixer == "map":
            self.mixer = MapMixer(config)
        self.attention = LocalAttention(config) if layer.attention else None
        self.up = nn.Linear(d, inner, bias=False)
        self.down = nn.Linear(inner, d, bias=False)
        self.modulation = nn.Parameter(torch.zeros(N_MODULATIONS, d))

    def init_state(self, b: int, device: torch.device, dtype: torch.dtype) -> LayerState:
        nothing = torch.zeros(b, 0, device=device)
        long = self.mixer.init_state(b, device) if self.mixer else SSMState(nothing)
        local = self.attention.init_state(b, device, dtype) if self.attention else KVState(nothing, nothing, nothing)
        return LayerState(long, local)

    def forward(
        self,
        tokens: Tensor,
        modulation: Tensor,
        address: Address | None,
        phases: Tensor | None,
        turns: Tensor | None,
        state: LayerState,
        *,
        absorb: bool = True,
        all_states: bool = True,
        outputs: bool = True,
    ) -> tuple[Tensor, Tensor | None, KVState]:
        """tokens (b, t, s, d), modulation (b, t, 6, d) -> tokens, the mixer's states (b, t + 1, ...), attention's keys.

        absorb=False: nothing is written, and the states are the one handed in, (b, 1, ...). all_states=False: the last is
        enough, (b, 1, ...). outputs=False: nobody will look at the tokens, only states and keys are found (the last layer of
        a call that only absorbs).
        """
        shift_m, scale_m, shift_a, scale_a, shift_f, scale_f = (modulation + self.modulation).unsqueeze(2).unbind(3)
        states, keys = None, state.local
        if isinstance(self.mixer, MambaMixer):
            mixed, states = self.mixer(
                _modulate(tokens, shift_m, scale_m), turns, state.long, absorb=absorb, all_states=all_states
            )
            tokens = tokens + mixed
        elif isinstance(self.mixer, MapMixer):
            assert address is not None
            mixed, states = self.mixer(_modulate(tokens, shift_m, scale_m), address, state.long, absorb=absorb)
            tokens = tokens + mixed
        if not outputs:
            if self.attention is not None:
                _, keys = self.attention.project(_modulate(tokens, shift_a, scale_a), phases, state.local)
            return tokens, states, keys
        if self.attention is not None:
            mixed, keys = self.attention(_modulate(tokens, shift_a, scale_a), phases, state.local)
            tokens = tokens + mixed
        hidden = F.relu(self.up(_modulate(tokens, shift_f, scale_f))).square()
        return tokens + self.down(hidden), states, keys


def _modulate(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.rms_norm(tokens, tokens.shape[-1:]) * (1 + scale) + shift
