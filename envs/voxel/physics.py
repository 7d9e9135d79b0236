"""The body: gravity, walking, jumping, swimming, and collision of an upright box with solid blocks. Pure, compiled."""

from __future__ import annotations

import numpy as np

from envs.voxel.compiled import compiled

WIDTH, HEIGHT, EYE = 0.6, 1.8, 1.62
"""Blocks: the body's box, and the eye above the feet."""
TO_EYE = np.array([0.0, 0.0, EYE])
"""From the feet to the eye, blocks."""
N_TICKS = 2
"""Physics ticks in one action; a tick is 1/20 s."""

WALK, SWIM = 0.22, 0.13
"""Blocks a tick at full speed."""
GRAVITY, DRAG, JUMP = 0.08, 0.98, 0.42
"""Blocks a tick, as in the game everybody knows: a jump rises 1.25 blocks."""
SINK, WATER_DRAG, STROKE = 0.02, 0.8, 0.06
BODY = 7
"""A body is float64 (7,): x, y, z of the feet, velocity along each in blocks a tick, and 1 where it stands on something."""


@compiled
def _hits(blocks: np.ndarray, solid: np.ndarray, x: float, y: float, z: float) -> bool:
    """Whether a body with its feet at (x, y, z) overlaps a solid block or the walls around the world."""
    nx, ny, nz = blocks.shape
    half = WIDTH / 2
    if x - half < 0.0 or y - half < 0.0 or x + half > nx or y + half > ny or z < 0.0:
        return True
    for a in range(int(np.floor(x - half)), int(np.ceil(x + half))):
        for b in range(int(np.floor(y - half)), int(np.ceil(y + half))):
            for c in range(int(np.floor(z)), min(int(np.ceil(z + HEIGHT)), nz)):
                if solid[blocks[a, b, c]]:
                    return True
    return False


@compiled
def _shift(blocks: np.ndarray, solid: np.ndarray, body: np.ndarray, axis: int) -> bool:
    """Move `body` along one axis by its velocity, as far as it goes, in place; True where something stopped it."""
    at = body[:3].copy()
    at[axis] += body[3 + axis]
    if not _hits(blocks, solid, at[0], at[1], at[2]):
        body[axis] = at[axis]
        return False
    ahead = body[3 + axis] > 0.0
    extent = HEIGHT if axis == 2 else WIDTH / 2
    if ahead:
        at[axis] = np.floor(at[axis] + extent) - extent - 1e-6
    elif axis == 2:
        at[axis] = np.floor(at[axis]) + 1.0
    else:
        at[axis] = np.floor(at[axis] - extent) + 1.0 + extent + 1e-6
    if (at[axis] - body[axis]) * body[3 + axis] > 0.0 and not _hits(blocks, solid, at[0], at[1], at[2]):
        body[axis] = at[axis]
    body[3 + axis] = 0.0
    return True


@compiled
def in_liquid(blocks: np.ndarray, liquid: np.ndarray, x: float, y: float, z: float) -> bool:
    """Whether the point (x, y, z) is in water."""
    nx, ny, nz = blocks.shape
    a, b, c = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    return 0 <= a < nx and 0 <= b < ny and 0 <= c < nz and bool(liquid[blocks[a, b, c]])


@compiled
def advance(
    blocks: np.ndarray, solid: np.ndarray, liquid: np.ndarray, body: np.ndarray, push_x: float, push_y: float, jump: bool
) -> np.ndarray:
    """The body (7,) one action later. push_x, push_y: wanted direction of walking, length at most 1; jump: the key is held."""
    after = body.copy()
    for _ in range(N_TICKS):
        swimming = in_liquid(blocks, liquid, after[0], after[1], after[2] + 0.4)
        grounded = after[6] > 0.5
        speed = SWIM if swimming else WALK
        grip = 0.5 if grounded or swimming else 0.25
        after[3] += grip * (push_x * speed - after[3])
        after[4] += grip * (push_y * speed - after[4])
        if jump and swimming:
            after[5] += STROKE
        elif jump and grounded:
            after[5] = JUMP
        if abs(after[3]) < 0.004:
            after[3] = 0.0
        if abs(after[4]) < 0.004:
            after[4] = 0.0
        falling = after[5] <= 0.0
        stopped = _shift(blocks, solid, after, 2)
        after[6] = 1.0 if stopped and falling else 0.0
        blocked_x = _shift(blocks, solid, after, 0)
        blocked_y = _shift(blocks, solid, after, 1)
        if swimming:
            after[5] = after[5] * WATER_DRAG - SINK
            if jump and (blocked_x or blocked_y):
                after[5] = 0.32  # climb out at a bank
        else:
            after[5] = max(after[5] * DRAG - GRAVITY, -0.9)
    return after


def spawn_body(x: float, y: float, z: float) -> np.ndarray:
    """A body (7,) at rest on the ground with its feet at (x, y, z)."""
    return np.array([x, y, z, 0.0, 0.0, 0.0, 1.0])
