"""How near a frame is to the machine's limit: the whole step against its matrix products alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from models.checkpoint import Checkpoint
from simulator.benchmarks.passes import Stream, turning
from simulator.benchmarks.plan import Plan, Result
from simulator.benchmarks.subject import Subject
from simulator.benchmarks.timing import Play, compare, times


class Products(TorchDispatchMode):
    """Notes every matrix product and convolution made under it (what PyTorch's own counter counts), operands and all."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in flop_registry:
            self.calls.append((func, args, kwargs or {}))
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def products_of_a_frame(network: Checkpoint, n_steps: int) -> Products:
    """Those of one frame of play: ego-motion, `n_steps` denoising calls and the one that absorbs."""
    stream = Stream(network.model, n_steps)
    for _ in range(network.model.config.window + 1):  # until attention's window is full
        frame = stream.step()
    with Products() as products:
        if network.ego_motion is not None:
            control = turning(network.model, stream.t)
            told = (part[:, 0] for part in (control.motion, control.action, control.pose))
            network.ego_motion(frame[:, 0], *told, stream.state.cubes)
        stream.step()
    return products


def again(products: Products, dtype: torch.dtype) -> Callable[[], object]:
    """A call that makes all the products again, and nothing else, with operands in `dtype`."""
    calls = [
        (func, *tree_map_only(torch.Tensor, lambda tensor: tensor.detach().to(dtype), (args, kwargs)))
        for func, args, kwargs in products.calls
    ]
    return lambda: [func(*args, **kwargs) for func, args, kwargs in calls]


def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio`: against the products alone, timed in turns."""
    engine = subject.engine
    floor = again(products_of_a_frame(subject.plain, engine.n_steps), getattr(torch, subject.dtype))
    with FlopCounterMode(display=False) as counter:
        floor()
    stream = Stream(subject.plain.model, engine.n_steps)
    calls = {"products alone": floor, "the plain network's calls": stream.step, "the engine's step": Play(engine).step}
    if plan.compiled and (other := engine.with_path("auto")).path != "plain":
        calls[f"the engine's step, compiled, {other.path}"] = Play(other).step
    with torch.inference_mode():
        taken = compare(calls, plan.frames, plan.seconds, subject.device, "floor", warm_up=10)
    gflop = counter.get_total_flops() / 1e9
    rows = [
        {
            "name": name,
            **times(seconds, taken["products alone"]),
            "gflop_per_second": round(gflop / (times(seconds)["p50_ms"] / 1000), 2),
        }
        for name, seconds in taken.items()
    ]
    about = (
        f"A frame with {subject.steps_in_words} against its matrix products and convolutions alone: the same operands, one "
        f"after the other, {gflop:.3f} GFLOP. Ratio: against the products."
    )
    return Result(about, subject.facts(gflop=round(gflop, 4)), rows)
