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
from models.outlook import Outlook
from models.pixels import to_float
from models.state import StreamState, map_state
from models.world_model import WorldModel


class Calls(NamedTuple):
    """The network's part in a frame of play. frames (b, 1, 3, H, W), level (b, 1), control and state as for `WorldModel`.

    denoise: a noisy frame -> the clean one as predicted; only reads the state. absorb: a finished frame, and whether it is the
    model's own -> the state after it, in storage of its own. frame: both at once: noise, control, state, steps, context noise ->
    a frame (b, 3, H, W), the state after. walk: where keys lead: the last frame uint8 (b, H, W, 3), last motion (b, 5), action
    (b,), pose (b, 5), the cubes kept (b, m), the maps (`belief.maps_of`) -> motion (b, 5), and belief in walls (b, n_y, n_x), of
    size 0 where none can be read. grow: a state before a frame of a dream is drawn, where one stands, an array (b, 5), and what
    makes noise of a shape -> the state, with what is imagined of what nobody has seen; true frames know nothing of it.
    """

    denoise: Callable[[Tensor, Tensor, Control, StreamState], Tensor]
    absorb: Callable[[Tensor, Tensor, Control, StreamState, bool], StreamState]
    frame: Callable[[Tensor, Control, StreamState, int, float], tuple[Tensor, StreamState]] | None = None
    walk: Callable[..., Sequence[Tensor]] | None = None
    grow: Callable[[StreamState, np.ndarray, Callable[..., Tensor]], StreamState] = lambda stream, pose, noise: stream


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
    def grow(stream: StreamState, pose: np.ndarray, noise: Callable[..., Tensor]) -> StreamState:
        if model.growth is None:
            return stream
        stands = torch.as_tensor(pose, dtype=torch.float32, device=stream.cubes.device)
        cubes, kinds = model.growth.grown(stream.cubes, stream.kinds, stands, noise)
        return stream._replace(cubes=cubes, kinds=kinds)

    shared = _Shared(model)

    def absorb(frames: Tensor, level: Tensor, control: Control, state: StreamState, dreamt: bool) -> StreamState:
        outlook = shared.known(control, state)
        return alone(model(frames, level, control, state, predict=False, dreamt=dreamt, outlook=outlook)[1])

    return Calls(
        lambda *given: model(*given, absorb=False, outlook=shared.of(*given[2:]))[0],
        absorb,
        walk=None if ego_motion is None else walk,
        grow=grow,
    )


class _Shared:
    """The outlook of the frame drawn last: a frame is drawn, in one call or several, and then absorbed, all with the same.
    Another frame has another; so nothing hangs on what was asked before but the time it takes."""

    def __init__(self, model: WorldModel) -> None:
        self._model = model
        self._last: tuple[Control, StreamState, Outlook] | None = None

    def of(self, control: Control, state: StreamState) -> Outlook:
        """That of the frame to be drawn after `state`."""
        outlook = self.known(control, state)
        if outlook is None:
            outlook = self._model.outlook(control, state)
            self._last = control, state, outlook
        return outlook

    def known(self, control: Control, state: StreamState) -> Outlook | None:
        """The same, None where another frame was drawn last."""
        if self._last is None or self._last[1] is not state:
            return None
        same = all(torch.equal(one, other) for one, other in zip(control, self._last[0], strict=True))
        return self._last[2] if same else None


def alone(stream: StreamState) -> StreamState:
    """The same state without the storage it is a view of: a kept moment holds itself and no earlier frames.

    Contiguous, as it would come back from a file: other strides mean other kernels, and not the same bits.
    """
    return map_state(partial(torch.clone, memory_format=torch.contiguous_format), stream)
