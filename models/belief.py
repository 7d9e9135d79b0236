"""What a map memory believes: a probe that reads walls and balls, cell by cell, out of the state of the `map` layers.

A small convolution, the same at every place of the ring of slots. It knows no maze and no place by heart: what it says of a
cell it has read from the state around that cell, and where nothing was written it says how common walls are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.map_memory import mean_and_trust
from models.state import StreamState

D_LOOK, D_HIDDEN = 32, 48
LARGEST = 5.0
"""Readings count up to so many of their standard deviations: a slot that was hardly written can read like anything."""
N_BALL_COLOURS = 6
"""Colours a ball of Memory Maze can have."""


class Belief(NamedTuple):
    """Probabilities on the ring of whole cells, cell (x, y) at [y, x]; the ring closes, so the last cell borders the first.

    walls: float32 (b, n_y, n_x), that the cell is a wall. balls: float32 (b, n_y, n_x, colours), that it holds that ball.
    """

    walls: np.ndarray
    balls: np.ndarray


def n_cells(config: ModelConfig) -> tuple[int, int]:
    """Whole cells (n_y, n_x) on the ring of slots. ValueError for a model without a map, or whose slots do not fill cells."""
    grid = config.grid
    per_cell = round(1 / grid.cells_per_slot)
    if not any(layer.mixer == "map" for layer in config.layers):
        raise ValueError("this model keeps no map: none of its layers has mixer 'map', so there are no beliefs to read from it")
    if abs(per_cell * grid.cells_per_slot - 1) > 1e-9 or grid.n_x % per_cell or grid.n_y % per_cell:
        raise ValueError(
            f"{grid.n_x} x {grid.n_y} slots of {grid.cells_per_slot} cells do not make whole cells; beliefs are read cell by cell"
        )
    return grid.n_y // per_cell, grid.n_x // per_cell


def maps_of(config: ModelConfig, stream: StreamState) -> list[Tensor]:
    """The maps that `stream` holds, (b, 1, h, p + 1, n) each."""
    return [state.long.ssm for layer, state in zip(config.layers, stream.layers, strict=True) if layer.mixer == "map"]


def readings(config: ModelConfig, stream: StreamState) -> Tensor:
    """What the map layers hold, as they read it themselves: (b, channels, slots along y, slots along x)."""
    return readings_of(config, maps_of(config, stream))


def readings_of(config: ModelConfig, maps: Sequence[Tensor]) -> Tensor:
    """As `readings`, from `maps_of`."""
    slots = (part[:, 0].unflatten(-1, (config.grid.n_y, config.grid.n_x)) for part in maps)  # (b, h, p + 1, n_y, n_x)
    return torch.cat(
        [torch.cat(mean_and_trust(part.movedim(2, -1)), dim=-1).movedim(-1, 2).flatten(1, 2) for part in slots], dim=1
    )


class BeliefProbe(nn.Module):
    """Reads walls and balls from the maps of a model with `config`. ValueError where it has none (`n_cells`)."""

    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.per_cell = config.grid.n_y // n_cells(config)[0]
        n_channels = config.n_map_heads * (config.d_map_head + 1) * sum(layer.mixer == "map" for layer in config.layers)
        self.look = nn.Conv2d(n_channels, D_LOOK, 1)
        self.gather = nn.Conv2d(D_LOOK, D_HIDDEN, 2 * self.per_cell + 1, stride=self.per_cell)
        self.compare = nn.Conv2d(D_HIDDEN, D_HIDDEN, 3, padding=1, padding_mode="circular")
        self.tell = nn.Conv2d(D_HIDDEN, 2 + N_BALL_COLOURS, 1)
        self.register_buffer("scale", torch.ones(n_channels))

    def forward(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of walls (b, n_y, n_x) and of "no ball" and each colour (b, 1 + colours, n_y, n_x) from `readings`."""
        before = self.per_cell - self.per_cell // 2  # a cell's centre is the middle of its slots; see a cell to each side
        sides = (before, self.per_cell + 1 - before)
        x = F.silu(self.look((found / self.scale[:, None, None]).clamp(-LARGEST, LARGEST)))
        x = F.silu(self.gather(F.pad(x, (*sides, *sides), mode="circular")))
        x = self.tell(x + F.silu(self.compare(x)))
        return x[:, 0], x[:, 1:]

    def walls(self, maps: Sequence[Tensor]) -> Tensor:
        """`Belief.walls` as a tensor, from `maps_of`."""
        return self(readings_of(self.config, maps))[0].sigmoid()

    def believe(self, stream: StreamState) -> Belief:
        """What the memory `stream` believes, a row each."""
        return self.read(readings(self.config, stream))

    @torch.inference_mode()
    def read(self, found: Tensor) -> Belief:
        """As `believe`, from `readings`."""
        walls, balls = self(found)
        return Belief(walls.sigmoid().cpu().numpy(), balls.softmax(dim=1)[:, 1:].movedim(1, -1).cpu().numpy())
