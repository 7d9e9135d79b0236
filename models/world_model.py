"""The network: `model(frames, noise_level, control, state) -> (prediction, state)`, for any number of frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models import addressing
from models.blocks import N_MODULATIONS, Block
from models.conditioning import Condition, Control
from models.config import ModelConfig
from models.map_memory import address_of
from models.patches import patchify, unpatchify
from models.state import KVState, LayerState, SSMState, StreamState

N_TOKEN_WAVES = 6


class WorldModel(nn.Module):
    """Predicts clean frames from noisy ones, the action and pose that led there, and everything absorbed before.

    Training, prefill, live denoising, absorbing a finished frame and carrying a long context on are all this one call.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d = config.d_model
        self.condition = Condition(config)
        self.modulation = nn.Linear(config.d_condition, N_MODULATIONS * d)
        self.embed = nn.Linear(config.d_patch, d)
        self.place = nn.Parameter(0.02 * torch.randn(config.n_tokens, d))
        self.look = nn.Linear(2 * N_TOKEN_WAVES, d, bias=False)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in config.layers)
        self.head = nn.Linear(d, config.d_patch)
        self.register_buffer("angles", addressing.token_angles(config), persistent=False)
        self.register_buffer("waves", 2.0 ** torch.arange(N_TOKEN_WAVES), persistent=False)
        n_waves = config.d_head // 4
        self.register_buffer("harmonics", torch.tensor([1, 2, 4, 8, 12, 16, 24, 32] * n_waves)[:n_waves].float(), persistent=False)
        self._register_waves(n_waves)
        self._init_weights()

    def _register_waves(self, n_waves: int) -> None:
        """Fixed spatial frequencies, spread over directions and over 0.7 ... 9 radians a cell; distances by head."""
        angle = torch.arange(n_waves) * (math.pi * (3 - math.sqrt(5)))
        size = torch.logspace(math.log10(0.7), math.log10(9.0), n_waves)
        self.register_buffer("frequencies", torch.stack([angle.cos(), angle.sin()], -1) * size[:, None], persistent=False)
        n_heads = self.config.d_model // self.config.d_head
        self.register_buffer("gaze", torch.linspace(0.0, 3.5, n_heads), persistent=False)

    def _init_weights(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                if name.endswith(("down", "out", "outward")):
                    nn.init.normal_(module.weight, std=module.in_features**-0.5 / math.sqrt(2 * len(self.blocks)))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def init_state(self, b: int) -> StreamState:
        """The state of rows that have seen nothing."""
        device, dtype = self.head.weight.device, self.head.weight.dtype
        return StreamState(tuple(block.init_state(b, device, dtype) for block in self.blocks))  # type: ignore[operator]

    def forward(self, frames: Tensor, noise_level: Tensor, control: Control, state: StreamState) -> tuple[Tensor, StreamState]:
        """Clean-frame prediction (b, t, 3, H, W) and the state after the last frame.

        frames (b, t, 3, H, W) in -1..1, mixed with noise by `noise_level` (b, t) in 0..1; control as in `Control`;
        state from `init_state` or an earlier call. The state handed in is not written to.
        """
        prediction, trail = self.trace(frames, noise_level, control, state)
        return prediction, self.state_at(trail, frames.shape[1])

    def trace(
        self, frames: Tensor, noise_level: Tensor, control: Control, state: StreamState
    ) -> tuple[Tensor, list[tuple[Tensor | None, KVState]]]:
        """As `forward`, but hands out the trail from which `state_at` and `states_before` take any frame's state."""
        config = self.config
        view = addressing.rays(config, control.pose, self.angles)
        has_map = any(layer.mixer == "map" for layer in config.layers)
        address = address_of(config, view) if has_map else None
        phases = addressing.rotary_phases(view, self.harmonics, self.gaze, self.frequencies) if config.pose_attention else None
        condition = self.condition(noise_level, control)
        modulation = self.modulation(condition).unflatten(-1, (N_MODULATIONS, config.d_model))
        tokens = self._embed(frames, noise_level, view)
        trail = []
        for block, layer_state in zip(self.blocks, state.layers, strict=True):
            tokens, states, keys = block(tokens, modulation, address, phases, layer_state)
            trail.append((states, keys))
        patches = self.head(nn.functional.rms_norm(tokens, tokens.shape[-1:]))
        return unpatchify(patches, config.patch, config.image), trail

    def _embed(self, frames: Tensor, noise_level: Tensor, view: addressing.Rays) -> Tensor:
        """Tokens (b, t, s, d). A frame counts by its share of signal: pure noise says nothing, and enters as nothing."""
        signal = (1 - noise_level)[..., None, None].to(frames.dtype)
        angles = view.bearing[..., None] * self.waves
        look = self.look(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return self.embed(patchify(frames, self.config.patch) * signal) + self.place + look

    def state_at(self, trail: list[tuple[Tensor | None, KVState]], t: int) -> StreamState:
        """The state after the first `t` frames of a traced call."""
        layers = []
        for states, keys in trail:
            long = keys.k.new_zeros(keys.k.shape[0], 0) if states is None else states[:, t]
            w = self.config.window
            layers.append(LayerState(SSMState(long), KVState(*(part[:, t : t + w] for part in keys)) if keys.k.ndim > 2 else keys))
        return StreamState(tuple(layers))

    def states_before(self, trail: list[tuple[Tensor | None, KVState]], chosen: Tensor) -> StreamState:
        """The states before frames `chosen` (b, m) of a traced call, as b * m rows: frames to be predicted side by side."""
        b, m = chosen.shape
        row = torch.arange(b, device=chosen.device)[:, None]
        past = chosen[..., None] + torch.arange(self.config.window, device=chosen.device)
        layers = []
        for states, keys in trail:
            long = keys.k.new_zeros(b * m, 0) if states is None else states[row, chosen].flatten(0, 1)
            local = keys
            if keys.k.ndim > 2:
                local = KVState(*(part[row[..., None], past].flatten(0, 1) for part in keys))
            else:
                local = KVState(*(part.repeat_interleave(m, 0) for part in keys))
            layers.append(LayerState(SSMState(long), local))
        return StreamState(tuple(layers))
