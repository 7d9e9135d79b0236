"""What the network carries from frame to frame. A state is a value: nobody writes into one that was handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class KVState(NamedTuple):
    """The last w frames as attention sees them, oldest first."""

    k: Tensor  # (b, w, s, h, p)
    v: Tensor  # (b, w, s, h, p)
    valid: Tensor  # (b, w) bool: False where nothing has been seen; shapes stay static


class SSMState(NamedTuple):
    """The recurrent state of one layer, float32 whatever the weights are; one matrix per row, spatial block and head."""

    ssm: Tensor  # (b, g, h, p, n)


class LayerState(NamedTuple):
    """Both memories of one layer; tensors of size 0 where the layer has none of that kind."""

    long: SSMState
    local: KVState


class LastFrame(NamedTuple):
    """The frame before, as it was given to the network."""

    frame: Tensor  # (b, 3, H, W), zeros where nothing has been seen
    pose: Tensor  # (b, 5)
    seen: Tensor  # (b,) 1.0 or 0.0
    action: Tensor  # int64 (b,) what led to it; (b, 0) where no drawer of what hands do asks, and so is the next
    since: Tensor  # (b,) for how many frames on end that has been done, standing, without a block going or coming


class Album(NamedTuple):
    """Views gone by as they were (`models.album`); of size 0 where the model keeps none."""

    frame: Tensor  # uint8 (b, m, H, W, 3)
    pose: Tensor  # (b, m, 5)
    stamp: Tensor  # (b, m) the how manieth frame of its row each is, 0.0 where nothing has been kept
    depth: Tensor  # float16 (b, m, rows, W) how far away what it shows is; (b, m, 0, W) where nobody asks
    now: Tensor  # (b, 1) how many frames there have been, kept or not; (b, 0) where no view can be


class StreamState(NamedTuple):
    """The whole carried state: one entry a layer, the frame before, the album, where balls are believed to stand, what hands
    have changed, views from where the player stands, the cubes around him, what they are made of, and the hour."""

    layers: tuple[LayerState, ...]
    last: LastFrame
    album: Album
    balls: Tensor  # (b, kinds, 3) as in `models.balls`; (b, 0, 3) where the model keeps none
    edits: Tensor  # (b, m, n) as in `models.edits`; (b, 0, n) where the model keeps none
    here: Album  # as in `models.turning`
    cubes: Tensor  # int8 (b, m) as in `models.cubes`; (b, 0) where the model keeps none
    kinds: Tensor  # int16 (b, m) as in `models.kinds`; likewise
    hour: Tensor  # (b, 2) as in `models.hour`; likewise


def map_state(function: Callable[[Tensor], Tensor], state: StreamState) -> StreamState:
    """Apply `function` to every tensor of a state."""
    layers = tuple(
        LayerState(SSMState(function(layer.long.ssm)), KVState(*(function(part) for part in layer.local)))
        for layer in state.layers
    )
    last = LastFrame(*(function(part) for part in state.last))
    album, here = (Album(*(function(part) for part in views)) for views in (state.album, state.here))
    rest = (function(part) for part in (state.cubes, state.kinds, state.hour))
    return StreamState(layers, last, album, function(state.balls), function(state.edits), here, *rest)


def detach(state: StreamState) -> StreamState:
    """The same numbers without their history: what one training window hands to the next."""
    return map_state(torch.Tensor.detach, state)


def where_rows(keep: Tensor, kept: StreamState, other: StreamState) -> StreamState:
    """Row i from `kept` where keep[i] (b,) is True, else from `other`."""
    pairs = zip(tensors(kept), tensors(other), strict=True)
    return rebuilt(kept, [torch.where(keep.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in pairs])


def blindfolded(state: StreamState, rows: Tensor) -> StreamState:
    """`state`, in the rows (b,) that are True with nothing left but maps, balls, edits, cubes and the hour: no frame before, no
    keys, no album."""

    def emptied(part: Tensor) -> Tensor:
        return part.masked_fill(rows.view(-1, *[1] * (part.ndim - 1)), 0)

    layers = tuple(layer._replace(local=KVState(*(emptied(part) for part in layer.local))) for layer in state.layers)
    last = LastFrame(*(emptied(part) for part in state.last))
    album, here = (Album(*(emptied(part) for part in views)) for views in (state.album, state.here))
    return state._replace(layers=layers, last=last, album=album, here=here)


def tensors(state: StreamState) -> list[Tensor]:
    """Every tensor of a state in a fixed order."""
    found: list[Tensor] = []
    map_state(lambda tensor: found.append(tensor) or tensor, state)  # type: ignore[func-returns-value]
    return found


def rebuilt(like: StreamState, parts: Iterable[Tensor]) -> StreamState:
    """The inverse of `tensors`: a state with the structure of `like`."""
    left = iter(parts)
    return map_state(lambda _: next(left), like)


def n_bytes(state: StreamState) -> int:
    """Bytes held by one state."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors(state))
