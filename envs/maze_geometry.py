"""What a Memory Maze player sees in every image column, from layout and pose alone: a vectorised ray cast, no renderer.

Frame conventions: `maze_layout` is [y, x] with row 0 at the bottom, 1 = free; cell (x, y) covers [x, x+1) x [y, y+1); walls
fill every 0 and everything outside. Image columns run left to right, which is clockwise. Lengths are in cells (2 m).
The camera below is the simulator's own (jumping_ball_with_head.xml with camera height 0.3 m, memory_maze/tasks.py) and was
checked against rendered frames: the predicted tops and bottoms of walls lie within a pixel of the drawn ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FIELD_OF_VIEW = np.radians(80.0)
"""Vertical, and horizontal too since frames are square."""
CAMERA_AHEAD, CAMERA_HEIGHT, CAMERA_TILT = 0.075, 0.45, np.arctan(0.1)
"""Ahead of the body and above the floor, in cells; tilted down, in radians (5.7 degrees)."""
WALL_HEIGHT, BALL_RADIUS = 0.75, 0.3
"""Balls are centred on the floor, so their upper half shows, always below the horizon; walls always cross it."""
SUB_RAYS = 3
"""Rays a column: the middle one names the column's content, all of them count as having seen something."""
N_PARTS = 2
"""Parts a wall face is cut into along its cell. Half a cell: a wall texture repeats once a cell, so half of it is the
smallest stretch with a look of its own, and 2 pixels wide from the far end of a 9x9 maze."""
N_SIDES = 4


class Sight(NamedTuple):
    """What `t` frames of `w` columns show, for one maze.

    segment: int32 (t, w, SUB_RAYS), id of the wall part hit (`segment_id`). distance: float32 (t, w), along the floor from
    the camera to the wall. facing: float32 (t, w), cosine between the wall's outward normal and the way back to the camera's
    plane, 1 = seen head on; the simulator lights walls by it. ball: int32 (t, w), index into `targets_pos` of the nearest
    ball in the column, -1 = none. ball_rows: float32 (t, w, 2), its top and bottom edge as fractions of the image height.
    """

    segment: NDArray[np.int32]
    distance: NDArray[np.float32]
    facing: NDArray[np.float32]
    ball: NDArray[np.int32]
    ball_rows: NDArray[np.float32]


def n_segments(layout: np.ndarray) -> int:
    """How many segment ids a maze of this layout has, the walls around it included."""
    return (layout.shape[0] + 2) * (layout.shape[1] + 2) * N_SIDES * N_PARTS


def segment_id(layout: np.ndarray, x: int, y: int, side: int, part: int) -> int:
    """The id of one wall part: wall cell (x, y) (-1 and n are the walls around), side facing 0 +x, 1 -x, 2 +y, 3 -y,
    part 0 .. N_PARTS - 1 along increasing y (sides 0, 1) or x (sides 2, 3)."""
    return (((y + 1) * (layout.shape[1] + 2) + x + 1) * N_SIDES + side) * N_PARTS + part


def column_angles(n_columns: int) -> NDArray[np.float64]:
    """Angle (n_columns,) right of the heading of each column's centre, in radians, measured on the horizon."""
    across = (np.arange(n_columns) + 0.5) / n_columns * 2 - 1
    return np.arctan(across * np.tan(FIELD_OF_VIEW / 2) * np.cos(CAMERA_TILT))


def row_at(distance: np.ndarray, height: np.ndarray | float, angle: np.ndarray | float) -> np.ndarray:
    """Image row, as a fraction of the height from the top (may be outside 0..1), of a point `distance` cells along the
    floor at `angle` right of the heading and `height` above the floor."""
    ahead, up = distance * np.cos(angle), height - CAMERA_HEIGHT
    depth = ahead * np.cos(CAMERA_TILT) - up * np.sin(CAMERA_TILT)
    rise = ahead * np.sin(CAMERA_TILT) + up * np.cos(CAMERA_TILT)
    return 0.5 - rise / np.maximum(depth, 1e-6) / (2 * np.tan(FIELD_OF_VIEW / 2))


HORIZON = float(row_at(np.array(1e6), CAMERA_HEIGHT, 0.0))
"""Row of the horizon as a fraction of the height: 28.2 of 64."""


def look(layout: np.ndarray, pose: np.ndarray, targets: np.ndarray | None = None, n_columns: int = 64) -> Sight:
    """What every column of every frame shows. layout: (Y, X), 1 = free; pose: (t, 5); targets: (n, 2) ball centres or None.

    Raises ValueError where a pose lies outside the layout, which means that the two do not belong together.
    """
    size = np.array(layout.shape[::-1])
    if pose.ndim != 2 or layout.ndim != 2 or not ((pose[:, :2] >= -0.5) & (pose[:, :2] <= size + 0.5)).all():
        raise ValueError(f"poses {pose.shape} do not lie in a maze of {layout.shape} cells; expected (t, 5) inside it")
    heading, eye = pose[:, 3], _eye(pose)
    angles = column_angles(n_columns * SUB_RAYS)
    ray = heading[:, None] - angles
    segment, distance, side = _cast(layout, np.repeat(eye, len(angles), axis=0), ray.ravel())
    shape = (len(pose), n_columns, SUB_RAYS)
    middle = SUB_RAYS // 2
    distance, side = (values.reshape(shape)[..., middle] for values in (distance, side))
    normal = np.array([0.0, np.pi, np.pi / 2, -np.pi / 2])[side]
    facing = -np.cos(heading[:, None] - normal)
    centre = angles.reshape(n_columns, SUB_RAYS)[:, middle]
    ball, ball_rows = _balls(eye, heading, centre, distance, np.zeros((0, 2)) if targets is None else targets)
    return Sight(segment.reshape(shape), distance.astype(np.float32), facing.astype(np.float32), ball, ball_rows)


def seen_cells(layout: np.ndarray, pose: np.ndarray, n_columns: int = 32) -> NDArray[np.bool_]:
    """Cells that came into view in each frame, (t, Y + 2, X + 2): what a ray crossed or ended at. Cell (x, y) is at
    [:, y + 1, x + 1], as the walls around count too. layout: (Y, X), 1 = free; pose: (t, 5)."""
    distance = look(layout, pose, n_columns=n_columns).distance[..., None]
    ray = (pose[:, 3:4] - column_angles(n_columns))[..., None]
    along = np.minimum(np.arange(0, np.hypot(*layout.shape) + 1, 0.2), distance + 0.05)  # (t, w, k), a little into the wall
    x, y = (_eye(pose)[:, axis, None, None] + along * way for axis, way in enumerate((np.cos(ray), np.sin(ray))))
    seen = np.zeros((len(pose), layout.shape[0] + 2, layout.shape[1] + 2), bool)
    seen[np.arange(len(pose))[:, None, None], np.floor(y).astype(np.int64) + 1, np.floor(x).astype(np.int64) + 1] = True
    return seen


def _eye(pose: np.ndarray) -> np.ndarray:
    """Where the camera is, (t, 2)."""
    return pose[:, :2] + CAMERA_AHEAD * np.stack([np.cos(pose[:, 3]), np.sin(pose[:, 3])], axis=1)


def _cast(layout: np.ndarray, eye: np.ndarray, ray: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk every ray (n,) from `eye` (n, 2) cell by cell to its wall: segment id, distance, side, each (n,)."""
    walls = np.pad(layout == 0, 1, constant_values=True)
    n = len(ray)
    way = np.stack([np.cos(ray), np.sin(ray)], axis=1)
    way[way == 0] = 1e-12
    step = np.where(way > 0, 1, -1)
    cell = np.clip(np.floor(eye).astype(np.int64), 0, np.array(layout.shape[::-1]) - 1)
    per_cell = 1 / np.abs(way)
    reach = (np.where(way > 0, cell + 1, cell) - eye) / way
    distance, axis = np.zeros(n), np.zeros(n, np.int64)
    going = np.arange(n)
    while len(going):
        crossed = (reach[going, 1] < reach[going, 0]).astype(np.int64)
        distance[going], axis[going] = reach[going, crossed], crossed
        cell[going, crossed] += step[going, crossed]
        reach[going, crossed] += per_cell[going, crossed]
        going = going[~walls[cell[going, 1] + 1, cell[going, 0] + 1]]
    rows = np.arange(n)
    side = 2 * axis + (step[rows, axis] > 0)
    along = (eye + distance[:, None] * way)[rows, 1 - axis] - cell[rows, 1 - axis]
    part = np.clip((along * N_PARTS).astype(np.int64), 0, N_PARTS - 1)
    segment = (((cell[:, 1] + 1) * walls.shape[1] + cell[:, 0] + 1) * N_SIDES + side) * N_PARTS + part
    return segment.astype(np.int32), distance, side


def _balls(
    eye: np.ndarray, heading: np.ndarray, angles: np.ndarray, wall: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest ball before the wall in every column (t, w), -1 = none, and its rows (t, w, 2)."""
    ball, nearest = np.full(wall.shape, -1, np.int32), wall.astype(np.float64)
    rows = np.zeros((*wall.shape, 2), np.float32)
    ray = heading[:, None] - angles
    for index, target in enumerate(np.asarray(targets, np.float64)):
        away = target - eye
        along = away[:, :1] * np.cos(ray) + away[:, 1:] * np.sin(ray)
        aside = away[:, 1:] * np.cos(ray) - away[:, :1] * np.sin(ray)
        cap = np.sqrt(np.maximum(BALL_RADIUS**2 - aside**2, 0))  # radius of the ball's slice by this column's plane
        front = np.maximum(along - cap, 0)
        slope = np.arctan2(CAMERA_HEIGHT, along) - np.arcsin(np.minimum(cap / np.hypot(along, CAMERA_HEIGHT), 1))
        top = row_at(np.cos(slope), CAMERA_HEIGHT - np.sin(slope), angles)
        bottom = row_at(front, 0.0, angles)
        shows = (cap > 0) & (along > 0.05) & (front < nearest) & (top < 1) & (bottom - top > 1 / len(angles))
        ball[shows], nearest[shows] = index, front[shows]
        rows[shows] = np.stack([top, np.minimum(bottom, 1)], axis=-1)[shows]
    return ball, rows
