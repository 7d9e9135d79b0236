"""Train a world model on a folder of episodes: resumable, with a log to plot and sample strips while it runs.

On several GPUs or cores the same command is started by `torchrun --nproc-per-node N -- run_sim.py train ...`. Each process holds
the whole model and rows of the batch; with `--shard` they split the model, its average and what the optimisers keep as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from envs import episode as episodes
from envs.catalog import Entry, find
from models import checkpoint
from models.config import ModelConfig
from models.mamba import use_scan
from models.ops.choose import choose
from models.plain import from_dict, to_dict
from models.presets import PRESETS, preset
from models.training.balls import train_balls
from models.training.bar import train_bar
from models.training.data import find_episodes
from models.training.depth import train_depth
from models.training.distributed import join, leave
from models.training.edits import train_edits
from models.training.ego import train_ego_motion
from models.training.growth import train_growth
from models.training.hands import train_hands
from models.training.hour import train_hour
from models.training.kinds import train_kinds
from models.training.memory import keep_memory
from models.training.objective import Objective
from models.training.saved import FILE as RESUME_FILE
from models.training.shown import train_shown
from models.training.trainer import Stage, TrainConfig, Trainer
from models.world_model import DRAWERS
from simulator.load import WORLD_FILE, choose_device

N_CLIP = 161
"""Frames of a start clip."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained: what models that are compared have in common."""

    data: Path
    """Folder of episodes (the public Memory Maze schema)."""
    steps: int = 3000
    """Optimiser steps in all."""
    stages: tuple[Stage, ...] = (
        Stage(until=0.3, n_frames=64, n_rows=8, dreaming=False),
        Stage(until=0.85, n_frames=64, n_rows=8),
        Stage(until=1.0, n_frames=256, n_rows=2),
    )
    """The context-length curriculum; state is carried from window to window in every stage."""
    objective: Objective = field(default_factory=lambda: Objective(own_frames=24, hold_share=0.1, target_share=0.6))
    retrace_share: float = 0.0
    """Share of episodes gone back over when they end, on the same state: all of it remembered. For worlds nobody changes."""
    lr: float = 0.02
    """Peak learning rate of Muon; AdamW takes a fixed share of it."""
    threads: int = 0
    """CPU threads; 0 leaves PyTorch's choice."""
    compile: bool = True
    """Compile the layers: a minute or two at the start, a third faster after."""
    bf16: bool = True
    """Matrix products in bfloat16; turn off on CPUs without it."""
    device: str = "auto"
    """cpu, cuda, or auto."""


@dataclass(frozen=True, kw_only=True)
class Options(Recipe):
    out: Path
    """Folder of the run: log.jsonl, strips, model/ (a checkpoint) and what is needed to resume."""
    preset: str = "maze-small"
    """Which model; `--preset list` names them."""
    world: str | None = None
    """World the episodes are of: a name, or a world file (.toml), which the model then carries along; without it the preset's."""
    validation: Path | None = None
    """Folder of held-out episodes scored while training."""
    start: Path | None = None
    """Checkpoint folder whose weights to begin with, instead of random ones; parts of the model that it lacks begin anew."""
    quicker: float = 1.0
    """How many times as fast to teach the parts that few frames teach: keys told to every token, the album, what to copy."""
    forget_share: float = 0.05
    """Share of windows that begin with an empty state in the middle of an episode; 1 carries none from window to window."""
    seed: int = 0
    """Seed of the first weights, of the order of the data and of all noise."""
    ego_motion_steps: int = 4000
    """Steps for the network that turns keys into motion; 0 leaves it out (poses must then be given)."""
    bar_steps: int = 3000
    """Steps, before all others, for the drawer of the bar below the view, where the model has one; 0 leaves it as it is."""
    hands_steps: int = 3000
    """The same for the drawer of what hands do in the middle of the view."""
    edits_steps: int = 2500
    """The same for the memory and drawer of what hands have changed, on islands that are played again from the files' names."""
    depth_steps: int = 12000
    """The same for the part that tells how far away things are, on islands that are played again from the files' names."""
    kinds_steps: int = 6000
    """The same for the part that tells what things are made of."""
    growth_steps: int = 6000
    """The same for the part that imagines what lies where nobody has looked, on walks over these islands."""
    hour_steps: int = 4000
    """The same for the part that tells what hour it is, on episodes that tell the time of day."""
    shown_steps: int = 1000
    """The same, after all others, for when to believe views gone by that are moved by what stands where, and what to paint."""
    balls_steps: int = 3000
    """The same for the memory and drawer of balls."""
    start_clips: int = 4
    """Clips of held-out episodes that the trained model offers as starts, where --validation is given."""
    resume: bool = False
    """Go on where this run stopped."""
    shard: bool = False
    """Split the weights over the processes of torchrun too (FSDP), for models too large to keep whole in each. A run may be
    resumed with it or without."""


def config_for(name: str, world: Entry) -> ModelConfig:
    """The preset called `name` as a model of `world`: with its actions, and whatever else its file wants otherwise."""
    plain = to_dict(preset(name))
    for key, value in world.model.items():
        plain[key] = {**plain[key], **value} if isinstance(plain.get(key), dict) and isinstance(value, dict) else value
    config = from_dict(ModelConfig, plain, f"[model] of {world.name!r}")
    return replace(config, world=world.name, n_actions=world.actions.n_actions)


def _teach_drawers(trainer: Trainer, options: Options) -> None:
    """The parts that draw balls, hands and the bar, each by itself: dreams that the network learns on have them already."""
    model = trainer.averaged()
    if model.balls is not None and options.balls_steps > 0:
        train_balls(model.balls, options.data, options.balls_steps, options.seed, bf16=options.bf16)
    if model.hands is not None and options.hands_steps > 0:
        train_hands(model.hands, options.data, options.hands_steps, options.seed, bf16=options.bf16)
    if model.edits is not None and model.hands is not None and options.edits_steps > 0:
        train_edits(model.edits, model.hands, options.data, options.edits_steps, options.seed, bf16=options.bf16)
    if model.depth is not None and options.depth_steps > 0:
        train_depth(model.depth, options.data, options.depth_steps, options.seed, bf16=options.bf16)
    if model.kinds is not None and options.kinds_steps > 0:
        train_kinds(model.kinds, options.data, options.kinds_steps, options.seed, bf16=options.bf16)
    if model.growth is not None and options.growth_steps > 0:
        train_growth(model.growth, options.data, options.growth_steps, options.seed, bf16=options.bf16)
    if model.hour is not None and options.hour_steps > 0:
        train_hour(model.hour, options.data, options.hour_steps, options.seed)
    if model.bar is not None and options.bar_steps > 0:
        train_bar(model.bar, options.data, options.bar_steps, options.seed, bf16=options.bf16)
    trainer.put({name: part for name, part in model.state_dict().items() if name.startswith(DRAWERS)})


def _carry_along(file: Path, into: Path) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    temporary = into.with_suffix(".tmp")
    shutil.copyfile(file, temporary)
    os.replace(temporary, into)


def run(options: Options) -> int:
    if options.preset == "list":
        print("\n".join(PRESETS))
        return 0
    world = options.world or preset(options.preset).world
    config = config_for(options.preset, find(world))
    if options.steps < 1:
        raise ValueError(f"--steps {options.steps}; expected at least 1")
    if options.seed < 0:
        raise ValueError(f"--seed {options.seed}; expected 0 or more")
    if (options.out / RESUME_FILE).exists() and not options.resume:
        raise ValueError(f"{options.out} already holds a run; go on with --resume or choose another --out")
    if options.threads:
        torch.set_num_threads(options.threads)
    keep_memory()
    device = ("cuda" if torch.cuda.is_available() else "cpu") if options.device == "auto" else choose_device(options.device)[0]
    ranks, device = join(device, options.shard)
    if options.shard and ranks.n == 1:
        raise ValueError("--shard splits the weights over processes, and there is one; start more with torchrun, or leave it out")
    train = TrainConfig(
        n_steps=options.steps, lr=options.lr, quicker=options.quicker, stages=options.stages, objective=options.objective,
        seed=options.seed, retrace_share=options.retrace_share, forget_share=options.forget_share,
        bf16=options.bf16, compile=options.compile, device=device,
    )  # fmt: skip
    trainer = Trainer(config, train, options.data, options.validation, options.out, ranks)
    if world.endswith(".toml") and ranks.first:
        _carry_along(Path(world), options.out / "model" / WORLD_FILE)
    if options.resume:
        trainer.resume()
    elif options.start is not None:
        fresh = trainer.start_from(options.start)
        if fresh and ranks.first:
            print(f"not in {options.start}, beginning anew: {', '.join(fresh)}")
    if not options.resume and (config.balls.n_kinds or config.hands.side or config.bar.n_cells):
        _teach_drawers(trainer, options)
    scan = choose("auto", device)
    use_scan(trainer.model, scan.scan)
    if ranks.first:
        millions = sum(p.numel() for p in trainer.model.parameters()) / 1e6
        share = "its share of the weights and " if ranks.sharded else ""
        processes = f"{ranks.n} processes, each with {share}" if ranks.n > 1 else ""
        print(f"{millions:.2f}M parameters on {device}, {processes}{torch.get_num_threads()} of {os.cpu_count()} cores")
        print(f"scan: {scan.name}, {scan.why}")
    _run(trainer)
    model = trainer.averaged()
    leave()
    if not ranks.first:
        return 0
    if model.shown is not None and options.shown_steps > 0:
        train_shown(model, options.data, options.shown_steps, options.seed)
        checkpoint.save(model, options.out / "model")
    if options.ego_motion_steps > 0 and config.pose:
        ego_motion = train_ego_motion(model, options.data, options.ego_motion_steps, options.seed)
        checkpoint.save(model, options.out / "model", ego_motion=ego_motion)
    if options.validation is not None:
        _keep_clips(options.validation, options.out / "model" / "contexts", options.start_clips)
    print(f"trained: {options.out / 'model'}")
    return 0


def _run(trainer: Trainer) -> None:
    """Train to the end, or until told to stop (Ctrl-C): then the step in progress is finished and saved; a second time, not."""

    def stop(number: int, frame: object) -> None:
        signal.signal(number, signal.default_int_handler)
        trainer.stopping = True
        print("stopping when this step is done and saved; once more stops at once", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        trainer.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if trainer.stopping:
        raise KeyboardInterrupt


def _keep_clips(data: Path, folder: Path, n_clips: int) -> None:
    """The beginnings of `n_clips` episodes, where play starts from."""
    folder.mkdir(exist_ok=True)
    for path in find_episodes(data)[:n_clips]:
        episode = episodes.load(path)
        episodes.save(episode.clip(0, min(N_CLIP, len(episode))), folder / path.name)
