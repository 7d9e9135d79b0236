"""What the networks do in a frame of play, as functions of tensors: plainly, and as others may stand in for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import Checkpoint
from models.conditioning import Control
from models.ego_motion import settled
from models.pixels import to_float
from models.state import StreamState, map_state


class Calls(NamedTuple):
    """The network's part in a frame of play. frames (b, 1, 3, H, W), level (b, 1), control and state as for `WorldModel`.

    denoise: a noisy frame -> the clean one as predicted; only reads the state. absorb: a finished frame, and whether it is the
    model's own -> the state after it, in storage of its own. frame: both at once: noise, control, state, steps, context noise ->
    a frame (b, 3, H, W), the state after. walk: where keys lead: the last frame uint8 (b, H, W, 3), last motion (b, 5), action
    (b,), pose (b, 5), the cubes kept (b, m), the maps (`belief.maps_of`) -> motion (b, 5), and belief in walls (b, n_y, n_x), of
    size 0 where none can be read. grow: a state, before a frame of a dream is drawn from near `pose`, an array (b, 5) -> the
    state, with what is imagined there of what nobody has seen; true frames know nothing of it.
    """

    denoise: Callable[[Tensor, Tensor, Control, StreamState], Tensor]
    absorb: Callable[[Tensor, Tensor, Control, StreamState, bool], StreamState]
    frame: Callable[[Tensor, Control, StreamState, int, float], tuple[Tensor, StreamState]] | None = None
    walk: Callable[..., Sequence[Tensor]] | None = None
    grow: Callable[[StreamState, np.ndarray], StreamState] = lambda stream, pose: stream


def plain_calls(checkpoint: Checkpoint, idle: Sequence[int]) -> Calls:
    """The networks as PyTorch runs them: what play means. `simulator.accelerate` has faster ones.

    idle: actions by which the body does not move of itself: whoever then hardly moves does not.
    """
    model, ego_motion, belief = checkpoint.model, checkpoint.ego_motion, checkpoint.belief
    still = torch.tensor(idle, device=model.head.weight.device)

    def walk(frame: Tensor, motion: Tensor, action: Tensor, pose: Tensor, cubes: Tensor, *maps: Tensor) -> tuple[Tensor, Tensor]:
        assert ego_motion is not None
        moved = ego_motion(to_float(frame, frame.device), motion, action, pose, cubes)
        moved = settled(moved, (action[:, None] == still).any(dim=1))
        return moved, belief.walls(maps) if belief is not None and maps else moved.new_zeros(0)

    @torch.inference_mode()
    def grow(stream: StreamState, pose: np.ndarray) -> StreamState:
        if model.growth is None:
            return stream
        stands = torch.as_tensor(pose, dtype=torch.float32, device=stream.cubes.device)
        cubes, kinds = model.growth.grown(stream.cubes, stream.kinds, stands)
        return stream._replace(cubes=cubes, kinds=kinds)

    return Calls(
        lambda *given: model(*given, absorb=False)[0],
        lambda *given: alone(model(*given[:-1], predict=False, dreamt=given[-1])[1]),
        walk=None if ego_motion is None else walk,
        grow=grow,
    )


def alone(stream: StreamState) -> StreamState:
    """The same state without the storage it is a view of: a kept moment holds itself and no earlier frames.

    Contiguous, as it would come back from a file: other strides mean other kernels, and not the same bits.
    """
    return map_state(partial(torch.clone, memory_format=torch.contiguous_format), stream)
