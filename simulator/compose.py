"""Pictures from pictures: side by side, enlarged, captioned. Numpy (and Pillow's letters); no window."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from simulator.world import Tick

INK, PAPER = (226, 232, 240), (14, 17, 23)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a - b| of two uint8 pictures (H, W, 3): black where they agree."""
    return np.abs(a.astype(np.int16) - b.astype(np.int16)).astype(np.uint8)


def beside(*pictures: np.ndarray) -> np.ndarray:
    """Pictures of one height (H, W_i, 3) as one (H, sum W_i, 3)."""
    return np.concatenate(pictures, axis=1)


def enlarge(picture: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel as a square of `factor` x `factor`: (H, W, 3) -> (factor * H, factor * W, 3)."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def even(picture: np.ndarray) -> np.ndarray:
    """The picture with its last row or column doubled where needed: video codecs want even sides."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def video_factor(frame: np.ndarray, height: int) -> int:
    """The whole factor that brings `frame` nearest below `height` pixels, at least 1."""
    return max(1, height // frame.shape[0])


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own letters: a light sans serif where it has them."""
    return ImageFont.load_default(size)


def caption(texts: tuple[str, ...], width: int, size: int) -> np.ndarray:
    """A strip (2 * size, width, 3) with `texts` centred in equal columns, letters `size` pixels high."""
    strip = Image.new("RGB", (width, 2 * size), PAPER)
    draw = ImageDraw.Draw(strip)
    for i, text in enumerate(texts):
        draw.text(((i + 0.5) * width / len(texts), size), text, INK, font(size), anchor="mm")
    return np.asarray(strip)


def panel_captions(tick: Tick) -> tuple[str, ...]:
    """What stands above each panel of a side-by-side tick, the score of two that are compared last; empty for a plain one."""
    panels = tuple(tick.info.get("panels", ()))
    if "psnr" not in tick.info:
        return panels
    last = f"{panels[-1]}  {tick.info['psnr']:.1f} dB  SSIM {tick.info['ssim']:.2f}"
    return (*panels[:-1], last)


def video_frame(tick: Tick, height: int) -> np.ndarray:
    """The picture a video shows of `tick`: enlarged to about `height` pixels, captions above where there are panels."""
    picture = enlarge(tick.frame, video_factor(tick.frame, height))
    captions = panel_captions(tick)
    if captions:
        picture = np.concatenate([caption(captions, picture.shape[1], max(9, picture.shape[0] // 18)), picture])
    return even(picture)
