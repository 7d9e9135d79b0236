"""The map of what is believed, or true, of a maze as a picture: walls in grey, balls, the path walked. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from simulator.evaluation.balls import BALL_COLOURS

FREE, WALL = np.array([214.0, 220.0, 228.0]), np.array([26.0, 32.0, 42.0])
PATH, PLAYER, EDGE = (47, 128, 237), (255, 86, 60), (13, 16, 22)
BALL_RADIUS, PLAYER_RADIUS = 0.3, 0.42
"""In cells."""
FAINTEST = 0.05
"""Probability of a ball below which none is drawn."""
FINE = 2
"""Everything is drawn this much larger, then made smaller: smooth edges."""


class Chart(NamedTuple):
    """A maze as far as it is known, on the ring of cells of `models.belief`; the path in the same cells.

    walls: (n_y, n_x) 0..1. balls: (n_y, n_x, colours) 0..1. path: (k, 2 or more) x, y. pose: (5,), the player, or None.
    """

    walls: np.ndarray
    balls: np.ndarray
    path: np.ndarray
    pose: np.ndarray | None


def true_chart(
    layout: np.ndarray, targets: np.ndarray, size: tuple[int, int], path: np.ndarray, pose: np.ndarray | None
) -> Chart:
    """The truth on a ring of `size` (n_y, n_x) cells. layout: (Y, X), 1 = free; targets: (n, 2) centres of the balls.

    ValueError where the maze is larger than the ring: such a memory cannot hold it.
    """
    if layout.shape[0] > size[0] or layout.shape[1] > size[1]:
        raise ValueError(f"a maze of {layout.shape} cells does not fit a memory of {tuple(size)}")
    walls, balls = np.ones(size), np.zeros((*size, len(BALL_COLOURS)))
    walls[: layout.shape[0], : layout.shape[1]] = layout == 0
    for colour, (x, y) in enumerate(np.floor(targets).astype(int)):
        balls[y, x, colour] = 1
    return Chart(walls, balls, path, pose)


def draw_chart(chart: Chart, side: int) -> np.ndarray:
    """`chart` as uint8 (side, side, 3): y upwards, the last cells of the ring shown on both sides of the others.

    A wall is as dark as it is sure; each ball stands where it is likeliest, as solid as it is sure.
    """
    walls = np.pad(chart.walls, ((1, 0), (1, 0)), mode="wrap")[::-1, :, None]
    shades = (FREE + (WALL - FREE) * walls).round().astype(np.uint8)
    canvas = Image.fromarray(shades).resize((FINE * side, FINE * side), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(canvas)
    n_y, n_x = chart.walls.shape
    scale = np.array([canvas.width / (n_x + 1), -canvas.height / (n_y + 1)])

    def at(points: np.ndarray) -> np.ndarray:
        """Pixels of points (..., 2) in cells of the picture, -1 .. n."""
        return np.array([0, canvas.height]) + (points + 1) * scale

    for stretch in _stretches(chart.path[:, :2], (n_x, n_y)):
        pen.line([tuple(point) for point in at(stretch)], PATH, max(1, round(0.1 * scale[0])), joint="curve")
    for colour, sure in enumerate(chart.balls.max(axis=(0, 1))):
        if sure >= FAINTEST:
            y, x = np.unravel_index(chart.balls[..., colour].argmax(), chart.walls.shape)
            _ball(canvas, at(np.array([x + 0.5, y + 0.5])), BALL_RADIUS * scale[0], BALL_COLOURS[colour], float(sure))
    if chart.pose is not None:
        turns = chart.pose[3] + np.array([0.0, 2.5, np.pi, -2.5])
        reach = PLAYER_RADIUS * np.array([1.0, 0.8, 0.3, 0.8])[:, None]
        arrow = np.remainder(chart.pose[:2], (n_x, n_y)) + reach * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        pen.polygon([tuple(point) for point in at(arrow)], PLAYER, EDGE, FINE)
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


def _stretches(path: np.ndarray, size: tuple[int, int]) -> list[np.ndarray]:
    """The path (k, 2) on the ring, cut where it goes over the ring's seam; single points are left out."""
    wrapped = np.remainder(path, size)
    cuts = np.nonzero((np.abs(np.diff(wrapped, axis=0)) > np.array(size) / 2).any(axis=1))[0] + 1
    return [part for part in np.split(wrapped, cuts) if len(part) > 1]


def _ball(canvas: Image.Image, centre: np.ndarray, radius: float, colour: np.ndarray, sure: float) -> None:
    """A disc as opaque as it is `sure` (0..1), on `canvas`."""
    stamp = Image.new("L", canvas.size)
    ImageDraw.Draw(stamp).ellipse([*(centre - radius), *(centre + radius)], fill=round(255 * sure))
    canvas.paste(tuple(int(value) for value in colour), mask=stamp)
