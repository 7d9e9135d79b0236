"""A drawer for what hands do: a block cracks, a block goes, a block comes.

That happens in one frame of fifty, and in one of a handful in which it might: a network that is asked for the likeliest picture
never dares to show it, and draws a smear where it must. Here it is decided for a frame what happens now, from the middle of the
view as it was, the bar, the key and where one stands; then, for what was decided and not for a mean of all that might be, which
pixels change, and to what. All others are left to the network.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.bar import cells
from models.conditioning import Control
from models.config import ModelConfig
from models.cubes import SOLID, cubes_at
from models.graph import can_branch
from models.lattice import border, cells_along, sides, sides_told
from models.pixels import CHANGED
from models.reprojection import eyes, pixel_of, pixel_rays, view_axes
from models.textures import Textures

STILL = (0.02, 0.02)
"""Blocks and radians a frame, up to which a player stands: hands are taken to work from where the middle of the view stays."""


def stands(motion: Tensor) -> Tensor:
    """bool (...): motions (..., 5) of one who stands, but for what ego-motion errs."""
    return (motion[..., :3].abs().amax(dim=-1) < STILL[0]) & (motion[..., 3:].abs().amax(dim=-1) < STILL[1])


KINDS = ("nothing", "cracks", "goes", "comes")
"""What can happen: nothing; something in the view alone; something in view and bar, which is a block that goes, or comes."""
GOES, COMES = 2, 3
N_PLACE = 14
LONGEST = 63
"""Frames beyond which it is all one for how long a key has been held."""
N_SIDES = 3
"""Sides of cells that a ray crosses: into the cell, out of it, out of the next."""
N_TOLD = 1 + 2 * (3 + 1 + 1)
"""Numbers that tell of them at each pixel."""
EDGE = 0.15
"""Share of a side that is its edge."""
AIMED = 4.0
"""What it counts as a logit that a cell is, by the cubes, the one looked at: of 44 blocks that went or came on validation
islands the picture alone finds 39, the cubes 38, both together 42."""
LEAST = 4
"""Pixels of the middle of the view that change at least for something to have happened."""


def what_happened(middle: Tensor, bar: Tensor, middle_after: Tensor, bar_after: Tensor) -> Tensor:
    """`KINDS` int64 (...) told from two pictures: middles (..., 3, side, side) and bars (..., pixels) before and after. A block
    that comes cannot be told from one that goes."""
    happens = ((middle_after - middle).abs().amax(dim=-3) > CHANGED).flatten(-2).sum(dim=-1) >= LEAST
    return happens.long() + (happens & ((bar_after - bar).abs().amax(dim=-1) > CHANGED))


def waited(action: Tensor, earlier: Tensor, since: Tensor) -> Tensor:
    """For how many frames `action` has been held before it is taken once more, after the action `earlier` that was `since`."""
    return torch.where(action == earlier, since, 0)


def place(pose: Tensor) -> Tensor:
    """Where in its cell one stands, and which way one looks, (n, 14) from poses (n, 5): a block's edges in the view follow."""
    turns = [2 * math.pi * pose[:, :3], pose[:, 3:4], 2 * pose[:, 3:4], 4 * pose[:, 3:4], pose[:, 4:]]
    waves = torch.cat(turns, dim=1)
    return torch.cat([waves.sin(), waves.cos()], dim=1)


class Looked(NamedTuple):
    """What has been made of n views: features of them in three sizes, and what is decided."""

    middle: Tensor  # (n, 3, side, side)
    told: Tensor  # (n, d), all but the view
    fine: Tensor
    half: Tensor
    deep: Tensor
    eye: Tensor  # (n, 3)
    cells: Tensor  # (n, cells, 3) along the middle of the view
    rays: Tensor  # (n, side, side, 3)
    inside: Tensor  # (n, cells, side / 2, side / 2): 0 or 1, where each is in the view
    kind: Tensor  # logits (n, 4) of `KINDS`
    cell: Tensor  # logits (n, cells): which of them it happens to


class Drawn(NamedTuple):
    """How n views are changed: by hand, or to what a side of a cell shows."""

    where: Tensor  # logits (n, side, side): which pixels
    free: Tensor  # (n, 3, side, side) by hand
    share: Tensor  # (n, 1 + N_SIDES, side, side): how likely by hand, and each of the sides; no side where no cell changes
    texels: Tensor  # int64 (n, N_SIDES, side, side): which texel of a texture is there
    worn: Tensor  # logits (n, textures, side, side): which texture
    light: Tensor  # (n, 6, side, side): what is added to the light on it, and to its colour
    there: Tensor  # bool (n, side, side): where the cell is to which it happens


class Done(NamedTuple):
    """What hands do in n frames."""

    looked: Looked
    kind: Tensor  # int64 (n,) of `KINDS`
    at: Tensor  # int64 (n,) to which of the cells along the middle of the view
    cell: Tensor  # (n, 3) its lowest corner
    waited: Tensor  # (n,) for how many frames the key has been held before

    def of_frame(self, i: int, t: int) -> Done:
        """The `i`th of `t` frames of every row."""
        looked = Looked(*(part[i::t] for part in self.looked))
        return Done(looked, *(part[i::t] for part in self[1:]))  # type: ignore[arg-type]


class Hands(nn.Module):
    """Draws into the middle of the view what the last key did there; see the module."""

    across: Tensor
    rays: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, size, c = config, config.hands, config.hands.channels
        side = size.side
        (top, bottom), (_, width) = config.bar_rows, config.image
        low, left = (top - side) // 2, (width - side) // 2
        self.box = slice(low, low + side), slice(left, left + side)
        self.acts = nn.Embedding(config.n_actions, c)
        self.waits = nn.Embedding(LONGEST + 1, c)
        nn.init.zeros_(self.waits.weight)
        self.icons = nn.Linear(3 * (bottom - top) * config.bar.width, 2 * c)
        self.chosen = nn.Linear(2 * c, 1)
        self.held = nn.Linear(4 * c, c)
        self.stand = nn.Linear(N_PLACE, c)
        self.told = nn.Linear(3 * c, 3 * c)
        self.fine = nn.Conv2d(14, c, 3, padding=1)
        self.coarse = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)
        self.small = nn.Conv2d(2 * c, 3 * c, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(nn.Conv2d(3 * c, 3 * c, 3, padding=1) for _ in range(3))
        self.kind = nn.Linear(3 * c, len(KINDS))
        with torch.no_grad():
            self.kind.bias.copy_(torch.tensor([4.0, 0.0, 0.0, 0.0]))  # untaught, nothing happens
        self.edges = nn.Conv2d(c, 2 * c, 3, padding=1)
        self.fits = nn.Linear(3 * 2 * c + 2, 2 * c)
        self.among = nn.Linear(3 * c, 2 * c)
        self.places = nn.Parameter(torch.zeros(size.n_cells, 2 * c))
        self.cell = nn.Linear(2 * c, 1)
        self.drawn_as = nn.Embedding(len(KINDS), 3 * c)
        self.up = nn.Conv2d(5 * c, 2 * c, 3, padding=1)
        self.wide = nn.Conv2d(3 * c + 4 * N_TOLD, 2 * c, 3, padding=1)
        self.last = nn.Conv2d(2 * c, 2 * c, 3, padding=1)
        self.parts = (1, 3, 1 + N_SIDES, size.n_textures, 6)
        self.out = nn.Conv2d(2 * c, 4 * sum(self.parts), 1)
        self.wears = nn.Linear(3 * c, size.n_textures)
        self.textures = Textures(size.n_textures, pixel_of(config))
        line = torch.linspace(-1, 1, side // 2)
        across = torch.stack([line.expand(side // 2, -1), line[:, None].expand(-1, side // 2)])
        self.register_buffer("across", across, persistent=False)
        self.register_buffer("rays", F.normalize(pixel_rays(config)[self.box], dim=-1), persistent=False)

    def middle(self, frames: Tensor) -> Tensor:
        """What it sees, and draws into, of frames (n, 3, H, W): (n, 3, side, side)."""
        return frames[..., self.box[0], self.box[1]]

    def bar(self, frames: Tensor) -> Tensor:
        """What hangs below the view of frames (..., 3, H, W): (..., pixels)."""
        return frames[..., self.config.bar_rows[0] :, :].flatten(-3)

    def since(self, frames: Tensor, action: Tensor, motion: Tensor, first: Tensor) -> Tensor:
        """For how many frames on end, up to each of `frames` (b, t + 1, 3, H, W), the same key has been held: (b, t + 1).

        action (b, t + 1) led to each, motion (b, t, 5) to all but the first, for which it is `first` (b,). It begins anew for
        another key, where the player moves, and where a block has gone or come: for how long a block has been mined is hard to
        see, and when it breaks hangs on that.
        """
        middle, bar = self.middle(frames), self.bar(frames)
        done = what_happened(middle[:, :-1], bar[:, :-1], middle[:, 1:], bar[:, 1:]) == GOES
        goes_on, same = stands(motion) & ~done, action[:, 1:] == action[:, :-1]
        found = [first]
        for i in range(motion.shape[1]):
            found.append(torch.where(goes_on[:, i], torch.where(same[:, i], found[-1], 0) + 1, 0))
        return torch.stack(found, dim=1)

    def look(
        self, middle: Tensor, bar: Tensor, action: Tensor, waited: Tensor, pose: Tensor, believed: Tensor | None = None
    ) -> Looked:
        """What happens, and to which cell: from the middle and the bar of the frame before, the action (n,), for how many frames
        it has been held before (n,), and the pose (n, 5); `believed`, where it is another, is what the network is told of it."""
        acts = self.acts(action) + self.waits(waited.long().clamp(max=LONGEST))
        standing = self.stand(place(pose if believed is None else believed).to(bar.dtype))
        told = F.gelu(self.told(torch.cat([acts, self._holding(bar), standing], dim=1)))
        seen = torch.cat([F.pixel_unshuffle(middle, 2), self.across.to(middle.dtype).expand(len(middle), -1, -1, -1)], dim=1)
        fine = F.gelu(self.fine(seen))
        half = F.gelu(self.coarse(fine))
        deep = F.gelu(self.small(half)) + told[..., None, None]
        for layer in self.deep:
            deep = deep + F.gelu(layer(deep)) * (1 + told[..., None, None])
        pooled = deep.mean(dim=(2, 3)) + deep.amax(dim=(2, 3))
        with torch.autocast(middle.device.type, enabled=False), torch.no_grad():
            eye, cells, rays = self._ahead(pose)
            regions = self._regions(eye, cells, rays)
        kind, cell = self.kind(pooled), self._fitting(fine, pooled, regions)
        return Looked(middle, told, fine, half, deep, eye, cells, rays, regions[:, :, 0], kind, cell)

    def draw(self, looked: Looked, kind: Tensor | None = None, cell: Tensor | None = None) -> Drawn:
        """How the views change if `kind` (n,) happens to `cell` (n,); None is what is likeliest."""
        middle, told, fine, half = looked[:4]
        kind = looked.kind.argmax(dim=1) if kind is None else kind
        cell = looked.cell.argmax(dim=1) if cell is None else cell
        with torch.autocast(middle.device.type, enabled=False), torch.no_grad():
            chosen = looked.cells.gather(1, cell[:, None, None].expand(-1, 1, 3))[:, 0]
            there, found = sides(looked.eye, looked.rays, chosen, N_SIDES)
            hit = there & (kind >= GOES)[:, None, None]
            far = torch.arange(N_SIDES, device=kind.device) > 0
            seen = hit[:, None] & (far == (kind == GOES)[:, None])[..., None, None]  # what comes shows its near side
            told_of, texels = F.pixel_unshuffle(sides_told(hit, found, 2), 2).to(fine.dtype), self.textures.texels(found)
        deep = looked.deep + self.drawn_as(kind)[..., None, None]
        wide = F.gelu(self.up(torch.cat([_like(deep, half), half], dim=1)))
        wide = F.gelu(self.wide(torch.cat([_like(wide, fine), fine, told_of], dim=1)))
        out = F.pixel_shuffle(self.out(wide + F.gelu(self.last(wide))), 2).float()
        where, free, share, worn, light = out.split(self.parts, dim=1)
        share = torch.cat([share[:, :1], share[:, 1:].masked_fill(~seen, -torch.inf)], dim=1).softmax(dim=1)
        return Drawn(where[:, 0], middle + free, share, texels, worn + self.wears(told)[..., None, None], light, there)

    def shown(self, drawn: Drawn) -> Tensor:
        """What is likeliest at each pixel: (n, 3, side, side)."""
        best = drawn.share.argmax(dim=1, keepdim=True)
        texel = drawn.texels.gather(1, (best - 1).clamp(min=0))[:, 0]
        side = self.textures.shown(texel, drawn.worn.movedim(1, -1), drawn.light.movedim(1, -1))
        return torch.where(best == 0, drawn.free, side.movedim(-1, 1))

    def off(self, drawn: Drawn, due: Tensor) -> Tensor:
        """How far from `due` (n, 3, side, side) each pixel is, the mean over all that it may show: (n, side, side)."""
        by_hand = (drawn.free - due).abs().mean(dim=1) * drawn.share[:, 0]
        hit = drawn.share[:, 0] < 1  # a tenth of all
        texels, worn, light, wanted, share = (
            part.movedim(1, -1)[hit] for part in (drawn.texels, drawn.worn, drawn.light, due, drawn.share[:, 1:])
        )
        of_sides = (self.textures.off(texels, worn, light, wanted) * share).sum(dim=-1)
        return by_hand.index_put((hit,), of_sides, accumulate=True)

    def _holding(self, bar: Tensor) -> Tensor:
        """What is in the hand, and what there is besides, (n, c) from bars (n, pixels): the chosen cell looks another way."""
        (top, bottom), (_, width) = self.config.bar_rows, self.config.image
        icons = F.gelu(self.icons(cells(self.config.bar, bar.unflatten(1, (3, bottom - top, width)))))
        chosen = self.chosen(icons).softmax(dim=1) * icons
        return self.held(torch.cat([chosen.sum(dim=1), icons.mean(dim=1)], dim=1))

    def cells(self, pose: Tensor) -> Tensor:
        """The cells along the middle of the view from poses (n, 5), one of which hands work on: (n, cells, 3)."""
        return self._ahead(pose)[1]

    def _ahead(self, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From poses (n, 5): the eyes (n, 3), the cells along the middle of the view (n, cells, 3), the pixels' rays."""
        axes = view_axes(pose, math.radians(self.config.camera.tilt_degrees))
        eye = eyes(self.config, pose, self.config.hands.eye)
        return eye, cells_along(eye, axes[:, 0], self.config.hands.n_cells), self.rays @ axes[:, None]

    def _regions(self, eye: Tensor, cells: Tensor, rays: Tensor) -> Tensor:
        """Each cell's inside, its edges and its surroundings in the view, 0 or 1, (n, cells, 3, side / 2, side / 2)."""
        n, m = cells.shape[:2]
        rays = F.normalize(rays.unflatten(1, (-1, 2)).unflatten(3, (-1, 2)).mean(dim=(2, 4)), dim=-1)
        hit, found = sides(eye.repeat_interleave(m, 0), rays.repeat_interleave(m, 0), cells.flatten(0, 1), 1)
        inside = hit[:, None].float()
        around = F.max_pool2d(inside, 3, 1, 1) - inside
        return torch.cat([inside, inside * (border(found) < EDGE), around], dim=1).unflatten(0, (n, m))

    def _fitting(self, fine: Tensor, pooled: Tensor, regions: Tensor) -> Tensor:
        """How well each cell fits as what the hands work on: logits (n, cells)."""
        edges = F.gelu(self.edges(fine))
        regions, weight = regions.to(edges.dtype).flatten(3), regions.sum(dim=(3, 4))
        means = torch.einsum("ncrp,ndp->ncrd", regions, edges.flatten(2)) / (weight[..., None] + 0.5).to(edges.dtype)
        sizes = torch.log1p(weight[..., ::2]).to(edges.dtype)
        fits = self.fits(torch.cat([means.flatten(2), sizes], dim=2)) + self.among(pooled)[:, None] + self.places
        return self.cell(F.gelu(fits))[..., 0].float()

    def done(self, before: Tensor, seen: Tensor, waited: Tensor, control: Control, cubes: Tensor) -> Done | None:
        """What hands do in frames with `before` (b, t, 3, H, W) before them, where there was any, `seen` (b, t), for how long the
        key has been held, `waited` (b, t), where the player stands, and the cubes (b, t, m) there were, if any are kept; None
        where they do nothing, if that may be asked."""
        action, pose, motion = (part.flatten(0, 1) for part in control)
        standing = (seen.flatten() > 0) & stands(motion)
        eager = can_branch(before)
        if eager and not standing.any():
            return None  # which is most of the time, and spares a fifth of it
        past = before.flatten(0, 1)
        looked = self.look(self.middle(past), self.bar(past), action, waited.flatten(), pose)
        kind = torch.where(standing, looked.kind.argmax(dim=1), 0)
        if eager and not kind.any():
            return None
        at = self._aimed(looked, kind, cubes.flatten(0, 1)).argmax(dim=1)
        cell = looked.cells.gather(1, at[:, None, None].expand(-1, 1, 3))[:, 0]
        return Done(looked, kind, at, cell, waited.flatten())

    def _aimed(self, looked: Looked, kind: Tensor, cubes: Tensor) -> Tensor:
        """Logits (n, cells) of which it happens to: of what was seen, and of the first solid of the `cubes` (n, m) along the
        middle of the view, or the last free one before it, where a block comes."""
        if not cubes.shape[1]:
            return looked.cell
        slot = cubes_at(self.config, looked.cells)
        solid = cubes.flatten().index_select(0, slot.flatten()).view(slot.shape) >= SOLID
        first = solid & (solid.cumsum(dim=1) == 1)
        before = F.pad(first[:, 1:], (0, 1))
        return looked.cell + AIMED * torch.where((kind == COMES)[:, None], before, first)

    def forward(self, pictures: Tensor, done: Done | None) -> Tensor:
        """`pictures` (b, t, 3, H, W) with what is `done` drawn into them. It is taught by itself (`models.training.hands`)."""
        if done is None:
            return pictures
        now, (rows, columns) = pictures.flatten(0, 1), self.box
        drawn = self.draw(done.looked, done.kind, done.at)
        change = ((done.kind > 0)[:, None, None] & drawn.there & (drawn.where > 0))[:, None]
        middle = torch.where(change, self.shown(drawn).to(now.dtype), self.middle(now))
        strip = torch.cat([now[..., rows, : columns.start], middle, now[..., rows, columns.stop :]], dim=-1)
        return torch.cat([now[..., : rows.start, :], strip, now[..., rows.stop :, :]], dim=-2).view_as(pictures)


def _like(small: Tensor, large: Tensor) -> Tensor:
    return F.interpolate(small, size=large.shape[-2:], mode="nearest")
