"""Is the ball there, in its colour, and none where there is none? Judged where balls stand: on the floor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from envs.maze_geometry import HORIZON, Sight, column_angles, row_at

BALL_COLOURS = (
    np.array([[170, 38, 30], [99, 170, 88], [39, 140, 217], [93, 105, 199], [220, 193, 59], [220, 128, 107]]) / 220 * 255
)
"""memory_maze.maze.TARGET_COLORS: red, green, blue, purple, yellow, salmon; without colour shuffling ball i has colour i."""
_FLOOR_COLOURS = np.array([[54, 89, 109], [111, 148, 170]], np.float64)


def _hue(colours: np.ndarray) -> np.ndarray:
    """Colours (..., 3) at unit length: what is left of them in any light."""
    return colours / np.maximum(np.linalg.norm(colours, axis=-1, keepdims=True), 1e-9)


_PALETTE = _hue(np.concatenate([BALL_COLOURS, _FLOOR_COLOURS]))

VERDICTS = ("hit", "miss", "wrong_colour")
MIN_PIXELS = 6
"""Smallest ball that is judged, and smallest patch that counts as a hallucinated one."""
MIN_SHARE = 0.5
"""Share of a ball's pixels that must have a ball's colour for it to be there."""
_MARGIN = 2
"""Pixels around a ball, and along the foot of a wall, that are nobody's: edges blend."""
_SPILL = 3
"""Columns to each side whose wall a soft picture may have spilt over a pixel of the floor."""


class BallZones(NamedTuple):
    """Where the balls of one frame are: `core` int (H, W), index of the ball where it stands before the floor, well inside
    its outline, -1 = none; `floor` bool (H, W), floor clear of every ball and wall. Walls share hues with balls, so what
    rises before a wall is left out."""

    core: np.ndarray
    floor: np.ndarray


def ball_colours(targets: np.ndarray, target_pos: np.ndarray, target_color: np.ndarray) -> np.ndarray:
    """Colour index (n,) of each ball. The episode names the current target's colour only; balls never asked for keep the
    benchmark's own order. targets: (n, 2); target_pos: (t, 2); target_color: (t, 3), 0..1."""
    colours = np.arange(len(targets)) % len(BALL_COLOURS)
    which = np.linalg.norm(targets[None] - target_pos[:, None], axis=-1).argmin(axis=1)
    for ball in np.unique(which):
        shown = target_color[np.argmax(which == ball)] * 255
        colours[ball] = np.linalg.norm(BALL_COLOURS - shown, axis=1).argmin()
    return colours


def zones(sight: Sight, t: int, size: int, border: int = 0) -> BallZones:
    """The zones of frame `t` for square frames of `size` pixels with one column a pixel, `border` pixels of every side left out:
    it has the colour of a ball."""
    row = (np.arange(size)[:, None] + 0.5) / size
    pixel = 1 / size
    top, bottom = sight.ball_rows[t, :, 0], sight.ball_rows[t, :, 1]
    here = sight.ball[t] >= 0
    core = np.where(here & (row > top + pixel) & (row < bottom - pixel), sight.ball[t], -1)
    foot = row_at(sight.distance[t], 0.0, column_angles(size))
    core[np.broadcast_to(row < foot + pixel, core.shape)] = -1
    beside = sliding_window_view(np.pad(np.where(here, 1.0, foot), _MARGIN, constant_values=1.0), 2 * _MARGIN + 1)
    inside = np.pad(np.ones((size - 2 * border,) * 2, bool), border)
    return BallZones(np.where(inside, core, -1), inside & (row > beside.max(axis=1) + _MARGIN * pixel))


def judge(frame: np.ndarray, zone: BallZones, colours: np.ndarray) -> tuple[dict[int, str], bool]:
    """For every ball big enough in the true view: "hit", "wrong_colour" or "miss"; and whether `frame` (H, W, 3) shows a
    ball where none is. colours: colour index of each ball (n,).

    Measured on rendered frames: softened by 1 (2) pixels, 100% (93%) of the balls in view are still hits, and 97% (91%) of those
    it is not told of are found; of frames softened by 1, 2 and 3 pixels 0.3% count as hallucinated.
    """
    seen = (frame.astype(np.float64) @ _PALETTE.T).argmax(axis=-1)
    verdicts = {}
    for ball in np.unique(zone.core[zone.core >= 0]):
        pixels = seen[zone.core == ball]
        if len(pixels) < MIN_PIXELS:
            continue
        right = (pixels == colours[ball]).mean()
        any_ball = (pixels < len(BALL_COLOURS)).mean()
        verdicts[int(ball)] = "hit" if right >= MIN_SHARE else "wrong_colour" if any_ball >= MIN_SHARE else "miss"
    stray = zone.floor & (seen < len(BALL_COLOURS))
    stray[stray] = ~_spilt(frame, *np.nonzero(stray))
    return verdicts, bool(np.bincount(seen[stray], minlength=1).max(initial=0) >= MIN_PIXELS)


def _spilt(frame: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Which pixels (k,) of `frame` (H, W, 3) are likelier a mix of the floor and of a wall near by than a ball: walls share hues
    with balls, and in a soft picture a wall's foot runs into the floor."""
    horizon = int(HORIZON * len(frame))
    near = np.clip(columns[:, None] + np.arange(-_SPILL, _SPILL + 1), 0, frame.shape[1] - 1)
    wall = _hue(frame[horizon - 1 : horizon + 1].mean(axis=0))[near][:, :, None]  # (k, near, 1, 3)
    floor, pixel = _PALETTE[len(BALL_COLOURS) :], _hue(frame[rows, columns].astype(np.float64))
    to_wall, to_floor = (wall * pixel[:, None, None]).sum(axis=-1), (pixel @ floor.T)[:, None]
    both = (wall * floor).sum(axis=-1)
    of_wall, of_floor = to_wall - both * to_floor, to_floor - both * to_wall  # the mix nearest to the pixel
    mixed = np.sqrt(np.maximum(of_wall * to_wall + of_floor * to_floor, 0) / np.maximum(1 - both**2, 1e-9))
    likest = np.where((of_wall > 0) & (of_floor > 0), mixed, np.maximum(to_wall, to_floor)).max(axis=(1, 2))
    return likest >= (pixel @ _PALETTE[: len(BALL_COLOURS)].T).max(axis=1)
