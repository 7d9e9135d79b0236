"""The network: `model(frames, noise_level, control, state) -> (prediction, state)`, for any number of frames."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models import addressing, album, cubes, turning
from models.balls import Balls
from models.bar import Bar
from models.blocks import N_MODULATIONS, Block
from models.conditioning import Condition, Control
from models.config import ModelConfig
from models.cubes import SURE, put
from models.depth import Depth
from models.edits import N_ENTRY, Edits
from models.finish import finished
from models.growth import Growth
from models.hands import GOES, Done, Hands, waited
from models.hour import N_HOUR, Hour, turned
from models.kept import Kept, keep, kept_at
from models.kinds import Kinds
from models.outlook import Outlook, outlook_of
from models.patches import patchify, unpatchify
from models.reprojection import n_candidates, n_of_album, pixel_rays
from models.rotary import Rotary
from models.shown import Around, Shown
from models.state import KVState, LastFrame, LayerState, SSMState, StreamState

N_TOKEN_WAVES = 6
DRAWERS = ("balls", "edits", "hands", "bar", "depth", "kinds", "growth", "hour", "shown")
"""Parts of a model that draw into the picture and are taught by themselves."""


class Trail(NamedTuple):
    """What a traced call leaves behind: enough for the state before any of its frames."""

    layers: list[tuple[Tensor | None, KVState]]  # the mixer's states (b, t + 1, ...) and attention's keys (b, w + t, ...)
    # of the mixer's states a call may have kept the last alone: (b, 1, ...)
    last: LastFrame  # with a time axis: (b, t + 1, ...)
    kept: Kept


class WorldModel(nn.Module):
    """Predicts clean frames from noisy ones, the action and pose that led there, and everything absorbed before.

    Training, prefill, live denoising, absorbing a finished frame and carrying a long context on are all this one call.
    """

    angles: Tensor
    pixel_rays: Tensor
    waves: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d, pixels = config.d_model, config.patch[0] * config.patch[1]
        self.condition = Condition(config)
        self.modulation = nn.Linear(config.d_condition, N_MODULATIONS * d)
        self.embed = nn.Linear(config.d_patch, d)
        self.n_moved = n_candidates(config) + n_of_album(config)
        self.before = nn.Linear(config.d_patch + pixels, d, bias=False) if self.n_moved else None
        n_shown = config.album.n_shown if config.album.n_views else 0
        self.recalled = nn.Linear(n_shown * (config.d_patch + pixels), d, bias=False) if n_shown else None
        self.place = nn.Parameter(0.02 * torch.randn(config.n_tokens, d))
        self.look = nn.Linear(2 * N_TOKEN_WAVES, d, bias=False)
        self.acts = nn.Embedding(config.n_actions, config.n_tokens * d) if config.acts_on_picture else None
        self.blocks = nn.ModuleList(Block(config, layer) for layer in config.layers)
        self.head = nn.Linear(d, config.d_patch)
        self.trust = nn.Linear(d, (self.n_moved + 1) * pixels) if self.n_moved else None
        self.register_buffer("angles", addressing.token_angles(config), persistent=False)
        self.register_buffer("pixel_rays", pixel_rays(config), persistent=False)
        self.register_buffer("waves", 2.0 ** torch.arange(N_TOKEN_WAVES), persistent=False)
        self.rotary = Rotary(d // config.d_head, config.d_head) if config.pose_attention else None
        pose_scan = any(layer.pose_scan for layer in config.layers)
        self.rotary_scan = Rotary(config.n_ssd_heads, config.d_state) if pose_scan else None
        self._init_weights()
        self.balls = Balls(config) if config.balls.n_kinds else None
        self.hands = Hands(config) if config.hands.side else None
        self.edits = Edits(config) if config.edits.n_kept else None
        self.bar = Bar(config) if config.bar.n_cells else None
        self.depth = Depth(config) if config.cubes.channels else None
        self.kinds = Kinds(config) if config.cubes.channels else None
        self.growth = Growth(config) if config.cubes.channels else None
        self.shown = Shown(config, self.pixel_rays) if config.cubes.channels else None
        self.hour = Hour(config) if config.cubes.channels else None

    def _init_weights(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                if name.endswith(("down", "out", "outward")):
                    nn.init.normal_(module.weight, std=module.in_features**-0.5 / math.sqrt(2 * len(self.blocks)))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        nn.init.normal_(self.head.weight, std=0.2 * self.config.d_model**-0.5)
        if self.acts is not None:
            nn.init.zeros_(self.acts.weight)
        if self.recalled is not None:
            nn.init.zeros_(self.recalled.weight)
        if self.trust is not None:
            nn.init.normal_(self.trust.weight, std=0.2 * self.config.d_model**-0.5)
            nn.init.zeros_(self.trust.bias)

    def init_state(self, b: int) -> StreamState:
        """The state of rows that have seen nothing."""
        device, dtype = self.head.weight.device, self.head.weight.dtype
        zeros = partial(torch.zeros, device=device)
        asked = () if self.hands is not None else (0,)  # whether anybody asks what the key was, and for how long it was held
        held = zeros(b, *asked, dtype=torch.int64), zeros(b, *asked)
        last = LastFrame(zeros(b, 3, *self.config.image), zeros(b, 5), zeros(b), *held)
        layers = tuple(block.init_state(b, device, dtype) for block in self.blocks)  # type: ignore[operator]
        balls, edits = zeros(b, self.config.balls.n_kinds, 3), zeros(b, self.config.edits.n_kept, N_ENTRY)
        rows = self.config.bar_rows[0] if self.depth is not None else 0
        views = album.blank(self.config, self.config.album.n_views, b, device, rows)
        here = album.blank(self.config, self.config.views_here, b, device)
        around, made_of = (zeros(b, cubes.n_cubes(self.config), dtype=kind) for kind in (torch.int8, torch.int16))
        hour = zeros(b, N_HOUR if self.hour is not None else 0)
        return StreamState(layers, last, views, balls, edits, here, around, made_of, hour)

    def forward(
        self, frames: Tensor, noise_level: Tensor, control: Control, state: StreamState, *,
        predict: bool = True, absorb: bool = True, dreamt: bool = False, outlook: Outlook | None = None,
    ) -> tuple[Tensor, StreamState]:  # fmt: skip
        """Clean-frame prediction (b, t, 3, H, W) and the state after the last frame.

        frames (b, t, 3, H, W) in -1..1, mixed with noise by `noise_level` (b, t) in 0..1; control as in `Control`;
        state from `init_state` or an earlier call. The state handed in is not written to. predict=False is for calls that
        only absorb: the first result is then empty and its cost is saved. absorb=False is for calls that only predict one
        frame: the state comes back as it went in. dreamt=True: the frames are the model's own. outlook: that of the one frame,
        where it is known already.
        """
        prediction, trail = self.trace(
            frames, noise_level, control, state,
            predict=predict, absorb=absorb, all_states=False, dreamt=dreamt, outlook=outlook,
        )  # fmt: skip
        return prediction, self.state_at(trail, frames.shape[1]) if absorb else state

    def trace(
        self, frames: Tensor, noise_level: Tensor, control: Control, state: StreamState, *,
        predict: bool = True, absorb: bool = True, all_states: bool = True, dreamt: bool = False,
        outlook: Outlook | None = None,
    ) -> tuple[Tensor, Trail]:  # fmt: skip
        """As `forward`, but hands out the trail from which `state_at` and `states_before` take any frame's state.

        all_states=False promises that only the state after the last frame will be taken: mixers need not keep the others.
        absorb=False: that none will be, of a single frame.
        """
        if not absorb and frames.shape[1] != 1:
            raise ValueError(
                f"{frames.shape[1]} frames that are not absorbed cannot follow one another; predict them one at a time"
            )
        config, t = self.config, frames.shape[1]
        last = self._shifted(state.last, frames, control, absorb)
        before = LastFrame(*(part[:, :-1] for part in last))
        with torch.autocast(frames.device.type, enabled=False):
            done = outlook.done if outlook is not None else None
            if dreamt and outlook is None:
                done = self._done(before, control, state.cubes[:, None].expand(-1, t, -1))
            kept = keep(self, state, last, frames, control, absorb, dreamt, done)
        if outlook is None:
            if predict and not dreamt:
                done = self._done(before, control, kept.cubes[:, :t])
            outlook = outlook_of(self, before, kept.pages, control, done, predict=predict, write=absorb)
        modulation = self.modulation(self.condition(noise_level, control)).unflatten(-1, (N_MODULATIONS, config.d_model))
        signal = (1 - noise_level)[..., None, None].to(frames.dtype)  # pure noise says nothing, and enters as nothing
        tokens = self.embed(patchify(frames, config.patch) * signal) + outlook.tokens
        layers = []
        for i, (block, layer_state) in enumerate(zip(self.blocks, state.layers, strict=True), 1):
            outputs = predict or i < len(self.blocks)
            tokens, states, keys = block(
                tokens, modulation, *outlook[:3], layer_state, absorb=absorb, all_states=all_states, outputs=outputs
            )
            layers.append((states, keys))
        if not predict:
            return frames.new_zeros(0), Trail(layers, last, kept)
        tokens = nn.functional.rms_norm(tokens, tokens.shape[-1:])
        patches = self.head(tokens)
        if outlook.offered is not None:
            patches = patches + self._copied(tokens, outlook.offered)
        pictures = unpatchify(patches, config.patch, config.image)
        if self.balls is not None:
            pictures = self.balls(pictures, kept.balls[:, :t], control.pose)
        effect = None
        if self.shown is not None and self.kinds is not None and self.hour is not None and not self.training:
            around = self._around(kept, t, outlook.done)
            pictures, effect = self.shown(pictures, around, self.kinds.worn, kept.pages, control.pose, self.hour.rate)
        if self.edits is not None and self.hands is not None:
            pictures = self.edits(pictures, kept.edits[:, :t], self.hands, control.pose, outlook.done)
        behind = pictures
        if config.views_here and not self.training:
            pictures = turning.turned(config, self.pixel_rays, pictures, before, kept.here, control)
        drawn = finished(
            pictures, behind, before, control,
            hands=self.hands, edits=self.edits, done=outlook.done, effect=effect, bar=self.bar,
            rests=config.rests and not self.training,  # which learns on frames that are noisy, blurred or dreamt
        )  # fmt: skip
        return drawn, Trail(layers, last, kept)

    def outlook(self, control: Control, state: StreamState) -> Outlook:
        """That of one frame, to be dreamt after `state`."""
        before = LastFrame(*(part[:, None] for part in state.last))
        with torch.autocast(control.pose.device.type, enabled=False):
            done = self._done(before, control, state.cubes[:, None])
        return outlook_of(self, before, album.left_alone(state.album, 0), control, done, predict=True, write=True)

    def _done(self, before: LastFrame, control: Control, cubes: Tensor) -> Done | None:
        """What hands do in frames with `before` (b, t, ...), and such cubes (b, t, m), before them."""
        if self.hands is None:
            return None
        return self.hands.done(before.frame, before.seen, waited(control.action, before.action, before.since), control, cubes)

    def _around(self, kept: Kept, t: int, done: Done | None) -> Around:
        """What is known in each of `t` frames, once what hands do in it is `done`: what is behind a block that goes is seen."""
        assert self.hour is not None
        cubes, kinds, hour = (part[:, :t] for part in (kept.cubes, kept.kinds, kept.hour))
        cracked, kind = (torch.full(cubes.shape[:2], value, device=cubes.device) for value in (-1, 0))
        cell = hour.new_zeros(*hour.shape[:2], 3)
        if done is not None:
            free = torch.full_like(done.kind, -SURE, dtype=cubes.dtype)
            cubes = put(self.config, cubes.flatten(0, 1), done.cell, done.kind == GOES, free).view_as(cubes)
            cracked, kind = (part.view_as(kind) for part in (torch.where(done.kind == GOES, done.waited, -1), done.kind))
            cell = done.cell.view_as(cell)
        return Around(cubes, kinds, turned(hour, self.hour.rate), cracked, kind, cell)

    def _shifted(self, last: LastFrame, frames: Tensor, control: Control, absorb: bool) -> LastFrame:
        """The frame before every frame, and the last: (b, t + 1, ...). absorb=False: of the last nobody asks what was held."""
        b, t = frames.shape[:2]
        frame = torch.cat([last.frame[:, None].to(frames.dtype), frames], dim=1)
        pose = torch.cat([last.pose[:, None], control.pose], dim=1)
        seen = torch.cat([last.seen[:, None], last.seen.new_ones(b, t)], dim=1)
        if self.hands is None or not absorb:
            held = (part[:, None].expand(-1, t + 1, *part.shape[1:]) for part in (last.action, last.since))
            return LastFrame(frame, pose, seen, *held)
        action = torch.cat([last.action[:, None], control.action], dim=1)
        return LastFrame(frame, pose, seen, action, self.hands.since(frame, action, control.motion, last.since))

    def _copied(self, tokens: Tensor, moved: Tensor) -> Tensor:
        """What the network takes over from the frame before, pixel by pixel from the distance it trusts: (b, t, s, d_patch)."""
        trust = self.trust(tokens).float().unflatten(-1, (self.n_moved + 1, -1))  # type: ignore[misc]
        if self.config.reached_only:
            unreached = nn.functional.pad(moved[..., 3, :] == 0, (0, 0, 1, 0))
            trust = trust.masked_fill(unreached, -torch.inf)
        share = trust.softmax(dim=-2)[..., 1:, :]  # the first choice is to copy nothing
        return (share[..., None, :] * moved[..., :3, :]).sum(dim=-3).flatten(-2)

    def state_at(self, trail: Trail, t: int) -> StreamState:
        """The state after the first `t` frames of a traced call."""
        place = t - trail.last.seen.shape[1]  # from the end, where a trail of the last state alone has it too
        layers = []
        for states, keys in trail.layers:
            long = trail.last.seen.new_zeros(len(trail.last.seen), 0) if states is None else states[:, place]
            local = KVState(*(part[:, t : t + self.config.window] for part in keys)) if keys.k.ndim > 2 else keys
            layers.append(LayerState(SSMState(long), local))
        last = LastFrame(*(part[:, t] for part in trail.last))
        every = torch.arange(len(last.seen), device=last.seen.device)
        return StreamState(tuple(layers), last, *kept_at(trail.kept, every, torch.full_like(every, t)))

    def states_before(self, trail: Trail, chosen: Tensor) -> StreamState:
        """The states before frames `chosen` (b, m) of a traced call, as b * m rows: frames to be predicted side by side."""
        b, m = chosen.shape
        row = torch.arange(b, device=chosen.device)[:, None]
        past = chosen[..., None] + torch.arange(self.config.window, device=chosen.device)
        layers = []
        for states, keys in trail.layers:
            long = trail.last.seen.new_zeros(b * m, 0) if states is None else states[row, chosen].flatten(0, 1)
            if keys.k.ndim > 2:
                local = KVState(*(part[row[..., None], past].flatten(0, 1) for part in keys))
            else:
                local = KVState(*(part.repeat_interleave(m, 0) for part in keys))
            layers.append(LayerState(SSMState(long), local))
        last = LastFrame(*(part[row, chosen].flatten(0, 1) for part in trail.last))
        return StreamState(tuple(layers), last, *kept_at(trail.kept, row.expand(b, m).flatten(), chosen.flatten()))
