"""How long ago every image column's content was last in view: the yardstick by which memory is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.maze_geometry import SUB_RAYS, Sight

NEVER = -1


def last_seen(sight: Sight) -> NDArray[np.int32]:
    """The last frame before this one in which a column's content was in view, (t, w); NEVER where it was in none.

    Content is a wall part, and the ball before it if there is one; a column is as old as its oldest part, and NEVER if one
    part is new. "In view" is anywhere in the picture, not in the same column.
    """
    walls = _last(sight.segment.reshape(len(sight.segment), -1)).reshape(sight.segment.shape)[..., SUB_RAYS // 2]
    return np.where(sight.ball >= 0, np.minimum(walls, last_seen_balls(sight)), walls)


def last_seen_balls(sight: Sight) -> NDArray[np.int32]:
    """The last frame before this one in which the ball of a column was in view, (t, w); NEVER also where there is none."""
    return _last(sight.ball)


def in_view_before(sight: Sight, start: int) -> NDArray[np.bool_]:
    """Whether all of a column's content was in view in some frame before `start`, (t, w): what a context has shown."""
    walls = np.isin(sight.segment[..., SUB_RAYS // 2], sight.segment[:start])
    return walls & np.isin(sight.ball, np.append(sight.ball[:start], -1))


def age(sight: Sight) -> NDArray[np.float32]:
    """Frames since each column's content was last in view, (t, w): 1 = in the frame before, inf = first seen."""
    return age_since(last_seen(sight))


def age_since(last: NDArray[np.int32], start: int = 0) -> NDArray[np.float32]:
    """Ages (t, w) from `last_seen` (t, w), for a viewer whose memory begins at frame `start`: earlier sights are inf."""
    frame = np.arange(len(last), dtype=np.float32)[:, None]
    return np.where(last >= max(start, 0), frame - last, np.inf).astype(np.float32)


def _last(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """For ids (t, k), the last earlier frame that held the same id, (t, k); NEVER where none did or the id is negative."""
    n_frames = len(ids)
    seen = np.full((n_frames + 1, max(int(ids.max(initial=0)), 0) + 2), NEVER, np.int32)  # last column takes negative ids
    frame = np.broadcast_to(np.arange(n_frames)[:, None], ids.shape)
    seen[frame + 1, ids] = frame
    before = np.maximum.accumulate(seen, axis=0)
    return np.where(ids >= 0, before[frame, ids], NEVER).astype(np.int32)
