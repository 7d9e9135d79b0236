"""Faster ways to run play's network, behind the same values: machine code on a CPU, one CUDA graph a frame on a GPU.

The plain network is what play means. Another path gives the same frames but for rounding, and the same bits whenever it is taken
again; sessions tell paths by name: plain (as PyTorch runs it), float32 (compiled, or captured on a GPU), bfloat16 (the same with
matrix products in bfloat16; geometry and states stay float32).
"""

from __future__ import annotations

import copy
import functools
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models import checkpoint as checkpoints
from models.checkpoint import Checkpoint
from models.conditioning import Control
from models.graph import Graphs
from models.outlook import Outlook
from models.pixels import quantised, to_float
from models.sampler import sample
from models.state import StreamState, rebuilt, tensors
from models.world_model import WorldModel
from simulator.calls import Calls
from simulator.precision import choose_precision
from simulator.ui.job import Job

PATHS = ("plain", "float32", "bfloat16")
ROOT = Path(__file__).resolve().parent.parent
N_KEPT = 6
"""Compiled models kept in the cache, newest first; each is about twice as large as its weights."""


class Call(nn.Module):
    """One call of a dreamt frame as a function of tensors alone. The state comes out in the types it went in with."""

    def __init__(self, model: WorldModel, predict: bool, low: bool) -> None:
        super().__init__()
        self.model, self.predict, self.low, self.like = model, predict, low, model.init_state(1)

    def forward(
        self, frames: Tensor, level: Tensor, action: Tensor, pose: Tensor, motion: Tensor, *state: Tensor,
        outlook: Outlook | None = None,
    ) -> Any:  # fmt: skip
        control, before = Control(action, pose, motion), rebuilt(self.like, state)
        with torch.autocast(frames.device.type, torch.bfloat16, enabled=self.low):
            prediction, after = self.model(
                frames, level, control, before, predict=self.predict, absorb=not self.predict, dreamt=True, outlook=outlook
            )
        if self.predict:
            return (prediction.float(),)
        pairs = zip(tensors(after), state, strict=True)
        return tuple(new.to(old.dtype).clone(memory_format=torch.contiguous_format) for new, old in pairs)

    def outlook(self, action: Tensor, pose: Tensor, motion: Tensor, *state: Tensor) -> Outlook:
        """What both calls of a frame share."""
        with torch.autocast(pose.device.type, torch.bfloat16, enabled=self.low):
            return self.model.outlook(Control(action, pose, motion), rebuilt(self.like, state))


def both_calls(model: WorldModel, precision: str) -> dict[str, Call]:
    """The two calls of a frame by name."""
    low, model = precision == "bfloat16", copy.deepcopy(model) if precision == "bfloat16" else model
    for module in model.modules() if low else ():
        if isinstance(module, nn.Linear):
            module.to(torch.bfloat16)  # once, rather than by autocast in every call
    return {"denoise": Call(model, True, low).eval(), "absorb": Call(model, False, low).eval()}


class Accelerator:
    """The paths of one checkpoint, each made when it is first wanted. plain: the calls they stand in for; told: on what."""

    def __init__(self, checkpoint: Checkpoint, plain: Calls, told: str) -> None:
        self._checkpoint, self._plain, self._told = checkpoint, plain, told
        self._device = next(checkpoint.model.parameters()).device.type
        self._jobs: dict[str, Job[Calls]] = {}
        self._aside: Job[str] | None = None

    @functools.cached_property
    def choice(self) -> tuple[str, str]:
        """The precision for this model on this machine, and why."""
        return choose_precision(self._checkpoint.model)

    def take(self, wanted: str) -> tuple[str, Calls, str]:
        """The path `wanted` ("auto": the fastest), its calls, and on what they run and why; waits for what must be made. Where it
        cannot be had, that is the plain path and the reason. ValueError for a path that nobody knows."""
        if wanted not in ("auto", *PATHS):
            raise ValueError(f"path {wanted!r}; known: {', '.join(PATHS)}, or auto")
        if wanted == "plain":
            return wanted, self._plain, self._told
        try:
            path, calls = self._made(wanted)
        except RuntimeError as error:
            return "plain", self._plain, f"{self._told}; not compiled: {error}"
        how = "compiled" if self._device == "cpu" else "one CUDA graph a frame"
        why = self.choice[1] if path == self.choice[0] else "asked for"
        return path, calls, f"{self._told.replace('float32', path, 1)}; {how}, {why}"

    def begin(self) -> None:
        """Begin to make the fastest path; play goes on meanwhile and asks `ready`."""
        self._aside = self._aside or Job(lambda: self._made("auto")[0])

    def ready(self) -> str | None:
        """The path that `begin` has made, None while it is not there. Raises RuntimeError, once, where it failed."""
        job, self._aside = self._aside, None
        path = job.result() if job is not None and job.done else None
        self._aside = job
        return path

    def _made(self, wanted: str) -> tuple[str, Calls]:
        if self._device not in ("cpu", "cuda"):
            raise RuntimeError(f"only CPUs and CUDA devices have other paths, and this is {self._device}")
        if self._device == "cpu" and compiler() is None:
            raise RuntimeError("no C++ compiler was found (CXX, g++ or clang++)")
        path = self.choice[0] if wanted == "auto" else wanted
        if path not in self._jobs:
            self._jobs[path] = Job(lambda: self._make(path))
        try:
            return path, self._jobs[path].result()
        except Exception as error:  # whatever went wrong: play can go on without
            raise RuntimeError(" ".join(str(error).split())) from error

    def _make(self, path: str) -> Calls:
        if self._device == "cuda":
            walk = None if self._plain.walk is None else Graphs(self._plain.walk)
            return self._plain._replace(frame=graphed_frame(self._checkpoint.model, path), walk=walk)
        kept = cache_folder(self._checkpoint.fingerprint, path)
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not kept.is_dir():
            with tempfile.TemporaryDirectory(dir=kept.parent) as own:
                checkpoints.save(self._checkpoint.model, Path(own) / "model")
                compile_aside(Path(own), path)
                if not kept.is_dir():  # another player may have been quicker
                    os.replace(Path(own) / "calls", kept)
        os.utime(kept)
        for old in sorted(kept.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-N_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return compiled_calls(kept, self._plain)


def compiler() -> str | None:
    """The C++ compiler there is, or None."""
    return next((found for name in (os.environ.get("CXX"), "g++", "clang++") if name and (found := shutil.which(name))), None)


def cache_folder(fingerprint: str, precision: str) -> Path:
    """Where compiled calls are kept, named by all they depend on: weights, code, PyTorch, processor, threads, precision."""
    machine = (platform.platform(), torch.cpu.get_capabilities(), torch.get_num_threads())
    known = hashlib.sha256(repr((fingerprint, precision, torch.__version__, machine)).encode())
    for source in [*sorted((ROOT / "models").glob("*.py")), *sorted((ROOT / "models" / "ops").glob("*.py")), Path(__file__)]:
        known.update(source.read_bytes())
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "revisit" / known.hexdigest()[:20]


def compile_aside(folder: Path, precision: str) -> None:
    """Let a process of the lowest priority compile `folder`/model into `folder`/calls. RuntimeError with its last words."""
    print("compiling the network for this machine: a minute or more, once", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "simulator.accelerate", str(folder), precision, str(torch.get_num_threads())]
    own = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "work"), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    with open(folder / "log", "wb") as log:
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | own, start_new_session=True, **pipes) as child:
            failed = child.wait()
    if failed:
        said = [line for line in (folder / "log").read_text(errors="replace").split("\n") if line.strip()]
        raise RuntimeError(f"the compiler failed: {said[-1] if said else f'exit code {failed}'}")


def _end_with_parent() -> None:
    os.read(0, 1)  # comes back when the other end of the pipe is gone
    os.killpg(0, signal.SIGTERM)


@torch.no_grad()
def compile_calls(folder: str, precision: str, n_threads: str) -> None:
    """What that process does; it ends with the one that began it, however that ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(19)
    torch.set_num_threads(int(n_threads))
    from torch._inductor import aoti_compile_and_package  # takes seconds

    model = checkpoints.load(Path(folder) / "model").model
    frame, level, action = torch.zeros(1, 1, 3, *model.config.image), torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.long)
    given = (frame, level, action, torch.zeros(1, 1, 5), torch.zeros(1, 1, 5), *map(torch.clone, tensors(model.init_state(1))))
    os.mkdir(f"{folder}/calls")
    for name, call in both_calls(model, precision).items():
        path = f"{folder}/calls/{name}.pt2"
        aoti_compile_and_package(torch.export.export(call, given), package_path=path, inductor_configs={"freezing": True})


def compiled_calls(folder: Path, plain: Calls) -> Calls:
    """The compiled calls in `folder`; `plain` takes what is not one frame of one row, and true ones where cubes are kept."""
    loader = torch._C._aoti.AOTIModelPackageLoader  # what torch._inductor wraps: its import alone takes seconds
    denoise, absorb = (loader(f"{folder}/{name}.pt2", "model", False, 1, -1) for name in ("denoise", "absorb"))

    def flat(frames: Tensor, level: Tensor, control: Control, state: StreamState) -> list[Tensor]:
        return [part.contiguous() for part in (frames, level, *control, *tensors(state))]

    return plain._replace(
        denoise=lambda *given: denoise.run(flat(*given))[0] if given[0].shape[:2] == (1, 1) else plain.denoise(*given),
        absorb=lambda *given: (
            rebuilt(given[3], absorb.run(flat(*given[:-1])))
            if given[0].shape[:2] == (1, 1) and (given[-1] or not given[3].cubes.numel())
            else plain.absorb(*given)
        ),
    )


def whole_frame(calls: dict[str, Call], n_steps: int, context_noise: float, noise: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
    """A frame of play in tensors alone, for which nothing waits for the host: as `Calls.frame`, given: control and state."""
    level, shared = functools.partial(noise.new_full, (len(noise), 1)), calls["denoise"].outlook(*given)
    clean = sample(lambda x, at: calls["denoise"](x, level(at), *given, outlook=shared)[0], noise, n_steps)
    seen = to_float(quantised(clean), noise.device)
    return clean[:, 0], *calls["absorb"](seen, level(context_noise), *given, outlook=shared)


def graphed_frame(model: WorldModel, precision: str) -> Callable[..., tuple[Tensor, StreamState]]:
    """`Calls.frame` on a GPU: a CUDA graph for every number of rows and steps, captured when it is first wanted."""
    calls, graphs = both_calls(model, precision), {}

    def frame(noise: Tensor, control: Control, state: StreamState, *sizes: Any) -> tuple[Tensor, StreamState]:
        if sizes not in graphs:
            graphs[sizes] = Graphs(functools.partial(whole_frame, calls, *sizes))
        clean, *after = graphs[sizes](noise, *control, *tensors(state))
        return clean, rebuilt(state, after)

    return frame


if __name__ == "__main__":
    compile_calls(*sys.argv[1:])
