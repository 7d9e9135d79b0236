"""A checkpoint folder and a device -> an Engine that says what it runs on and why."""

from __future__ import annotations

from pathlib import Path

import torch

from envs.catalog import find
from models import checkpoint as checkpoints
from models.mamba import use_scan
from models.ops.choose import choose
from simulator.engine import Engine, Trait

SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
WORLD_FILE = "world.toml"
"""What a model folder holds for a world that is known by a file only: its actions, their keys and its pace are read from it."""
ONE_THREAD_BELOW = 20_000_000
"""Parameters below which a frame is played on one CPU thread. Measured with 2.6 million on two cores: 16.1 ms a frame with one
thread, 15.6 with two, and over a second with two where another program keeps a core busy, since threads wait for each other."""


def load_engine(checkpoint: Path | None, world: str, *, n_steps: int | None = None, device: str = "auto") -> Engine:
    """The engine of `checkpoint`, or of the model shipped for `world`: a name, or a world file.

    n_steps: denoising steps a frame, None for the model's own. device: cpu, cuda, mps, or auto for the best there is.
    Raises CheckpointError for folders that are no checkpoint, ValueError for a model of another world or an absent device.
    """
    folder = SHIPPED / world if checkpoint is None else checkpoint
    if checkpoint is None and not folder.is_dir():
        known = sorted(path.name for path in SHIPPED.glob("*") if (path / "config.json").exists())
        raise ValueError(f"no model is shipped for world {world!r}; shipped: {', '.join(known) or 'none'}; give --checkpoint DIR")
    config = checkpoints.read_config(folder)
    if config.world != (find(world).name if world.endswith(".toml") else world):
        raise ValueError(f"{folder} is a model of {config.world!r}, not of {world!r}; give --world {config.world}")
    if config.chunk > 1:
        raise ValueError(
            f"{folder} has chunk {config.chunk}: its frames see later ones, which a live player has not; give one with chunk 1"
        )
    own = folder / WORLD_FILE
    entry = find(str(own) if own.is_file() else world)
    chosen, why = choose_device(device)
    loaded = checkpoints.load(folder, chosen)
    scan = choose("auto", chosen)
    use_scan(loaded.model, scan.scan)
    n_parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    if chosen == "cpu" and n_parameters < ONE_THREAD_BELOW:
        torch.set_num_threads(1)
    n_threads = torch.get_num_threads()
    threads = f"{n_threads} thread" + ("s" if n_threads > 1 else ": a frame this small gains nothing from more")
    description = f"{chosen}, float32, PyTorch {torch.__version__.split('+')[0]}, {threads}, {scan.name} scan; {why}"
    return Engine(
        loaded, Trait(entry.actions, entry.fps), n_steps=1 if n_steps is None else n_steps, device=chosen, description=description
    )


def choose_device(wanted: str) -> tuple[str, str]:
    """The device to run on and the reason in words. Raises ValueError where the wanted one is absent."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        best = next(name for name in ("cuda", "mps", "cpu") if available[name])
        return best, "best device found" if best != "cpu" else "no GPU was found"
    if not available.get(wanted, False):
        present = ", ".join(name for name, there in available.items() if there)
        raise ValueError(f"device {wanted!r} is not available here; available: {present}, or auto")
    return wanted, "asked for"
