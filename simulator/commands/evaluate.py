"""Measure what a checkpoint remembers on a folder of episodes: report.json, report.md and figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    checkpoint: Path
    """Folder of the model to evaluate."""
    data: Path
    """Folder of episodes (npz) of the checkpoint's world, best of mazes or islands never trained on: the public Memory Maze
    schema with poses and layout, or voxel episodes under the names `collect` gives them."""
    out: Path
    """Folder for the report."""
    world: str = "memory-maze"
    """World the checkpoint dreams: memory-maze or voxel."""
    quick: bool = False
    """About five minutes instead of an hour: four mazes, fewer predictions, shorter dreams."""
    mazes: int | None = None
    """Mazes or islands at most; None keeps the plan's own number."""
    baselines: tuple[Path, ...] = ()
    """Other checkpoints to run on the same frames and put in the same tables and curves."""
    n_steps: int | None = None
    """Denoising steps a frame; None keeps the checkpoint's own."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int | None = None
    """CPU threads; None leaves it to PyTorch. 1 is by far the fastest where other programs keep the cores busy."""


def run(options: Options) -> int:
    """Evaluate and print the summary as one JSON line, the last one."""
    import torch

    from models.training.memory import keep_memory
    from simulator.evaluation import plan as plans
    from simulator.evaluation.run import evaluate, headline
    from simulator.load import load_engine

    if options.threads is not None:
        torch.set_num_threads(max(1, options.threads))
    keep_memory()
    plan = plans.quick() if options.quick else plans.full()
    if options.mazes is not None:
        if options.mazes < 1:
            raise ValueError(f"--mazes {options.mazes} must be at least 1")
        plan = replace(plan, n_mazes=options.mazes)
    if not options.data.is_dir():
        raise ValueError(f"{options.data} is not a folder; expected one with episodes, make some with `run_sim.py collect`")
    engine = load_engine(options.checkpoint, options.world, n_steps=options.n_steps, device=options.device)
    baselines, left_out = {}, []
    for path in options.baselines:
        name = path.name if [other.name for other in options.baselines].count(path.name) == 1 else str(path)
        try:
            baselines[name] = load_engine(path, options.world, n_steps=options.n_steps, device=options.device)
        except (ValueError, OSError) as error:
            left_out.append(f"baseline {name}: {' '.join(str(error).split())}")
    results = evaluate(engine, options.data, options.out, plan, baselines, left_out)
    for line in results["left_out"]:
        print(f"left out: {line}")
    print(f"report: {options.out / 'report.md'}")
    print(headline(results))
    return 0
