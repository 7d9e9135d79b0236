"""One scan against the token-by-token reference: a program, so that it can run where Triton is interpreted.

`python -m tests.models.scan_problems cpu|cuda` prints one JSON object of the largest relative errors.
"""

from __future__ import annotations

import contextlib
import json
import sys
from types import SimpleNamespace

import torch

from models.ops import reference, triton

SHAPES = [(1, 1, 1), (5, 3, 2), (9, 4, 4)]
"""Frames, tokens written and tokens read a frame; the last crosses chunks of the kernel."""


def problem(t, s, r, device, seed=0, decay=1.0, shared=False):
    """Arguments of a scan, and as many leaves that take gradients. shared: B and C are the same for all heads."""
    generator = torch.Generator().manual_seed(seed)
    b, h, p, n = 2, 2, 8, 16
    rand = lambda *shape: torch.randn(*shape, generator=generator).to(device)  # noqa: E731
    heads = 1 if shared else h
    leaves = [
        rand(b, t, s, h, p),
        -decay * rand(b, t, h).abs(),
        rand(b, t, s, heads, n),
        rand(b, t, r, heads, n),
        rand(b, h, p, n),
    ]
    for leaf in leaves:
        leaf.requires_grad_()
    x, log_decay, B, C, state = leaves
    return (x, log_decay, B.expand(-1, -1, -1, h, -1), C.expand(-1, -1, -1, h, -1), state), leaves


def results(scan, *args, **options):
    """Outputs, the last state, and the gradients of all arguments."""
    args, leaves = problem(*args, **options)
    outputs, states = scan(*args)
    weights = torch.linspace(-1, 1, outputs.numel(), device=outputs.device).view_as(outputs)
    ((outputs * weights).sum() + states[:, -1].square().sum()).backward()
    names = ("outputs", "state", "d_x", "d_log_decay", "d_B", "d_C", "d_state")
    return dict(zip(names, (outputs.detach(), states[:, -1].detach(), *(leaf.grad for leaf in leaves)), strict=True))


def errors(device):
    """The largest error of each result over all problems, relative to the largest entry of what was expected."""
    worst: dict[str, float] = {}
    cases = [(shape, {}) for shape in SHAPES]
    cases += [
        (SHAPES[1], {"shared": True}),
        (SHAPES[2], {"decay": 30.0}),
        (SHAPES[2], {"decay": 0.0}),
        (SHAPES[1], {"decay": 1e-3}),
    ]
    for shape, options in cases:
        got = results(triton.ssd_scan, *shape, device, **options)
        expected = results(reference.ssd_scan, *shape, device, **options)
        for name, value in expected.items():
            error = ((got[name] - value).abs().max() / value.abs().max().clamp(min=1e-6)).item()
            worst[name] = max(worst.get(name, 0.0), error if error == error else float("inf"))
    return worst


if __name__ == "__main__":
    if sys.argv[1] == "cpu":  # interpreted: the kernels' launchers still ask for a CUDA device, and small chunks are enough
        torch.cuda.device = contextlib.nullcontext  # type: ignore[assignment, misc]
        torch.cuda.get_device_properties = lambda *_: SimpleNamespace(multi_processor_count=1)  # type: ignore[assignment]
        triton.TOKENS_A_CHUNK = 16
        torch.set_num_threads(1)
    print(json.dumps(errors(sys.argv[1])))
