"""The models by name: the two that ship, a large one, the baselines and the ablations they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from models.config import AlbumSize, BallsSize, BarSize, Camera, CubesSize, EditsSize, HandsSize, Layer, MapGrid, ModelConfig


def maze_small() -> ModelConfig:
    """Memory Maze for a laptop CPU: a pose-addressed map in every other layer, local attention in all, strips as tokens."""
    return ModelConfig(rests=True)


def maze_balls() -> ModelConfig:
    """The small one with a memory and a drawer for balls: what ships. The rows that are compared have none."""
    return replace(maze_small(), locates=True, balls=BallsSize(n_kinds=3))


def maze_album() -> ModelConfig:
    """The small one with an album of views gone by beside its map."""
    return replace(maze_small(), album=AlbumSize(n_views=48))


def maze_large() -> ModelConfig:
    """Memory Maze for a GPU, 25 million parameters: the small one wider, deeper, with more heads and maps. No weights ship."""
    return replace(maze_small(), d_model=512, d_head=64, layers=(Layer(mixer="none"), Layer()) * 4, n_map_heads=4)


def voxel_small() -> ModelConfig:
    """The Minecraft-like world for a laptop CPU: the same network with its camera, its size, and a hotbar below the view."""
    return ModelConfig(
        world="voxel",
        n_actions=40,
        nearness=(0.0, 0.08, 0.2, 0.45, 1.0),
        unmoved=True,
        reached_only=True,
        acts_on_picture=True,
        rests=True,
        overwrite=True,
        d_head=48,
        span_cells=96.0,
        camera=Camera(fov_degrees=80.06, forward_cells=0.0, tilt_degrees=0.0, view_rows=52, drawn_over=((25, 31, 28, 34),)),
        grid=MapGrid(n_x=48, n_y=48, cells_per_slot=1.0, nearest_cells=0.6, farthest_cells=20.0),
        album=AlbumSize(n_views=48, cells=2.0, nearness=(0.0, 0.2, 1.0)),
        bar=BarSize(n_cells=9),
        hands=HandsSize(side=40),
        edits=EditsSize(n_kept=32),
        views_here=12,
    )


def voxel_cubes() -> ModelConfig:
    """That which also learns how far away things are, carves out which cubes stand where, and moves views gone by by them."""
    return replace(voxel_small(), cubes=CubesSize(channels=32, sown=((13, 4), (27, 2))))


def maze_attention() -> ModelConfig:
    """Baseline: frame-local attention only; pose as input and in attention, nothing older than the window."""
    return replace(maze_small(), layers=(Layer(mixer="none"),) * 4, mlp_ratio=3.71)


def maze_paper() -> ModelConfig:
    """The paper's hybrid: block-wise scan of mixed sizes with frame-local attention; pose as input only."""
    blocks = ((1, 16), (1, 4), (1, 2), (1, 16))
    layers = tuple(Layer(mixer="ssd", block=block) for block in blocks)
    return replace(maze_small(), layers=layers, mlp_ratio=1.84, pose_attention=False)


def maze_mamba() -> ModelConfig:
    """Baseline: Mamba-2 only, one block, no attention; pose as input."""
    return replace(maze_small(), layers=(Layer(mixer="ssd", attention=False),) * 4, mlp_ratio=3.82, pose_attention=False)


def generic_small() -> ModelConfig:
    """Any world of pictures and keys, poses or none: square tokens, block-wise scans of mixed sizes, the frame before."""
    blocks = ((4, 4), (2, 2), (1, 1), (4, 4))
    return ModelConfig(
        world="generic",
        patch=(16, 16),
        layers=tuple(Layer(mixer="ssd", block=block) for block in blocks),
        nearness=(0.0,),
        pose=False,
        pose_attention=False,
    )


PRESETS: dict[str, Callable[[], ModelConfig]] = {
    "maze-small": maze_small,
    "maze-balls": maze_balls,
    "maze-album": maze_album,
    "maze-large": maze_large,
    "voxel-small": voxel_small,
    "voxel-cubes": voxel_cubes,
    "maze-attention": maze_attention,
    "maze-paper": maze_paper,
    "maze-mamba": maze_mamba,
    "generic-small": generic_small,
}

_SSD, _NONE = Layer(mixer="ssd"), Layer(mixer="none")
_VARIED: dict[str, tuple[ModelConfig, dict[str, Any]]] = {
    "maze-mamba-attention": (maze_paper(), {"layers": (_SSD,) * 4}),
    "maze-attention-32": (maze_attention(), {"window": 32}),
    "maze-attention-64": (maze_attention(), {"window": 64}),
    "maze-paper-blocks-2": (maze_paper(), {"layers": (replace(_SSD, block=(1, 2)),) * 4}),
    "maze-paper-blocks-4": (maze_paper(), {"layers": (replace(_SSD, block=(1, 4)),) * 4}),
    "maze-ssd": (maze_small(), {"layers": (_NONE, _SSD) * 2, "mlp_ratio": 2.77}),
    "maze-ssd-turned": (maze_small(), {"layers": (_NONE, replace(_SSD, pose_scan=True)) * 2, "mlp_ratio": 2.77}),
    "maze-small-coarse": (maze_small(), {"grid": MapGrid(n_x=10, n_y=10, cells_per_slot=1.0)}),
    "maze-small-narrow": (maze_small(), {"d_map_head": 12, "mlp_ratio": 3.06}),
    "maze-small-wide": (maze_small(), {"d_map_head": 48, "mlp_ratio": 1.38}),
    "maze-small-window-1": (maze_small(), {"window": 1}),
    "maze-small-window-8": (maze_small(), {"window": 8}),
    "maze-small-no-sweep": (maze_small(), {"nearness": (), "mlp_ratio": 4.17}),
    "maze-attention-no-sweep": (maze_attention(), {"nearness": (), "mlp_ratio": 5.38}),
}
"""Baselines and ablations that vary one thing; `mlp_ratio` makes up for the parameters it takes or gives."""

PRESETS |= {name: partial(replace, config, **changes) for name, (config, changes) in _VARIED.items()}


def preset(name: str) -> ModelConfig:
    """The configuration called `name`; ValueError with the known names otherwise."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    return PRESETS[name]()
