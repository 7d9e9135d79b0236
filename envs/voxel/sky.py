"""Day and night: the colours of sky, sun, fog and light at a moment of the day. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.voxel.light import FULL
from envs.voxel.noise import FloatArray, smooth

DAY_STEPS = 2400
"""Steps from one sunrise to the next: four minutes at ten steps a second."""
CLOUD_SIDE = 64
"""Cells along one side of the repeating cloud picture; a cell is four blocks wide."""

_HEIGHTS = (-0.30, -0.06, 0.06, 0.30)
"""Sines of the sun's height for which the colours below are given; between them they blend."""
_ZENITH = ((12, 15, 36), (32, 42, 92), (74, 112, 190), (92, 150, 236))
_HORIZON = ((28, 36, 66), (110, 72, 92), (246, 168, 112), (178, 212, 248))
_LIGHT = ((0.30, 0.34, 0.48), (0.40, 0.38, 0.48), (0.74, 0.62, 0.52), (1.0, 0.97, 0.92))


class Sky(NamedTuple):
    """What the renderer needs to know about the hour. Colours are 0..255.

    zenith, horizon, cloud: (3,). sun: (3,) unit vector towards it (the moon is opposite). stars: 0..1.
    table: (256, 3) share of a surface's colour that shows, by its 16 * sky + lamp light. water: (3,) deep water.
    """

    zenith: FloatArray
    horizon: FloatArray
    cloud: FloatArray
    sun: FloatArray
    stars: float
    table: FloatArray
    water: FloatArray


def hour(t: int, offset: float) -> float:
    """Share of the day gone by in [0, 1) at step `t` of an episode that began at `offset`: 0 sunrise, 0.25 noon, 0.5 sunset."""
    return (offset + t / DAY_STEPS) % 1.0


def sky_at(share: float) -> Sky:
    """The sky when `share` of the day has gone by. The sun rises in the east (+x) and passes a little south of overhead."""
    angle = 2 * np.pi * share
    sun = np.array([np.cos(angle), -0.35 * np.sin(angle), np.sin(angle)])
    sun /= np.linalg.norm(sun)
    zenith, horizon, light = (
        np.array([np.interp(sun[2], _HEIGHTS, column) for column in zip(*colours, strict=True)])
        for colours in (_ZENITH, _HORIZON, _LIGHT)
    )
    levels = np.arange(256)
    falloff = 0.84 ** (FULL - levels // 16) * (levels // 16 > 0)
    glow = 0.86 ** (FULL - levels % 16) * (levels % 16 > 0)
    table = np.maximum(falloff[:, None] * light, glow[:, None] * np.array([1.0, 0.86, 0.62]))
    return Sky(
        zenith, horizon, 255.0 * np.minimum(light * 1.02, 1.0), sun, float(np.clip(-4.0 * sun[2] - 0.2, 0.0, 1.0)),
        np.maximum(table, 0.16), np.array([26.0, 66.0, 140.0]) * light,
    )  # fmt: skip


def clouds(salt: int) -> np.ndarray:
    """float64 (64, 64), 0 clear or 1 cloud: the same islands of cloud all day, so that the sky tells directions apart."""
    x, y = np.meshgrid(np.arange(CLOUD_SIDE), np.arange(CLOUD_SIDE), indexing="ij")
    wave_x, wave_y = np.sin(2 * np.pi * x / CLOUD_SIDE), np.sin(2 * np.pi * y / CLOUD_SIDE)
    cover = smooth(salt, 7.0, x, y) + 0.5 * smooth(salt + 1, 3.0, x, y) + 0.02 * (wave_x + wave_y)
    return (cover > 0.92).astype(np.float64)
