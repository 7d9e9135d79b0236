"""Models small enough to test in milliseconds, none of whose parameters is zero, and clips to feed them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from envs import pose as poses
from envs.episode import Episode
from models.conditioning import Control
from models.config import BarSize, CubesSize, EditsSize, HandsSize, Layer, MapGrid, ModelConfig
from models.presets import PRESETS
from models.state import StreamState, tensors
from models.world_model import WorldModel

SMALL: dict[str, Any] = dict(
    image=(16, 16), patch=(8, 4), d_model=32, d_head=16, window=2, d_state=8, n_ssd_heads=2, d_ssd_head=8,
    n_map_heads=2, d_map_head=6, d_condition=16, grid=MapGrid(n_x=10, n_y=12, n_depths=5, farthest_cells=4.0),
)  # fmt: skip

SSD = Layer(mixer="ssd", block=(2, 4))
LAYERS = {
    "maze-small": (Layer(), Layer()),
    "maze-balls": (Layer(), Layer()),
    "maze-album": (Layer(), Layer()),
    "voxel-small": (Layer(), Layer()),
    "voxel-cubes": (Layer(), Layer()),
    "maze-attention": (Layer(mixer="none"),) * 2,
    "maze-paper": (Layer(mixer="ssd", block=(2, 2)), Layer(mixer="ssd", block=(1, 4))),
    "maze-mamba": (dataclasses.replace(SSD, attention=False),) * 2,
    "maze-mamba-attention": (SSD, SSD),
    "maze-ssd-turned": (dataclasses.replace(SSD, pose_scan=True),) * 2,
    "generic-small": (SSD, Layer(mixer="ssd", block=(1, 2))),
}
"""What each preset's layers look like at toy size; presets that differ from these in sizes alone are left out."""


def _toy(make: Callable[[], ModelConfig], layers: tuple[Layer, ...]) -> ModelConfig:
    config = make()
    rows = config.camera.view_rows * SMALL["image"][0] // config.image[0] // 2 * 2
    boxes = ((6, 7, 8, 9),) if config.camera.drawn_over else ()
    camera = dataclasses.replace(config.camera, view_rows=rows, drawn_over=boxes)
    bar = BarSize(n_cells=3, width=5, d_model=16, n_layers=1) if config.bar.n_cells else config.bar
    hands = HandsSize(side=8, channels=8) if config.hands.side else config.hands
    edits = EditsSize(n_kept=4, n_shown=2) if config.edits.n_kept else config.edits
    cubes = CubesSize(channels=4, naming=4, kinds=12, growing=8, n_x=16, n_y=16, n_z=8) if config.cubes.channels else config.cubes
    return dataclasses.replace(config, layers=layers, camera=camera, bar=bar, hands=hands, edits=edits, cubes=cubes, **SMALL)


FAMILIES = {name: _toy(PRESETS[name], layers) for name, layers in LAYERS.items()} | {
    "ssd-one-token-blocks": ModelConfig(layers=(Layer(mixer="ssd", block=(1, 1)), SSD), **SMALL),
    "map-and-ssd": ModelConfig(layers=(Layer(), SSD), **SMALL),
    "map-without-attention": ModelConfig(layers=(Layer(attention=False),) * 2, **SMALL),
    "long-window": ModelConfig(layers=(Layer(), SSD), **(SMALL | {"window": 8})),
    "no-frame-before": ModelConfig(layers=(Layer(), SSD), **(SMALL | {"nearness": ()})),
}  # fmt: skip
"""Every preset at toy size, and mixtures that use the same parts otherwise."""

REMEMBERING = [name for name, config in FAMILIES.items() if any(layer.mixer != "none" for layer in config.layers)]


def randomised(config: ModelConfig, seed: int = 0) -> WorldModel:
    """A model in which every parameter matters: nothing is left at its initial zero."""
    torch.manual_seed(seed)
    model = WorldModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape))
        if model.bar is not None:
            model.bar.changes.bias.zero_()  # half of the cells change
        if model.hands is not None:
            model.hands.kind.bias.zero_()
        if model.edits is not None:
            model.edits.out.bias[0] = 1.0  # it draws much of what it keeps
        if model.balls is not None:
            model.balls.what.bias.zero_()
            model.balls.what.bias[2:] = 3.0
            model.balls.what.weight.mul_(4)  # sure of what it sees, balls among it
            model.balls.drawn.bias.zero_()
    return model.requires_grad_(False)


def walk(n_rows: int, n_frames: int, seed: int = 0) -> Control:
    """Controls (b, t) of players who stay within a few cells, so that places are seen again."""
    rng = np.random.default_rng(seed)
    motion = np.zeros((n_rows, n_frames, 5))
    motion[..., 0] = rng.uniform(-0.3, 0.3, (n_rows, n_frames))
    motion[..., 3] = rng.uniform(-0.5, 0.5, (n_rows, n_frames))
    pose = np.zeros_like(motion)
    pose[:, 0] = [2.0, 2.5, 0.0, 0.0, 0.0]
    for t in range(1, n_frames):
        pose[:, t] = poses.move(pose[:, t - 1], motion[:, t])
    motion[:, 0] = 0
    action = torch.from_numpy(rng.integers(0, 6, (n_rows, n_frames)))
    return Control(action, torch.from_numpy(pose).float(), torch.from_numpy(motion).float())


def inputs(config: ModelConfig, n_rows: int, n_frames: int, seed: int = 0) -> tuple[Tensor, Tensor, Control]:
    """Frames (b, t, 3, H, W), noise levels (b, t) and controls for one call."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.rand(n_rows, n_frames, 3, *config.image, generator=generator) * 2 - 1
    level = torch.rand(n_rows, n_frames, generator=generator)
    return frames, level, walk(n_rows, n_frames, seed)


def part_of(control: Control, where: Any) -> Control:
    return Control(*(value[where] for value in control))


def assert_same_state(one: StreamState, other: StreamState, tolerance: float = 2e-5) -> None:
    for a, b in zip(tensors(one), tensors(other), strict=True):
        last_digit = torch.finfo(a.dtype).eps if a.dtype == torch.float16 else 0.0  # may fall the other way
        torch.testing.assert_close(a, b, atol=tolerance, rtol=max(tolerance, last_digit))


def episode(n_frames: int, seed: int = 0, side: int = 16) -> Episode:
    """A ring of colours seen while turning on the spot: simple enough to learn in seconds."""
    rng = np.random.default_rng(seed)
    turn = rng.choice([-0.3, 0.0, 0.3], n_frames)
    turn[0] = 0
    heading = turn.cumsum()
    pose = np.zeros((n_frames, 5))
    pose[:, :2], pose[:, 3] = 2.5, poses.wrap(heading)
    bearing = heading[:, None] - np.linspace(-0.7, 0.7, side)
    ring = 127 + 100 * np.stack([np.sin(k * bearing + rng.uniform(0, 6)) for k in (1, 2, 3)], axis=-1)
    image = np.broadcast_to(ring[:, None], (n_frames, side, side, 3)).astype(np.uint8)
    action = np.where(turn > 0, 2, np.where(turn < 0, 3, 0))
    return Episode(image, action, 6, pose)
