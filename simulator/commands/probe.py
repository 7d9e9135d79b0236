"""Teach and score the probe that reads beliefs (walls, balls) from a model's map, and put it into the checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    checkpoint: Path
    """Folder of the model; belief.safetensors is written there. Played by keys alone, believed walls stop."""
    data: Path
    """Folder of episodes with poses, maze_layout and targets_pos (the public Memory Maze schema) to learn from."""
    held_out: Path | None = None
    """Folder of episodes to score on; without it a sixth of those of --data is held back."""
    episodes: int = 96
    """Episodes at most to learn from; a sixth as many are scored."""
    frames: int = 600
    """Frames of each to learn from, the first ones: more mazes teach more than more of each. All frames are scored."""
    every: int = 50
    """Frames between two moments of an episode at which the memory is looked at."""
    steps: int = 600
    """Optimiser steps."""
    seed: int = 0
    """Seed of the probe's first weights and of what it is shown when."""
    figure: Path | None = None
    """PNG to draw: what is believed of held-out mazes as the memory grows, beside the truth."""
    device: str = "auto"
    """cpu, cuda, mps, or auto for the best there is."""
    threads: int | None = None
    """CPU threads; None leaves it to PyTorch. 1 is by far the fastest where other programs keep the cores busy."""


def run(options: Options) -> int:
    """Prints the scores as one line of JSON, the last one."""
    for name in ("episodes", "frames", "every", "steps"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} {getattr(options, name)}; expected 1 or more")
    import torch

    from models import checkpoint
    from models.belief import n_cells
    from models.mamba import use_scan
    from models.ops.choose import choose
    from models.training.belief import remember, train_belief
    from models.training.data import find_episodes
    from models.training.memory import keep_memory
    from simulator.evaluation import belief_figure, beliefs
    from simulator.load import choose_device

    if options.threads is not None:
        torch.set_num_threads(max(1, options.threads))
    keep_memory()
    paths = find_episodes(options.data)[: options.episodes]
    n_scored = max(1, options.episodes // 6)
    if options.held_out is not None:
        held_out = find_episodes(options.held_out)[:n_scored]
    elif len(paths) > 1:
        n_back = max(1, len(paths) // 6)
        paths, held_out = paths[:-n_back], paths[-n_back:]
    else:
        raise ValueError(f"{options.data} holds one episode; expected two or more, or others to score on with --held-out")
    if options.figure is not None:
        options.figure.parent.mkdir(parents=True, exist_ok=True)  # fails now rather than after all the work
    device, why = choose_device(options.device)
    n_cells(checkpoint.read_config(options.checkpoint))  # says so where there is no map to read
    trained_on = checkpoint.fingerprint_of_weights(options.checkpoint)
    model = checkpoint.load(options.checkpoint, device, contexts=False, belief=False).model
    use_scan(model, choose("auto", device).scan)
    print(f"{len(paths)} mazes to learn from, {len(held_out)} to score on; {device}, {why}")
    memories = remember(model, paths, options.every, options.frames, dreaming=True)
    unseen = remember(model, held_out, options.every)
    probe = train_belief(model.config, memories, options.steps, options.seed)
    scores = beliefs.score(probe, unseen, beliefs.constant_guess(memories))
    checkpoint.save_belief(probe, options.checkpoint, trained_on)
    print(f"{options.checkpoint / 'belief.safetensors'}: {sum(p.numel() for p in probe.parameters())} parameters")
    if options.figure is not None:
        belief_figure.draw(probe, unseen, held_out, options.figure)
        print(f"figure: {options.figure}")
    print(json.dumps({"n_mazes_learned": len(memories.maze.unique()), **scores}))
    return 0
