"""A function of tensors is the same as a CUDA graph and without one."""

from __future__ import annotations

import pytest
import torch

from models.graph import Graphs


def both(x, y):
    return x @ y, (x + y).relu()


def test_without_a_gpu_it_is_the_function_itself():
    calls = []
    graphs = Graphs(lambda *given: calls.append(given) or both(*given))
    x, y = torch.randn(2, 3, 3)
    assert all(torch.equal(a, b) for a, b in zip(graphs(x, y), both(x, y), strict=True))
    assert len(calls) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: nothing else has graphs")
def test_as_a_graph_it_finds_the_same_for_every_shape_and_what_it_found_stays():
    graphs, kept = Graphs(both), []
    for side in (3, 4, 3):
        x, y = torch.randn(2, side, side, device="cuda")
        found = graphs(x, y)
        torch.testing.assert_close(list(found), list(both(x, y)))
        kept.append((found[1], found[1].clone()))
    assert all(torch.equal(a, b) for a, b in kept)
