"""What may stand where nobody has looked: a world goes on beyond what was seen, and a dream has to make that up.

Drawn picture by picture, what was never seen is the mean of all it might be: a smear, and another one in every frame. Here a
network says of cubes that nobody has looked at what they most likely are, by those around that are known: ground goes on, a
wall has a back, there is stone below, and at last there is the sea. What stands here and there, such as a tree, is nowhere
likeliest; so that is drawn by lot first, as often as it is likely, and then the rest with it standing there. What comes out is
kept as if it had been seen, so it stays; a true look later outweighs it. Only dreams imagine, all at once when they begin: where
true frames come in, nothing is added to them. Taught by itself, on islands looked at in random walks.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.cubes import SOLID, bordered, lowest
from models.kinds import kind_of

D_CUBE = 6
REACHES = (1, 2, 4, 2, 1, 2)
"""Columns that the convolutions of each layer lie apart."""
N_WHERE = 3
SPAN = 24.0
"""Cubes that places are measured by: half an island."""
APART = 2
"""Columns within which of what is drawn by lot one alone comes to stand, the one that is drawn most clearly."""
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
    def grown(self, cubes: Tensor, kept: Tensor, pose: Tensor, noise: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
        """`cubes` int8 (b, m) and what is `kept` of their kinds (b, m), with all that nobody has looked at imagined, around who
        stands at `pose` (b, 5); noise: standard normal numbers of a shape (b, ...), by which lots are drawn."""
        size = self.config.cubes
        around, names = (part.view(-1, size.n_x, size.n_y, size.n_z) for part in (cubes, kept))
        unknown = (around >= 0) & (around < SOLID)
        if not unknown.any():
            return cubes, kept
        around = bordered(self.config, torch.where(unknown, 0, around))
        names = torch.where(_bare(around), names, 0)  # no others can have been seen
        open_to = (around == 0) & ~self._body(pose)
        chance, lots = self._chances(around, names), torch.special.ndtr(noise((len(pose), size.n_x, size.n_y)).to(around.device))
        for i, (kind, height) in enumerate(size.sown):
            lot = (lots + i / len(size.sown)) % 1  # what is drawn for a column goes for all of its cubes
            could = torch.where(open_to & (around == 0), chance[..., kind], 0)
            drawn = could.topk(height, dim=-1).values[..., -1] / lot
            first = (drawn > 1) & (drawn == F.max_pool2d(drawn, 1 + 2 * APART, 1, APART))
            comes = first[..., None] & (could > lot[..., None])
            around, names = torch.where(comes, SOLID, around), torch.where(comes, kind, names)
        chance, asked = self._chances(around, names), around == 0
        solid = (chance[..., 0] < 0.5) & open_to
        around = torch.where(asked, torch.where(solid, SOLID, -1), around).to(cubes.dtype)
        nameless = (around >= SOLID) & (kind_of(names) == 0)  # those imagined just now, and those of which no look told enough
        names = torch.where(nameless, 1 + chance[..., 1:].argmax(dim=-1), names).to(kept.dtype)
        return around.view_as(cubes), names.view_as(kept)

    def _chances(self, cubes: Tensor, kept: Tensor) -> Tensor:
        """Of which kind each of `cubes` (b, x, y, z) is how likely: (b, x, y, z, kinds)."""
        known = told(self.config.cubes.kinds, cubes, kept)
        return self(known, self.where().expand(len(cubes), -1, -1, -1)).float().softmax(dim=-1)

    def _body(self, pose: Tensor) -> Tensor:
        """bool (b, x, y, z): the cubes that the body of who stands at `pose` (b, 5) is in, feet and head."""
        size, low = self.config.cubes, lowest(self.config)
        x, y, z = (
            (torch.arange(n, device=pose.device) + start) - pose[:, i, None].floor()
            for i, (n, start) in enumerate(zip((size.n_x, size.n_y, size.n_z), low, strict=True))
        )
        return (x == 0)[:, :, None, None] & (y == 0)[:, None, :, None] & ((z == 0) | (z == 1))[:, None, None]

    def where(self) -> Tensor:
        """How far from the middle each column lies: along x, along y, and as the crow flies, (N_WHERE, n_x, n_y)."""
        size, device = self.config.cubes, self.stem.weight.device
        x, y = ((torch.arange(n, device=device) - (n - 1) / 2) / SPAN for n in (size.n_x, size.n_y))
        x, y = (part.abs() for part in torch.meshgrid(x, y, indexing="ij"))
        return torch.stack([x, y, torch.hypot(x, y)])


def _bare(cubes: Tensor) -> Tensor:
    """Which of `cubes` (b, x, y, z) have a free one beside them."""
    free = F.pad(cubes < 0, (1,) * 6)
    inner = slice(1, -1)
    bare = torch.zeros_like(cubes, dtype=torch.bool)
    for axis in range(3):
        for side in (slice(None, -2), slice(2, None)):
            bare = bare | free[(slice(None), *(side if i == axis else inner for i in range(3)))]
    return bare


def told(n_kinds: int, cubes: Tensor, kept: Tensor) -> Tensor:
    """What the network is told of `cubes` int8 and what is `kept` of their kinds, of one shape: unknown, free, solid and of which
    kind, or solid and nobody knows what."""
    kind = kind_of(kept)
    solid = torch.where(kind > 0, kind + 1, n_kinds + 1)
    return torch.where(cubes >= SOLID, solid, torch.where(cubes < 0, FREE, UNKNOWN))
