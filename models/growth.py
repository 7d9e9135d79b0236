"""What may stand where nobody has looked: a world goes on beyond what was seen, and a dream has to make that up.

Drawn picture by picture, what was never seen is the mean of all it might be: a smear, and another one in every frame. Here a
network says of cubes that nobody has looked at what they most likely are, by those around that are known: ground goes on, a
wall has a back, there is stone below. What it says is kept as if it had been seen, so it stays; a true look later outweighs it.
Only dreams imagine: where true frames come in, nothing is added to them. Taught by itself, on islands looked at in random walks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.cubes import SOLID, lowest
from models.graph import can_branch
from models.kinds import kind_of

D_CUBE = 6
REACHES = (1, 2, 4, 2, 1, 2)
"""Columns that the convolutions of each layer lie apart."""
N_WHERE = 3
SPAN = 24.0
"""Cubes that places are measured by: half an island."""
WINDOW, REACH = 28, 10.0
"""Columns a side that are looked at, and how far from the player something is imagined, in blocks."""
NEAR, BELOW, ABOVE = 6.0, 3, 5
"""Blocks about the player, along the ground, below and above, in which nothing may be unknown: else all is asked for again."""
UNKNOWN, FREE = 0, 1


class _Layer(nn.Module):
    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.inner = nn.Conv2d(channels, channels, 3, padding=reach, dilation=reach)
        self.out = nn.Conv2d(channels, channels, 3, padding=1)
        for part in self.out.parameters():
            nn.init.zeros_(part)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(F.gelu(self.inner(F.gelu(self.norm(x)))))


class Growth(nn.Module):
    """Convolutions over columns of cubes; see the module."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, size, d = config, config.cubes, config.cubes.growing
        self.cubes = nn.Embedding(size.kinds + 2, D_CUBE)
        self.stem = nn.Conv2d(D_CUBE * size.n_z + N_WHERE, d, 1)
        self.layers = nn.Sequential(*(_Layer(d, reach) for reach in REACHES))
        self.out = nn.Conv2d(d, size.n_z * size.kinds, 1)

    def forward(self, told: Tensor, where: Tensor) -> Tensor:
        """Logits (n, x, y, z, kinds) of columns as `told` (n, x, y, z), that lie `where` (n, N_WHERE, x, y)."""
        x = self.cubes(told).flatten(3).permute(0, 3, 1, 2)
        x = self.stem(torch.cat([x, where.to(x.dtype)], dim=1))
        x = self.out(F.gelu(self.layers(x)))
        return x.permute(0, 2, 3, 1).unflatten(3, (self.config.cubes.n_z, -1))

    @torch.no_grad()
    def grown(self, cubes: Tensor, kept: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """`cubes` int8 (b, m) and what is `kept` of their kinds (b, m), with what is imagined about one at `pose` (b, 5)."""
        size, low = self.config.cubes, lowest(self.config)
        around = cubes.view(-1, size.n_x, size.n_y, size.n_z)
        place = pose[:, :2] - pose.new_tensor(low[:2])
        side = torch.tensor([min(WINDOW, size.n_x), min(WINDOW, size.n_y)], device=pose.device)
        most = torch.tensor([size.n_x, size.n_y], device=pose.device) - side
        corner = torch.minimum((place - side / 2).round().long().clamp(min=0), most)
        x, y = (corner[:, i, None] + torch.arange(int(side[i]), device=pose.device) for i in (0, 1))
        row = torch.arange(len(pose), device=pose.device)[:, None, None]
        window = (row, x[:, :, None], y[:, None, :])
        known = around[window]  # (b, WINDOW, WINDOW, z)
        away = torch.hypot((x + 0.5 - place[:, :1])[:, :, None], (y + 0.5 - place[:, 1:])[:, None, :])
        unknown, height = (known >= 0) & (known < SOLID), torch.arange(size.n_z, device=pose.device) - pose[:, 2:3].floor()
        near = (away < NEAR)[..., None] & ((height >= -BELOW) & (height <= ABOVE))[:, None, None]
        if can_branch(cubes) and not (unknown & near).any():
            return cubes, kept
        asked = unknown & (away < REACH)[..., None]
        names = kept.view_as(around)[window]
        chance = (
            self(told(size.kinds, known, names), self.where()[:, x[:, :, None], y[:, None, :]].movedim(1, 0))
            .float()
            .softmax(dim=-1)
        )
        likeliest = 1 + chance[..., 1:].argmax(dim=-1)
        solid = (chance[..., 0] < 0.5) & ~_body(x, y, size.n_z, place, pose[:, 2])
        around, names_now = around.clone(), kept.view_as(around).clone()
        around[window] = torch.where(asked, torch.where(solid, SOLID, -1).to(cubes.dtype), known)
        names_now[window] = torch.where(asked & solid, likeliest.to(kept.dtype), names)
        return around.view_as(cubes), names_now.view_as(kept)

    def where(self) -> Tensor:
        """How far from the middle each column lies: along x, along y, and as the crow flies, (N_WHERE, n_x, n_y)."""
        size, device = self.config.cubes, self.stem.weight.device
        x, y = ((torch.arange(n, device=device) - (n - 1) / 2) / SPAN for n in (size.n_x, size.n_y))
        x, y = (part.abs() for part in torch.meshgrid(x, y, indexing="ij"))
        return torch.stack([x, y, torch.hypot(x, y)])


def told(n_kinds: int, cubes: Tensor, kept: Tensor) -> Tensor:
    """What the network is told of `cubes` int8 and what is `kept` of their kinds, of one shape: unknown, free, solid and of which
    kind, or solid and nobody knows what."""
    kind = kind_of(kept)
    solid = torch.where(kind > 0, kind + 1, n_kinds + 1)
    return torch.where(cubes >= SOLID, solid, torch.where(cubes < 0, FREE, UNKNOWN))


def _body(x: Tensor, y: Tensor, n_z: int, place: Tensor, height: Tensor) -> Tensor:
    """bool (b, x, y, n_z): the cubes that a body is in, feet and head, at `place` (b, 2) and `height` (b,)."""
    z = torch.arange(n_z, device=x.device)
    here = (x == place[:, :1].floor())[:, :, None] & (y == place[:, 1:].floor())[:, None, :]
    feet = height.floor()[:, None]
    return here[..., None] & ((z == feet) | (z == feet + 1))[:, None, None]
