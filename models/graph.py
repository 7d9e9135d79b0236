"""A function of tensors as one CUDA graph: hundreds of small kernels started at once, where starting them is what takes time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

TensorFunction = Callable[..., Sequence[Tensor]]


def captured(function: TensorFunction, like: Sequence[Tensor]) -> Callable[[Sequence[Tensor]], list[Tensor]]:
    """`function` as a CUDA graph on buffers of its own: what is given is copied in and what it finds copied out, so that values
    stay values. like: what it will be given, in shape, type and strides.

    Weights it reads are read again at every call, where they lie now: they may be changed, in place.
    """
    buffers, aside, graph = [value.clone() for value in like], torch.cuda.Stream(), torch.cuda.CUDAGraph()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # libraries set themselves up in their first calls, which a graph cannot hold
        for _ in range(3):
            function(*buffers)
    torch.cuda.current_stream().wait_stream(aside)
    with torch.cuda.graph(graph):
        found = function(*buffers)

    def replay(given: Sequence[Tensor]) -> list[Tensor]:
        torch._foreach_copy_(buffers, list(given))
        graph.replay()
        kept = [torch.empty_like(part) for part in found]
        torch._foreach_copy_(kept, list(found))
        return kept

    return replay


def can_branch(like: Tensor) -> bool:
    """Whether what is done with tensors such as `like` may hang on what they hold: on a CPU, where it is not compiled. On a GPU
    it may be captured, and what was left out before cannot be set up then."""
    return like.device.type == "cpu" and not torch.compiler.is_compiling()


class Graphs:
    """A function of tensors alone: on a GPU a CUDA graph for every set of shapes it is given, elsewhere itself."""

    def __init__(self, function: TensorFunction) -> None:
        self._function = function
        self._graphs: dict[tuple, Callable[[Sequence[Tensor]], list[Tensor]]] = {}

    def __call__(self, *given: Tensor) -> Sequence[Tensor]:
        if not given[0].is_cuda:
            return self._function(*given)
        key = tuple((part.shape, part.dtype) for part in given)
        if key not in self._graphs:
            self._graphs[key] = captured(self._function, given)
        return self._graphs[key](given)
