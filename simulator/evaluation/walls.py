"""Which of Memory Maze's wall colours a frame shows in every column: what a person remembers of a wall."""

from __future__ import annotations

import numpy as np

from envs.maze_geometry import HORIZON, N_PARTS, N_SIDES, Sight

WALL_COLOURS = {
    "blue": (32, 116, 177),
    "cerise": (169, 65, 103),
    "green_bright": (166, 197, 156),
    "green": (85, 120, 75),
    "purple": (68, 80, 176),
    "red_bright": (213, 123, 104),
    "red": (143, 32, 26),
    "yellow": (196, 169, 38),
}
"""Mean colour of each wall texture (labmaze style_01), fully lit. A lamp on the camera scales it by 0.30 + 0.65 * facing, so
hue alone decides; on rendered frames 99.95% of columns agree with the other sights of the same wall block."""

_PALETTE = np.array(list(WALL_COLOURS.values()), np.float64)
_PALETTE /= np.linalg.norm(_PALETTE, axis=1, keepdims=True)


def wall_colours(frames: np.ndarray) -> np.ndarray:
    """Index into WALL_COLOURS of every column, (b, W), from frames (b, H, W, 3), by the hue of the two rows around the
    horizon, which no wall misses and no ball reaches."""
    row = int(HORIZON * frames.shape[1])
    colour = frames[:, row - 1 : row + 1].astype(np.float64).mean(axis=1)
    return (colour @ _PALETTE.T).argmax(axis=-1)


def undivided(sight: Sight) -> np.ndarray:
    """Columns (t, w) that show one wall block from edge to edge; the others mix two colours and are not scored."""
    block = sight.segment // (N_SIDES * N_PARTS)
    return (block == block[..., :1]).all(axis=-1)
