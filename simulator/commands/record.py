"""Make a video of a rollout without a window, and beside it the log from which `replay` makes the same frames again."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from simulator.beliefs import BeliefFilm
from simulator.commands.world_options import WorldOptions
from simulator.drivers import driver
from simulator.intents import Step
from simulator.rates import chosen_rate
from simulator.recipe import open_world
from simulator.recorder import VIDEO_HEIGHT, VideoRecorder, check_video_path
from simulator.session import Session


@dataclass(frozen=True, kw_only=True)
class Options(WorldOptions):
    out: Path
    """Video to write, .mp4 or .gif; the action log goes next to it as .jsonl."""
    frames: int = 300
    """Frames of video, one a tick."""
    policy: str = "explore"
    """explore, random, a policy (.py), or a file of actions (.npz episode, .jsonl log, .txt with one action name a line)."""
    fps: float | None = None
    """Frames a second of video; without it a smooth rate."""
    belief: bool = False
    """Show the map of what the dream believes beside the picture, and the truth with --beside."""


def run(options: Options, engine: Any = None) -> int:
    """engine: play this one instead of loading the checkpoint's."""
    if options.frames < 1:
        raise ValueError(f"--frames {options.frames}; expected 1 or more")
    if Path(options.policy).resolve() == options.out.with_suffix(".jsonl").resolve():
        raise ValueError(f"--policy {options.policy} is where the log of --out {options.out} goes; choose another --out")
    recipe = options.recipe()
    check_video_path(options.out)
    world = open_world(recipe, engine)
    rate = chosen_rate(options.fps, world.fps)
    log = options.out.with_suffix(".jsonl")
    policy = driver(options.policy, world.actions, options.seed)
    young = log.with_name(f".{log.name}.{os.getpid()}.tmp")  # an older log, like an older video, stays until the first new frame
    session = Session(world, options.header(world, recipe, rate.fps), young)
    options.prepare(world)
    print(f"{session.header.description}; {rate.describe(world.fps)}")
    started = time.perf_counter()
    try:
        tick = session.apply(options.reset(world, recipe))
        video = VideoRecorder(options.out, rate.fps)
        height = VIDEO_HEIGHT[options.out.suffix]
        session.sinks["video"] = BeliefFilm(session, video, height) if options.belief else video
        for n in tqdm(range(options.frames), unit="frame"):
            tick = session.apply(Step(policy.act(tick.frame, {"pose": tick.pose, **tick.info})))
            if session.notes:
                break
            if n == 0:
                os.replace(young, log)
            if said := session.quicken():
                print(said)
    finally:
        session.close()
        young.unlink(missing_ok=True)
    if session.notes:
        raise OSError("; ".join(session.notes))
    fps = options.frames / (time.perf_counter() - started)
    print(f"{options.out}: {options.frames} frames at {fps:.1f} a second; again: run_sim.py replay {log} --out FILE")
    return 0
