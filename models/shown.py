"""What is known of what is in view now: as views gone by show it, moved by the cubes, and as what cubes are made of looks.

A picture seen from elsewhere shows what is in view now, but where, only geometry tells. Where a ray through the cubes ends, the
pixel is taken from the kept view that saw that very place from nearest; where it ends nowhere, it is the sky of the nearest view.
So nothing is redrawn, and nothing goes soft. What was seen from afar only, or never and is imagined, is painted in the textures
of its kind; what no view shows of the sky, as it looks at that hour. How much brighter or darker it has become since a view was
seen, the hour tells (`models.light`); how much of that falls on a pixel, one small convolution decides by what is known of it,
and another whether to believe one, the other, or the network, which has seen as much and drawn it anew. Only the second looks at
what that has drawn: light taken from there would carry its smears into what is sharp, and into every dreamt frame after it. Not
applied in training, like `models.turning`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import album
from models.album import Pages
from models.config import ModelConfig
from models.cubes import FARTHEST, before_side, closed_in, ends, in_slots, look, open_to_sky
from models.effect import Effect, effect_of
from models.hands import COMES, GOES
from models.hour import surely, turned
from models.light import Light
from models.painted import painted
from models.reprojection import bare
from models.views import in_views, mixed

SKY = 1000.0
"""Blocks to what lies behind everything."""
SAME, SAME_SHARE = 0.1, 0.03
"""Blocks, and share of the distance, by which a view may see past a place, or short of it, and still show it."""
N_SHOWN = 8
"""Views moved for a frame."""
AGED = 0.01
"""How much more distant, as a logarithm, a view counts by a frame of age: light changes."""
ASIDE = 5.0
"""Blocks to one side from which on the sky counts as seen from as much more distant as a place from three times as far."""
N_FACTS = 13
SKY_FACT, FREE_FACT, OLD_FACT, AWAY_FACT, OPEN_FACT, CLOSED_FACT = 1, 2, 4, 10, 11, 12
N_TOLD = 3 + 3 + 3 + 2 + N_FACTS
CHANNELS = 16
REACHES = (2, 4, 8)
"""Pixels that the convolutions after the first lie apart."""
BELIEVED = (1.5, -0.5)
"""Logits by which what is shown is believed, and what is painted, before anything is learned."""
ALL = 0.999
"""Share of a ray from which on all of it is known to be free: what the network draws there in dreams is left of other things."""
PAINT, SHARP = 2, 2.0
"""Which choice paint is, and what speaks for it beside how right it is likely to be: it is sharp, however near one comes."""
LIT = (2.0, 2.0)
"""Logits of the share of the hour's light that falls on what a view shows, and what is painted, before anything is learned."""
DARKEST = 0.02
"""Of 0..2, how bright something counts at least where brightnesses are compared."""
CLEAR = -4.0
"""Logit of the share of air in a colour, before anything is learned."""


class Around(NamedTuple):
    """What is known before each of t frames, as `StreamState` has it."""

    cubes: Tensor  # (b, t, m)
    kinds: Tensor  # (b, t, m)
    hour: Tensor  # (b, t, 2), in the frame itself
    cracked: Tensor  # (b, t) for how many frames what hands now take away has shown cracks, -1 where they take nothing
    kind: Tensor  # int64 (b, t) what hands do, of `hands.KINDS`
    cell: Tensor  # (b, t, 3) the cell they change


class Found(NamedTuple):
    """What is known of n views."""

    colour: Tensor  # (n, 3, rows, W) in -1..1, by views gone by
    paint: Tensor  # (n, 3, rows, W), by what cubes are made of
    told: Tensor  # (n, N_FACTS, rows, W) of each pixel: see `Shown.found`
    hour: Tensor  # (n, 2), as `models.hour` keeps it
    pose: Tensor  # (n, 5)
    effect: Effect | None = None  # of what hands do in each, which is there wherever one sees into the cell that they change
    certain: Tensor | None = None  # bool (n, 2, rows, W), where what the network draws is not asked, and what a view shows


class Choices(NamedTuple):
    """What each pixel of n views may be: as the network draws it, as a view shows it, as it is painted."""

    colours: Tensor  # (n, 3, 3, rows, W): choices, colours
    logits: Tensor  # (n, 3, rows, W) how much each is to be believed, -inf where there is no such choice


class Shown(nn.Module):
    """Draws what views gone by show; see the module."""

    rays: Tensor

    def __init__(self, config: ModelConfig, rays: Tensor) -> None:
        super().__init__()
        self.config = config
        self.near = nn.Conv2d(N_TOLD, CHANNELS, 3, padding=1)
        self.whole = nn.Linear(CHANNELS + 6, CHANNELS)
        self.layers = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=reach, dilation=reach) for reach in REACHES)
        self.out = nn.Conv2d(CHANNELS, 2, 1)
        self.known = nn.Conv2d(3 + 3 + N_FACTS, CHANNELS, 3, padding=1)
        self.around = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=REACHES[0], dilation=REACHES[0])
        self.lit = nn.Conv2d(CHANNELS, 3 * 2, 1)
        self.tint = nn.Linear(CHANNELS, 2 * 6)
        self.corners = nn.Parameter(torch.zeros(1))  # how dark they are, a logit: half as bright, untaught
        self.light = Light()
        for part in (self.tint, self.out, self.lit):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor(BELIEVED))  # type: ignore[union-attr]
            self.lit.bias.copy_(torch.tensor([0.0, 0.0, CLEAR, CLEAR, *LIT]))  # type: ignore[union-attr]
        self.register_buffer("rays", rays[: config.bar_rows[0]], persistent=False)
        plain = bare(config, rays.new_zeros(1, 3, *config.image))[0, 0, : config.bar_rows[0]]
        self.over = nn.Parameter(torch.stack([plain, torch.zeros_like(plain)]), requires_grad=False)

    def forward(
        self, pictures: Tensor, around: Around, worn: Tensor, pages: Pages, pose: Tensor, rate: Tensor
    ) -> tuple[Tensor, Effect]:
        """`pictures` (b, t, 3, H, W), as the network draws them, with what is known of what is in view from `pose` (b, t, 5); and
        what hands do (b, t, rows, W). worn: by each kind, as `Kinds` has it; rate: of the hour, as `Hour` has it."""
        b, t, rows = *pictures.shape[:2], self.config.bar_rows[0]
        views = pictures[..., :rows, :].flatten(0, 1)
        found = self.found(around, worn, pages, pose)
        drawn, known = self.drawn(views, found, rate)
        scale, shift = self.over
        drawn = torch.where(known[:, None] & (scale > 0), scale * drawn + shift, views).to(views.dtype)
        assert found.effect is not None
        there, light = found.effect
        effect = Effect(there & (known | (around.kind.flatten()[:, None, None] == COMES)), light)
        pictures = torch.cat([drawn.unflatten(0, (b, t)), pictures[..., rows:, :]], dim=-2)
        return pictures, Effect(*(part.unflatten(0, (b, t)) for part in effect))

    def drawn(self, views: Tensor, found: Found, rate: Tensor) -> tuple[Tensor, Tensor]:
        """`views` (n, 3, rows, W), of each pixel the likeliest of its choices: a mean of them would be soft again; and where that
        is another than the network's, bool (n, rows, W)."""
        colours, logits = self.choices(views, found, rate)
        solid = 1 - found.told[:, None, SKY_FACT].to(logits.dtype)
        logits = logits + F.pad(SHARP * solid, (0, 0, 0, 0, PAINT, 0))
        if found.certain is not None:
            logits = torch.cat([logits[:, :2].masked_fill(found.certain, -torch.inf), logits[:, 2:]], dim=1)
        chosen = logits.argmax(dim=1)
        return colours.gather(1, chosen[:, None, None].expand_as(colours[:, :1]))[:, 0], chosen > 0

    def choices(self, views: Tensor, found: Found, rate: Tensor) -> Choices:
        """What each pixel may be where the network draws `views` (n, 3, rows, W): what was `found`, in the light of the hour."""
        facts = found.told.to(views.dtype)
        there = torch.stack([facts[:, 0], facts[:, 6]], dim=1)  # (n, 2, rows, W)
        sky = facts[:, SKY_FACT, None]
        brightness, sheer, air = self._by_hour(found, sky, rate)
        paint = (found.paint.to(views.dtype) + 1) * (1 - self.corners.sigmoid() * facts[:, CLOSED_FACT, None]) - 1
        raw = torch.stack([found.colour.to(views.dtype), torch.where(sky > 0, sheer, paint)], dim=1)
        usual = (raw + 1) * brightness.exp() - 1
        off = torch.stack([(part - views).abs().mean(dim=1) for part in (raw[:, 0], usual[:, 0])], dim=1)
        known = torch.cat([usual[:, 0], usual[:, 1], facts], dim=1)
        told = torch.cat([views, usual[:, 0], usual[:, 1], off, facts], dim=1)
        told = told.contiguous(memory_format=torch.channels_last)  # in which convolutions with gaps are three times as fast
        x = F.gelu(self.near(told))
        whole = self.whole(torch.cat([x.mean(dim=(2, 3)), _brighter(views, usual, there).flatten(1)], dim=1))
        x = x + F.gelu(whole)[..., None, None]
        for layer in self.layers:
            x = x + F.gelu(layer(x))
        believed = self.out(x)
        x = F.gelu(self.known(known.contiguous(memory_format=torch.channels_last)))
        x = x + F.gelu(self.around(x))
        lit, hazy, falls = self.lit(x).chunk(3, dim=1)
        tint, tint_of_air = self.tint(x.mean(dim=(2, 3))).tanh().unflatten(1, (2, 6)).chunk(2, dim=2)  # (n, 2, 3) each
        light = lit[:, :, None] + tint[..., None, None] + falls.sigmoid()[:, :, None] * brightness
        haze = hazy.sigmoid()[:, :, None]
        shown = (raw + 1) * light.exp() * (1 - haze) + haze * (air[:, None] + tint_of_air[..., None, None]).exp() - 1
        shown = torch.stack([shown[:, 0], torch.where(sky > 0, raw[:, 1], shown[:, 1])], dim=1)  # its light is its own
        logits = believed.masked_fill(there == 0, -torch.inf)
        return Choices(torch.cat([views[:, None], shown], dim=1), torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1))

    def _by_hour(self, found: Found, sky: Tensor, rate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """By how much as a logarithm, (n, 2, 3, rows, W), what a view shows and what is painted are brighter at this hour than in
        that view, and in full light; the colour (n, 3, rows, W) in -1..1 of the sky where there is `sky` (n, 1, rows, W); and how
        bright as a logarithm the air before all is, (n, 3, rows, W)."""
        rays = look(self.config, self.rays, found.pose)[2].unflatten(2, sky.shape[-2:])  # (n, 3, rows, W)
        now = surely(found.hour)
        age = (4 * found.told[:, OLD_FACT].float()).exp() - 1
        then = surely(turned(found.hour[:, None, None], -rate * age))
        some, everywhere = _every_other(rays.movedim(1, -1)), now[:, None, None].expand_as(_every_other(then))
        skies = self.light.in_sky(torch.stack([everywhere, _every_other(then)]), some.expand(2, *some.shape))
        of_sky, sky_then = (_between(part) for part in skies)
        level = F.normalize(F.pad(rays[:, :2, len(self.rays) // 2].movedim(1, -1), (0, 1)), dim=-1)  # of each column, (n, W, 3)
        of_air = self.light.in_sky(now[:, None].expand(*level.shape[:2], -1), level)[:, None].expand_as(of_sky)
        ground, ground_then = self.light.on_ground(now)[:, None, None], self.light.on_ground(then)
        under = sky.movedim(1, -1) > 0
        since = torch.where(under, of_sky - sky_then, ground - ground_then)
        brightness = torch.stack([since, torch.where(under, 0, ground.expand_as(since))], dim=1).movedim(-1, 2)
        return brightness, of_sky.movedim(-1, 1).exp() - 1, of_air.movedim(-1, 1)

    @torch.no_grad()
    def found(self, around: Around, worn: Tensor, pages: Pages, pose: Tensor) -> Found:
        """What is known of what is in view from `pose` (b, t, 5). Told of each pixel: whether a view shows it, whether there is
        sky, what share of its ray is known to be free, how unlike the view's place is, how old the view is, how many views agree;
        whether it is painted, which way that faces, how far away it is, how open to the sky what is before it is, how closed in.
        """
        config = self.config
        rows, width = self.rays.shape[:2]
        cubes, kinds, kind, cell = (part.flatten(0, 1) for part in (around.cubes, around.kinds, around.kind, around.cell))
        imagined = (cubes != 0).all(dim=1)[:, None, None]
        frame, depth, earlier, age = (part.flatten(0, 1) for part in album.nearest(config, pages, pose, N_SHOWN))
        now = pose.flatten(0, 1)
        with torch.autocast(pose.device.type, enabled=False):
            eye, _, directed = look(config, self.rays, now)
            met = ends(config, cubes, eye, directed)
            paint = painted(config, worn, kinds, eye, directed, met)
            sky = met.away.isinf()[:, None]
            away = torch.where(sky, SKY, met.away[:, None])
            place = eye[:, None, :, None] + away[:, :, None] * directed[:, None]
            x, y, distance, reached = in_views(config, place, earlier)
            at = (y.round() * width + x.round()).to(torch.int64)
            showed = depth.flatten(2).float().gather(2, at)
            perhaps = (showed < 0) & ~imagined  # when all is known, what looked as if something stood there is no sky
            there = torch.where(sky, perhaps | (showed >= FARTHEST), (showed - distance).abs() < SAME + SAME_SHARE * distance)
            whole = age > around.cracked.flatten(0, 1)[:, None]
            reached = reached & there & whole[..., None] & (bare(config, frame[:1, 0].movedim(-1, 1))[0, 0].flatten() > 0)[at]
            aside = (earlier[..., :3] - now[:, None, :3]).norm(dim=-1)[..., None]
            unlike = torch.where(sky, aside / ASIDE, (distance / away).log().abs())
            best, chosen = (unlike + AGED * age[..., None]).masked_fill(~reached, torch.inf).min(dim=1)
            one = chosen[:, None]
            colour = mixed(frame, chosen, x.gather(1, one)[:, 0], y.gather(1, one)[:, 0])
            any_view, n_views = best.isfinite(), reached.sum(dim=1)
            old = age.clamp(max=1000)[..., None].expand_as(unlike).gather(1, one)[:, 0]
            told = [any_view, sky[:, 0], met.free, unlike.gather(1, one)[:, 0].clamp(max=4), (1 + old).log() / 4, n_views / 4]
            told += [paint.there | sky[:, 0], *paint.facing.unbind(dim=1), away[:, 0].clamp(max=FARTHEST).log() / 4]
            before = before_side(config, met, directed)
            closed = closed_in(config, cubes, met, before, eye, directed)
            told += [torch.where(sky[:, 0], 1.0, in_slots(open_to_sky(config, cubes), before)), closed]
            view = (len(now), -1, rows, width)
            effect = effect_of(config, cubes, kind, cell, eye, directed, met, before, closed, self.corners.sigmoid())
        picture = colour.movedim(-1, 1).reshape(view) * any_view.view(view)
        facts = torch.stack([part.float() for part in told], dim=1).view(view)
        opened = effect.there & (kind == GOES)[:, None, None]
        clear, below = facts[:, SKY_FACT] > 0, paint.there.view(opened.shape)
        certain = torch.stack([opened | (imagined & clear & (facts[:, FREE_FACT] > ALL)), opened & below & ~clear], dim=1)
        return Found(picture, paint.colour.view(view), facts, around.hour.flatten(0, 1), now, effect, certain)


def _brighter(views: Tensor, choices: Tensor, there: Tensor) -> Tensor:
    """By how much as a logarithm, (n, k, 3), `views` (n, 3, h, w) in -1..1 are brighter on the whole than `choices` (n, k, 3, h,
    w), where these are `there` (n, k, h, w)."""
    now = torch.einsum("nchw,nkhw->nkc", views + 1, there)
    then = torch.einsum("nkchw,nkhw->nkc", choices + 1, there)
    least = DARKEST * there.sum(dim=(2, 3)).clamp(min=1)[..., None]
    return torch.maximum(now, least).log() - torch.maximum(then, least).log()


def _every_other(parts: Tensor) -> Tensor:
    """Of `parts` (n, h, w, c) every other one each way: the sky has no edges."""
    return parts[:, ::2, ::2]


def _between(parts: Tensor) -> Tensor:
    """All of what `_every_other` took some of."""
    return F.interpolate(parts.movedim(-1, 1), scale_factor=2, mode="bilinear").movedim(1, -1)
