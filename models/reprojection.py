"""The frame before, as it looks from where the player is now, if everything lay at one of a few distances.

A plane sweep: for each distance the earlier picture is moved by the known motion, exactly where the guess is right. Which
guess holds for which pixel (or none: occluded, out of view, changed) is for the network to say. The frame before travels in
the state, like the inputs of a short convolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.config import ModelConfig
from models.state import LastFrame

NOT_THE_SAME = 0.02
"""Mean squared difference (of colours in -1..1) at which two pixels are as likely different things as the same."""


def pixel_rays(config: ModelConfig) -> Tensor:
    """Directions (H, W, 3) of all pixels as (ahead, right, up) of an untilted camera, ahead = 1."""
    height, width = config.image
    focal = width / 2 / math.tan(math.radians(config.camera.fov_degrees) / 2)
    right = (torch.arange(width) + 0.5 - width / 2) / focal
    up = -(torch.arange(height) + 0.5 - _view_rows(config) / 2) / focal
    ahead = torch.ones(height, width)
    return torch.stack([ahead, right.expand(height, -1), up[:, None].expand(-1, width)], dim=-1)


def _view_rows(config: ModelConfig) -> int:
    return config.camera.view_rows or config.image[0]


def pixel_of(config: ModelConfig) -> float:
    """How wide a pixel is at a distance of one block, in blocks."""
    return 2 * math.tan(math.radians(config.camera.fov_degrees) / 2) / config.image[1]


def view_axes(pose: Tensor, tilt: float) -> Tensor:
    """Rows ahead, right, up (n, 3, 3) of the cameras at poses (n, 5), in the world's axes."""
    (heading, pitch), level = pose[:, 3:].unbind(dim=1), torch.zeros_like(pose[:, 3])
    pitch = pitch + tilt
    ch, sh, cp, sp = heading.cos(), heading.sin(), pitch.cos(), pitch.sin()
    axes = [ch * cp, sh * cp, sp, sh, -ch, level, -ch * sp, -sh * sp, cp]
    return torch.stack(axes, dim=-1).view(-1, 3, 3)


def eyes(config: ModelConfig, pose: Tensor, height: float) -> Tensor:
    """Where the cameras are, (n, 3) from poses (n, 5), `height` above the feet."""
    ground = pose[:, :2] + config.camera.forward_cells * torch.cat([pose[:, 3:4].cos(), pose[:, 3:4].sin()], dim=1)
    return torch.cat([ground, pose[:, 2:3] + height], dim=1)


@torch.no_grad()
def sweep(config: ModelConfig, nearness: Sequence[float], rays: Tensor, frame: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """frame (n, 3, H, W) seen from poses `before` (n, 5), moved to poses `now`: (n, k, 4, H, W), one picture a distance.

    k runs over `nearness`, inverse distances along the ground in 1 / cells; 0 is infinitely far: turning only. The
    fourth channel is 1 where the earlier frame reached and 0 elsewhere, where the colours are 0 too. An overlay below the
    camera's rows stays where it was; what is drawn over the view (`Camera.drawn_over`) counts as not reached.
    """
    camera, (height, width), n, k = config.camera, config.image, len(frame), len(nearness)
    rows, tangent = _view_rows(config), math.tan(math.radians(camera.fov_degrees) / 2)
    tilt = math.radians(camera.tilt_degrees)
    old_axes, new_axes = view_axes(before, tilt), view_axes(now, tilt)
    to_picture = _vector([1.0, 1 / tangent, -width / height / tangent], frame.device)  # ahead, then x and y per ahead
    shift = now[:, :3] - before[:, :3] + camera.forward_cells * (_ground(now) - _ground(before))
    shift = (old_axes @ shift[:, :, None]).squeeze(-1) * to_picture  # (n, 3) in the old camera's axes
    flat = rays.reshape(-1, 3)
    along = (flat @ new_axes[..., :2]).norm(dim=-1).clamp_(min=0.2)  # (n, H W) ground covered by a unit of each ray
    turned = flat @ (new_axes @ old_axes.transpose(1, 2) * to_picture)  # (n, H W, 3)
    moving = _vector(nearness, frame.device)[:, None] * along[:, None]  # (n, k, H W)
    ahead, x, y = (torch.addcmul(turned[:, None, :, i], moving, shift[:, i, None, None]) for i in range(3))
    valid = ahead > 1e-3
    scale = ahead.clamp_(min=1e-3).reciprocal_()
    x, y = x.mul_(scale), y.mul_(scale)  # -1..1 where the earlier frame reached, y from the middle of the view
    horizon = rows / height - 1
    valid = (valid & (x.abs() <= 1) & (y.abs() <= 1 + horizon)).to(frame.dtype)
    place = torch.stack([x, y.add_(horizon)], dim=-1).clamp_(-2, 2)
    if rows < height:
        overlay = slice(rows * width, None)
        place[:, :, overlay], valid[:, :, overlay] = _identity(rays)[overlay], 1
    picture = frame.float() if not camera.drawn_over else torch.cat([frame.float(), bare(config, frame)], dim=1)
    place = place.reshape(n, k * height, width, 2)
    moved = sampled(picture, place)
    moved = moved.unflatten(2, (k, height))  # (n, 3 or 4, k, H, W)
    valid = valid.unflatten(2, (height, width))
    if camera.drawn_over:
        valid = valid * (moved[:, 3] > 0.999)  # no colour is mixed with what was drawn over it
    return torch.cat([moved[:, :3] * valid[:, None], valid[:, None]], dim=1).transpose(1, 2)


@torch.library.custom_op("revisit::sampled", mutates_args=())
def sampled(picture: Tensor, place: Tensor) -> Tensor:
    """`picture` (n, c, H, W) at `place` (n, h, w, 2): one operator also where the rest is compiled, since compilers take it apart
    and then read pixel by pixel, three times as slowly."""
    return F.grid_sample(picture, place, mode="bilinear", padding_mode="border", align_corners=False)


@sampled.register_fake
def _(picture: Tensor, place: Tensor) -> Tensor:
    return picture.new_empty(*picture.shape[:2], *place.shape[1:3])


def _vector(values: Sequence[float], device: torch.device) -> Tensor:
    """`values` (k,) made where they are used: nothing comes from the host, which a CUDA graph could not repeat."""
    return torch.stack([torch.full((), value, device=device) for value in values])


def bare(config: ModelConfig, frame: Tensor) -> Tensor:
    """1 where the view itself is seen and 0 where something is drawn over it: (n, 1, H, W)."""
    bare = torch.ones_like(frame[:, :1], dtype=torch.float32)
    for top, left, bottom, right in config.camera.drawn_over:
        bare[:, :, top:bottom, left:right] = 0
    return bare


def candidates(config: ModelConfig, rays: Tensor, frame: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """All that a frame may take over from the one before: (n, `n_candidates`, 4, H, W), as `sweep` and, if wanted, unmoved.

    Unmoved is what is drawn over the view, and the overlay below it: the world never moves along with the player.
    """
    swept = sweep(config, config.nearness, rays, frame, before, now)
    if not config.unmoved:
        return swept
    drawn = 1 - bare(config, frame)
    drawn[:, :, _view_rows(config) :] = 1
    unmoved = torch.cat([frame * drawn, drawn], dim=1).to(swept.dtype)
    return torch.cat([swept, unmoved[:, None]], dim=1)


def n_candidates(config: ModelConfig) -> int:
    """Pictures that `candidates` offers."""
    return len(config.nearness) + config.unmoved if config.nearness else 0


def n_of_album(config: ModelConfig) -> int:
    """Pictures offered out of the album: its views shown, each moved at every one of its distances."""
    return config.album.n_shown * len(config.album.nearness) if config.album.n_views else 0


@torch.no_grad()
def unexplained(config: ModelConfig, rays: Tensor, earlier: LastFrame, pose: Tensor, frame: Tensor) -> Tensor:
    """How little the frame before tells of each pixel of `frame` (n, 3, H, W) seen from `pose` (n, 5): (n, H, W) in 0..1.

    0 where one of the swept pictures shows it, near 1 where none does: there only memory can help.
    """
    moved = candidates(config, rays, earlier.frame, earlier.pose, pose)
    error = (moved[:, :, :3] - frame[:, None]).square().mean(dim=2) + 4 * (1 - moved[:, :, 3])
    best = error.amin(dim=1) + 4 * (1 - earlier.seen[:, None, None])
    return best / (best + NOT_THE_SAME)


def elevation(config: ModelConfig, rays: Tensor, pose: Tensor) -> Tensor:
    """How far above the horizon each pixel looks from `pose` (n, 5), in radians: (n, H, W)."""
    pitch = pose[:, 4] + math.radians(config.camera.tilt_degrees)
    up = rays[..., 2] * pitch.cos()[:, None, None] + rays[..., 0] * pitch.sin()[:, None, None]
    return torch.asin(up / rays.norm(dim=-1))


def _identity(image: Tensor) -> Tensor:
    """Where each pixel of an image (H, W, ...) is itself found: (H W, 2), x and y in -1..1."""
    y, x = (((torch.arange(n, device=image.device) + 0.5) * 2 / n - 1) for n in image.shape[:2])
    return torch.stack(torch.broadcast_tensors(x, y[:, None]), dim=-1).flatten(0, 1)


def _ground(pose: Tensor) -> Tensor:
    """The heading as a unit vector (n, 3) in the plane."""
    heading = pose[:, 3]
    return torch.stack([heading.cos(), heading.sin(), torch.zeros_like(heading)], dim=-1)
