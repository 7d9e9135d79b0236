"""A drawer for the bar below the view: which of its cells change, and to what.

A hotbar is small, sharp, and nearly always what it was. A network that draws whole pictures redraws it a little worse each time,
and seldom dares to change it. Here every cell is a token: from the bar before, the key, and what happens in the middle of the
view, it is decided for each cell whether it changes. One that does not keeps its pixels, exactly; one that does is drawn anew.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import BarSize, ModelConfig

N_HEADS = 4
MIDDLE = 24
"""Pixels a side of the middle of the view, seen as it is: what the hands work on."""
COARSE = 4
"""Pixels pooled into one, of the whole view: where a workplace stands is a matter of large patches."""


def cells(size: BarSize, bar: Tensor) -> Tensor:
    """A bar (n, 3, h, W) cut into its cells (n, n_cells, 3 h width)."""
    part = bar[..., : size.n_cells * size.width].unflatten(-1, (size.n_cells, size.width))
    return part.movedim(-2, 1).flatten(2)


def put_back(size: BarSize, drawn: Tensor, bar: Tensor) -> Tensor:
    """`bar` (n, 3, h, W) with its cells replaced by `drawn` (n, n_cells, 3 h width)."""
    part = drawn.unflatten(-1, (3, bar.shape[-2], size.width)).movedim(1, -2).flatten(-2)
    return torch.cat([part, bar[..., size.n_cells * size.width :]], dim=-1)


def seen_by(config: ModelConfig, frames: Tensor) -> tuple[Tensor, Tensor]:
    """What the drawer sees of the view in `frames` (n, 3, H, W): its middle, and all of it coarsely."""
    view = frames[..., : config.bar_rows[0], :]
    (height, width), side = view.shape[-2:], min(MIDDLE, *view.shape[-2:])
    top, left = (height - side) // 2, (width - side) // 2
    return view[..., top : top + side, left : left + side], F.avg_pool2d(view, COARSE, ceil_mode=True)


class Mix(nn.Module):
    """Attention among the few tokens of one frame, and an MLP."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.norm_mix, self.norm_mlp = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, s, d) -> (n, s, d)."""
        q, k, v = self.qkv(self.norm_mix(tokens)).unflatten(-1, (3, N_HEADS, -1)).permute(2, 0, 3, 1, 4)  # (n, h, s, p)
        weights = (q @ k.transpose(-1, -2) * k.shape[-1] ** -0.5).softmax(dim=-1)
        tokens = tokens + self.out((weights @ v).transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.norm_mlp(tokens))


def _eye(like: Tensor, d: int, layers: list[nn.Conv2d]) -> nn.Sequential:
    """Convolutions over two pictures of the shape of `like`, one behind the other, and what they find as one token."""
    look = nn.Sequential(*(part for layer in layers for part in (layer, nn.GELU())), nn.Flatten())
    found = look(torch.cat([like, like], dim=1))
    return look.append(nn.Linear(found.shape[1], d))


class Bar(nn.Module):
    """Draws the bar of a frame from the one before; see the module."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, size = config, config.bar
        d, (top, bottom) = size.d_model, config.bar_rows
        pixels = 3 * (bottom - top) * size.width
        self.read = nn.Linear(pixels, d)
        self.place = nn.Parameter(0.02 * torch.randn(size.n_cells, d))
        self.acts = nn.Embedding(config.n_actions, d)
        middle, coarse = seen_by(config, torch.zeros(1, 3, *config.image))
        self.middle = _eye(middle, d, [nn.Conv2d(6, 32, 4, stride=2, padding=1), nn.Conv2d(32, 48, 4, stride=2, padding=1)])
        self.coarse = _eye(coarse, d, [nn.Conv2d(6, 32, 3, stride=2, padding=1)])
        self.mix = nn.ModuleList(Mix(d) for _ in range(size.n_layers))
        self.norm = nn.LayerNorm(d)
        self.changes = nn.Linear(d, 1)
        nn.init.constant_(self.changes.bias, -4.0)  # untaught, it leaves all as it was
        self.draw = nn.Linear(d, pixels)

    def judge(self, middle: Tensor, coarse: Tensor, before: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """How likely each cell changes (n, n_cells, logits), and what it then shows (n, n_cells, pixels).

        middle, coarse: `seen_by` the frame before and the new one, channels beside each other; before: its `cells`.
        """
        hints = torch.stack([self.acts(action), self.middle(middle), self.coarse(coarse)], dim=1)
        tokens = torch.cat([self.read(before) + self.place, hints], dim=1)
        for mix in self.mix:
            tokens = mix(tokens)
        tokens = self.norm(tokens[:, : self.config.bar.n_cells])
        return self.changes(tokens)[..., 0], self.draw(tokens)

    def forward(self, pictures: Tensor, before: Tensor, seen: Tensor, action: Tensor) -> Tensor:
        """`pictures` (b, t, 3, H, W) with the bar drawn anew, from the frames `before` them where there were any, `seen` (b, t).

        It is taught by itself (`models.training.bar`): nothing is learned of what it draws here.
        """
        size, (top, _) = self.config.bar, self.config.bar_rows
        now, past = pictures.flatten(0, 1), before.flatten(0, 1).to(pictures.dtype)
        views = zip(seen_by(self.config, past), seen_by(self.config, now.detach()), strict=True)
        middle, coarse = (torch.cat(pair, dim=1) for pair in views)
        was = cells(size, past[..., top:, :])
        changes, drawn = self.judge(middle, coarse, was, action.flatten())
        bar = put_back(size, torch.where(changes[..., None] > 0, drawn.to(was.dtype), was), past[..., top:, :])
        bar = torch.where(seen.flatten()[:, None, None, None] > 0, bar, now[..., top:, :])
        return torch.cat([now[..., :top, :], bar], dim=-2).view_as(pictures)
