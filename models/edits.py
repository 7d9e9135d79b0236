"""What hands have put or taken stays so: which cells were changed, and what their sides wear.

A network of whole pictures carries a block that was placed on like the rest of the view, as soft, and has lost it when one comes
back. So changes are kept by themselves, a few dozen, the latest: of each the cell, whether a block came or went, and which of the
learned textures (`models.textures`) the sides that then showed are most like, in what light. That something changed is seen from
two pictures, one after the other, by one who stands; in which cell, by what hands looked at, and by how the pixels that changed
lie to the sides of the cells along the middle of the view. Where those sides lie in any later picture follows from the pose
(`models.lattice`); which pixels show them, since something may stand before them, a small convolution decides from what the
network has drawn there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import ModelConfig
from models.graph import can_branch
from models.hands import COMES, GOES, Done, Hands, Looked, stands, waited, what_happened
from models.lattice import sides, sides_told
from models.pixels import CHANGED
from models.reprojection import bare, eyes, pixel_rays, view_axes
from models.state import LastFrame

KIND, STAMP, WEARS = 3, 4, 5
N_WEARS = 4
N_ENTRY = WEARS + 3 * N_WEARS
"""Numbers kept of a change: the cell, `GOES` or `COMES` (0: nothing is kept), the how manieth change it was, and for sides across
x, y and z which texture they wear and how bright each colour of it is."""
LEAST = 6
"""Pixels of a side from which on it is seen well enough to tell what it wears."""
GREY = 0.1
"""How much light that is not white speaks against a texture."""
SEEN = 4.0
"""How many times as much it counts for a cell how well it lies to what changed, as how well it looked before."""
FARTHEST = 16.0
"""Blocks beyond which nothing is drawn."""
N_TOLD = 1 + (3 + 1 + 1) + 2
"""Numbers that tell of a side at each pixel, and of whether a block came or went."""
SURE = (1.0, 0.0)
"""Logits from which on a hole is drawn, and a block: what shows in a hole is known less well."""
ALIKE = 7
"""Pixels a side of what is decided together: a block shows or does not, seldom in single pixels."""
CHANNELS, COARSE = 16, 4


class Due(NamedTuple):
    """Where changed cells should be in n views, the nearest before the others."""

    there: Tensor  # bool (n, rows, W)
    colour: Tensor  # (n, 3, rows, W) in -1..1, what their sides wear
    told: Tensor  # (n, N_TOLD, rows, W), of the sides, and of the kind


class Edits(nn.Module):
    """Keeps and draws what hands have changed; see the module. Textures and the view of hands are `Hands`'s."""

    rays: Tensor
    across: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.comes = nn.Embedding(config.n_actions, 1)
        nn.init.zeros_(self.comes.weight)
        self.near = nn.Conv2d(2 + 3 + 3 + 3 + N_TOLD, CHANNELS, 3, padding=1)
        self.far = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.wide = nn.Conv2d(CHANNELS, 2 * CHANNELS, 3, padding=1)
        self.wider = nn.Conv2d(2 * CHANNELS, 2 * CHANNELS, 3, padding=1)
        self.back = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)
        self.out = nn.Conv2d(CHANNELS, 1 + 3, 3, padding=1)
        with torch.no_grad():  # untaught, it draws nothing
            self.out.bias.copy_(torch.tensor([-4.0, 0.0, 0.0, 0.0]))  # type: ignore[union-attr]
        rays = F.normalize(pixel_rays(config)[: config.bar_rows[0]], dim=-1)
        across = torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, n) for n in rays.shape[:2]), indexing="ij"))
        self.register_buffer("rays", rays, persistent=False)
        self.register_buffer("across", across, persistent=False)

    def after(self, kept: Tensor, hands: Hands, last: LastFrame, frames: Tensor, action: Tensor, motion: Tensor) -> Tensor:
        """What is kept before each of `frames` (b, t, 3, H, W), which are true, and after the last: (b, t + 1, m, N_ENTRY).

        kept (b, m, N_ENTRY); `last` (b, t + 1, ...), what was before each frame and the last itself; action (b, t), motion
        (b, t, 5) as in `Control`.
        """
        middle, bar = hands.middle(last.frame), hands.bar(last.frame)
        block = what_happened(middle[:, :-1], bar[:, :-1], middle[:, 1:], bar[:, 1:]) == GOES
        happened = block & stands(motion) & (last.seen[:, :-1] > 0)
        eager = can_branch(frames)
        history = [kept]
        for i in range(frames.shape[1]):
            if eager and not happened[:, i].any():
                history.append(history[-1])
                continue
            held = waited(action[:, i], last.action[:, i], last.since[:, i])
            looked = hands.look(middle[:, i], bar[:, i], action[:, i], held, last.pose[:, i + 1])
            kind = torch.where(self.comes(action[:, i])[:, 0] > 0, COMES, GOES)
            entry = self.noted(hands, looked, middle[:, i + 1], kind)
            history.append(torch.where(happened[:, i, None, None], put(history[-1], entry), history[-1]))
        return torch.stack(history, dim=1)

    def dreamt(self, kept: Tensor, hands: Hands, frames: Tensor, done: Done | None) -> Tensor:
        """As `after`, of frames into which hands drew what was `done`: that is known, and need not be told from them."""
        history, t = [kept], frames.shape[1]
        if done is None or (can_branch(frames) and not (done.kind >= GOES).any()):
            return torch.stack((1 + t) * history, dim=1)
        for i in range(t):
            looked, kind, _, cell, _ = done.of_frame(i, t)
            entry = self._entry(hands, looked, hands.middle(frames[:, i]), kind, cell)
            history.append(torch.where((kind >= GOES)[:, None, None], put(history[-1], entry), history[-1]))
        return torch.stack(history, dim=1)

    def noted(self, hands: Hands, looked: Looked, now: Tensor, kind: Tensor) -> Tensor:
        """What there is to keep of a block that came or went, by `kind` (n,), between a view `looked` at and the middle of the
        next, `now` (n, 3, side, side): (n, N_ENTRY)."""
        changed = (now - looked.middle).abs().amax(dim=1) > CHANGED
        half = F.avg_pool2d(changed[:, None].float(), 2) >= 0.5
        overlap, either = (part.sum(dim=(2, 3)) for part in ((looked.inside > 0) & half, (looked.inside > 0) | half))
        fits = (overlap / either.clamp(min=1)).clamp(min=0.01).log()
        cell = (looked.cell.log_softmax(dim=1) + SEEN * fits).argmax(dim=1)
        return self._entry(hands, looked, now, kind, looked.cells.gather(1, cell[:, None, None].expand(-1, 1, 3))[:, 0])

    def _entry(self, hands: Hands, looked: Looked, now: Tensor, kind: Tensor, cell: Tensor) -> Tensor:
        """As `noted`, where the `cell` (n, 3) is known."""
        changed = (now - looked.middle).abs().amax(dim=1) > CHANGED
        hit, found = sides(looked.eye, looked.rays, cell, 2)
        far = (kind == GOES).long()[:, None, None, None].expand(-1, 1, *hit.shape[1:])
        texels, axis = (part.gather(1, far)[:, 0] for part in (hands.textures.texels(found), found.axis))
        shown = (hit & changed)[:, None] & (axis[:, None] == torch.arange(3, device=axis.device)[:, None, None])
        wears = self._likest(hands, texels, shown.flatten(2).float(), (now + 1) / 2)
        head = [cell, kind[:, None].float(), torch.zeros_like(cell[:, :1])]
        return torch.cat([*head, wears.flatten(1)], dim=1)

    def _likest(self, hands: Hands, texels: Tensor, shown: Tensor, due: Tensor) -> Tensor:
        """Which texture the sides across x, y, z wear, and how bright its colours are: (n, 3, N_WEARS).

        texels (n, h, w); shown (n, 3, h w), which pixels show each; due (n, 3, h, w) in 0..1. A side that does not show is
        taken to wear what the one does that shows most.
        """
        wearing = hands.textures.table()[texels.flatten(1)]  # (n, p, textures, 3)
        n = shown.sum(dim=2)
        pixels = due.flatten(2).transpose(1, 2)
        both = torch.einsum("nap,nptc,npc->natc", shown, wearing, pixels)
        own = torch.einsum("nap,nptc->natc", shown, wearing.square()).clamp(min=1e-4)
        bright = both / own
        left = torch.einsum("nap,npc->nac", shown, pixels.square())[:, :, None] - both * bright
        tint = (bright - bright.mean(dim=-1, keepdim=True)) * (own / 3).sqrt()
        best = (left + GREY * tint.square()).sum(dim=-1).argmin(dim=2)  # (n, 3)
        bright = bright.gather(2, best[..., None, None].expand(-1, -1, 1, 3))[:, :, 0]
        wears = torch.cat([best[..., None].float(), bright], dim=-1)
        most = wears.gather(1, n.argmax(dim=1)[:, None, None].expand(-1, 1, N_WEARS))
        return torch.where((n >= LEAST)[..., None], wears, most)

    def forward(self, pictures: Tensor, kept: Tensor, hands: Hands, pose: Tensor, done: Done | None = None) -> Tensor:
        """`pictures` (b, t, 3, H, W) seen from `pose` (b, t, 5) with what is `kept` (b, t, m, N_ENTRY) drawn into them, but for
        what hands undo now in what is `done`. It is taught by itself (`models.training.edits`)."""
        entries, standing = kept.flatten(0, 1), pose.flatten(0, 1)
        if done is not None:
            undone = (entries[..., :KIND] == done.cell[:, None]).all(dim=-1) & (done.kind == GOES)[:, None]
            entries = entries.masked_fill(undone[..., None], 0.0)
        eager = can_branch(pictures)
        if eager and not (entries[..., KIND] > 0).any():
            return pictures
        with torch.autocast(pictures.device.type, enabled=False), torch.no_grad():
            due = self.due(entries, hands, standing)
        if eager and not due.there.any():
            return pictures
        now, rows = pictures.flatten(0, 1), len(self.rays)
        view = now[..., :rows, :]
        shows, colour = self.draw(view, due)
        sure = shows > torch.where(due.told[:, -2] > 0, *SURE)
        drawn = torch.where((due.there & sure)[:, None], colour.to(view.dtype), view)
        return torch.cat([drawn, now[..., rows:, :]], dim=-2).view_as(pictures)

    def whole(self, pictures: Tensor, before: Tensor, hands: Hands, done: Done, there: Tensor, pose: Tensor) -> Tensor:
        """`pictures` (b, t, 3, H, W) from `pose` (b, t, 5) with all of a block that comes now, where it is `there` (b, t, rows,
        W), in what its sides wear where hands have drawn them; `before` that, they were."""
        comes = done.kind == COMES
        if can_branch(pictures) and not comes.any():
            return pictures
        now, (rows, columns), height = pictures.flatten(0, 1), hands.box, len(self.rays)
        entry = self._entry(hands, done.looked, hands.middle(now), torch.full_like(done.kind, COMES), done.cell)
        due = self.due(entry[:, None], hands, pose.flatten(0, 1))
        left = bare(self.config, pictures[:1, 0])[0, 0, :height] > 0  # all but the cross
        left = left.repeat(len(now), 1, 1)
        left[:, rows, columns] &= (hands.middle(now) == hands.middle(before.flatten(0, 1))).all(dim=1)
        where = comes[:, None, None] & there.flatten(0, 1) & due.there & left
        view = torch.where(where[:, None], due.colour.to(now.dtype), now[..., :height, :])
        return torch.cat([view, now[..., height:, :]], dim=-2).view_as(pictures)

    def due(self, kept: Tensor, hands: Hands, pose: Tensor) -> Due:
        """Where in the view the sides of what is `kept` (n, m, N_ENTRY) lie from `pose` (n, 5): of the nearest few, since few
        are in view."""
        axes = view_axes(pose, math.radians(self.config.camera.tilt_degrees))
        eye = eyes(self.config, pose, self.config.hands.eye)
        away = kept[..., :3] + 0.5 - eye[:, None]
        ahead, far = (away * axes[:, None, 0]).sum(dim=-1), away.norm(dim=-1)
        could = (kept[..., KIND] > 0) & (ahead > 0.4 * far - 0.9) & (far < FARTHEST)
        k = min(self.config.edits.n_shown, kept.shape[1])
        if can_branch(kept):
            k = min(k, max(1, int(could.sum(dim=1).max())))  # it is all the same to those that are not there
        best = torch.where(could, far, torch.inf).topk(k, dim=1, largest=False)
        entry = kept.gather(1, best.indices[..., None].expand(-1, -1, N_ENTRY)).flatten(0, 1)  # (n k, N_ENTRY)
        rays = (self.rays @ axes[:, None]).repeat_interleave(k, 0)
        hit, found = sides(eye.repeat_interleave(k, 0), rays, entry[:, :3], 2)
        behind = (entry[:, KIND] == GOES).long()[:, None, None, None].expand(-1, 1, *hit.shape[1:])
        found = type(found)(*(part.gather(1, behind) for part in found))
        hit = (hit & torch.isfinite(best.values).flatten()[:, None, None]).unflatten(0, (-1, k))
        place = found.away[:, 0].unflatten(0, (-1, k)) + 0.01 * (behind[:, 0].unflatten(0, (-1, k)))  # what stands hides a hole
        place = torch.where(hit, place, torch.inf)
        nearest = place.argmin(dim=1, keepdim=True)  # (n, 1, h, w)

        def chosen(part: Tensor) -> Tensor:
            return part.unflatten(0, (-1, k)).gather(1, nearest)

        found = type(found)(*(chosen(part[:, 0]) for part in found))
        there = chosen(hit.flatten(0, 1))[:, 0]
        wears = entry[:, WEARS:].unflatten(1, (3, N_WEARS)).unflatten(0, (-1, k))  # (n, k, 3, N_WEARS)
        which = (nearest * 3 + found.axis).flatten(1)
        wears = wears.flatten(1, 2).gather(1, which[..., None].expand(-1, -1, N_WEARS)).unflatten(1, there.shape[1:])
        table = hands.textures.table()
        colour = table[hands.textures.texels(found)[:, 0], wears[..., 0].long()] * wears[..., 1:]
        kind = entry[:, KIND].unflatten(0, (-1, k)).gather(1, nearest.flatten(1)).view_as(there)
        kinds = torch.stack([(kind == which) & there for which in (GOES, COMES)], dim=1).float()
        told = torch.cat([sides_told(there, found, 1), kinds], dim=1)
        return Due(there, (2 * colour.movedim(-1, 1) - 1) * there[:, None], told)

    def draw(self, view: Tensor, due: Due) -> tuple[Tensor, Tensor]:
        """Which pixels of `view` (n, 3, h, w) show what is `due`, logits (n, h, w), and in what colour (n, 3, h, w)."""
        colour, told = due.colour.to(view.dtype), due.told.to(view.dtype)
        place = self.across.to(view.dtype).expand(len(view), -1, -1, -1)
        x = F.gelu(self.near(torch.cat([place, view, colour, (view - colour) * due.there[:, None], told], dim=1)))
        wide = F.gelu(self.wide(F.avg_pool2d(x, COARSE)))
        wide = self.back(wide + F.gelu(self.wider(wide)))
        x = x + F.gelu(self.far(x)) + F.interpolate(wide, size=x.shape[-2:], mode="nearest")
        out, there = self.out(F.gelu(x)).float(), due.there[:, None].float()
        together, share = (F.avg_pool2d(part, ALIKE, 1, ALIKE // 2) for part in (out[:, :1] * there, there))
        return (together / share.clamp(min=1e-3))[:, 0], due.colour + 0.3 * out[:, 1:]


def latest(history: Tensor) -> tuple[Tensor, Tensor]:
    """What led to each of t frames, by what was kept before and after them (b, t + 1, m, N_ENTRY): cells (b, t, 3), and `GOES` or
    `COMES` (b, t), 0 where nothing changed."""
    stamp, newest = history[..., STAMP].max(dim=2)
    entry = history[:, 1:].gather(2, newest[:, 1:, None, None].expand(-1, -1, 1, N_ENTRY))[:, :, 0]
    return entry[..., :KIND], torch.where(stamp[:, 1:] > stamp[:, :-1], entry[..., KIND], 0)


def put(kept: Tensor, entry: Tensor) -> Tensor:
    """`kept` (n, m, N_ENTRY) with `entry` (n, N_ENTRY) in it: in place of what was known of its cell, or of the oldest."""
    stamp = kept[..., STAMP]
    same = (kept[..., :3] == entry[:, None, :3]).all(dim=-1) & (kept[..., KIND] > 0)
    slot = torch.where(same.any(dim=1), same.int().argmax(dim=1), stamp.argmin(dim=1))
    here = (torch.arange(kept.shape[1], device=kept.device) == slot[:, None])[..., None]
    new = torch.cat([entry[:, :STAMP], stamp.amax(dim=1, keepdim=True) + 1, entry[:, WEARS:]], dim=1)
    return torch.where(here, new[:, None], kept)
