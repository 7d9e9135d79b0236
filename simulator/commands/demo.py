"""Show what the memory does: leave a view, come back, and compare then with now, with the memory and without it.

look-away turns half around and back. loop walks out through the maze and comes home. around comes home another way. amnesia
looks away too and shows the dream that remembers beside one that has lost its memory and one with the memory of another maze.
story plays the island story of ore, tool and landmark. follow dreams along a recorded walk beside the truth; with --real the
others are walked in the real world first and dreamt along likewise. Each writes a video, a figure and its scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm
from tyro.conf import Positional

from envs import episode as episodes
from envs.catalog import find
from envs.episode import Episode
from simulator.demo import figure, film, follow, trial
from simulator.demo.routes import LOOK_AWAY, LOOP, Route, around
from simulator.demo.trial import Trial
from simulator.evaluation.circuit import stations
from simulator.rates import chosen_rate
from simulator.recipe import env_maker, world_of

ROUTES: dict[str, Route | None] = {"look-away": LOOK_AWAY, "loop": LOOP, "around": None, "amnesia": LOOK_AWAY}
"""None: planned on the layout of the maze."""


@dataclass(frozen=True, kw_only=True)
class Options:
    name: Positional[Literal["look-away", "loop", "around", "amnesia", "story", "follow"]]
    """Which demonstration."""
    world: str | None = None
    """World to dream: memory-maze or voxel. Without it the demonstration's own."""
    out: Path
    """Folder for the video, the figure and the scores."""
    gap: int | None = None
    """Frames away: stood there (look-away, amnesia), walked out (loop). Without it each one's own."""
    real: bool = False
    """Walk the route in the real world of --seed (needs its extra) and dream along it: truth | poses given | keys only."""
    lead_in: int = 400
    """With --real: true frames that are absorbed before the route."""
    seed: int = 0
    """Seed of the dream's noise; of the story it also chooses the island, with --real the maze."""
    checkpoint: Path | None = None
    """Folder of a trained model; without it the shipped one dreams."""
    context: str | None = None
    """Start clip: a name among the model's own, or an episode (npz). Without it all of the model's own, the first one shown."""
    at: int = -1
    """Frame of the start clip to start from; -1 is its last."""
    steps: int | None = None
    """Denoising steps a frame; without it what the model was tuned for."""
    fps: float | None = None
    """Frames a second of video; without it a smooth rate."""
    device: str = "auto"
    """cpu, cuda, mps, or auto for the best there is."""
    threads: int | None = None
    """CPU threads; None leaves it to PyTorch. 1 is by far the fastest where other programs keep the cores busy."""


def run(options: Options, engine: Any = None) -> int:
    """Prints the scores as one line of JSON, the last one. engine: dream with this one instead of loading the checkpoint's."""
    if options.seed < 0:
        raise ValueError(f"--seed {options.seed}; expected 0 or more")
    if options.gap is not None and options.gap < 1:
        raise ValueError(f"--gap {options.gap}; expected 1 frame or more")
    if options.gap is not None and options.name == "around":
        raise ValueError(f"--gap {options.gap}; around goes as far as the maze leads, --gap is for the others")
    if options.lead_in < 0:
        raise ValueError(f"--lead-in {options.lead_in}; expected 0 or more")
    if options.real and options.name not in ROUTES:
        raise ValueError(f"--real is for routes: {', '.join(ROUTES)}; not for {options.name}")
    usual = {"story": "voxel", "follow": world_of(options.checkpoint)}.get(options.name, "memory-maze")
    world = options.world or usual
    if options.name == "story" and world != "voxel":
        raise ValueError(f"--world {world}; the story is one of the voxel world")
    if engine is None:
        engine = _load(options, world)
    options.out.mkdir(parents=True, exist_ok=True)
    print(engine.description)
    if options.name == "follow":
        return _follow(options, engine)
    if options.real:
        return _real(options, engine)
    if options.name == "story":
        return _story(options, engine)
    with tqdm(desc=options.name, unit="frame") as bar:
        trials, what, gap = _walks(options, engine, bar.update)
    shown = trials[0]
    video, picture = (options.out / f"{options.name}{suffix}" for suffix in (".mp4", ".png"))
    ticks = film.amnesia(shown) if options.name == "amnesia" else film.then_now(shown)
    film.write(ticks, len(shown), video, chosen_rate(options.fps, engine.fps).fps)
    drawn = figure.drawn(picture, lambda: figure.draw(trials, f"{what[0].upper()}{what[1:]}", _subtitle(shown), picture))
    summary = {"demo": options.name, "gap": gap, "seed": options.seed, "checkpoint": engine.fingerprint, **_summary(trials)}
    return _tell(options, options.name, summary | {"video": str(video), "figure": drawn})


def _load(options: Options, world: str) -> Any:
    """The engine that the flags ask for, if it dreams `world`."""
    import torch

    from models.checkpoint import read_config
    from simulator.load import load_engine

    if options.checkpoint is not None and (found := read_config(options.checkpoint).world) != world:
        raise ValueError(f"{options.checkpoint} is a model of {found!r}; {options.name} needs one of {world!r}")
    if options.threads is not None:
        torch.set_num_threads(max(1, options.threads))
    return load_engine(options.checkpoint, world, n_steps=options.steps, device=options.device)


def _follow(options: Options, engine: Any) -> int:
    """Dream along the recorded walk --context."""
    if options.context is None or not options.context.endswith(".npz"):
        raise ValueError(f"--context {options.context!r}; follow needs a recorded walk: an episode (npz) longer than its start")
    episode = episodes.load(Path(options.context))
    start = 161 if options.at == -1 else options.at + 1
    return _along(options, engine, episode, start, 200 if options.gap is None else options.gap, "follow")


def _real(options: Options, engine: Any) -> int:
    """Walk a route in the real world and dream along it."""
    if options.context is not None or options.at != -1:
        raise ValueError("with --real the walk begins in the maze of --seed; --context and --at are for dreams alone")
    guide = find(engine.world).explorer_maker()(options.seed)
    env = env_maker(engine.world, engine.frame_shape[0])()
    try:
        with tqdm(desc="real", unit="frame") as bar:
            episode = follow.walk_for_real(
                env, guide, options.lead_in, lambda info: _route(options.name, info), options.gap, options.seed, bar.update
            )
    finally:
        env.close()
    start = options.lead_in + 1
    return _along(options, engine, episode, start, len(episode) - start, f"{options.name}-real")


def _along(options: Options, engine: Any, episode: Episode, start: int, n_frames: int, name: str) -> int:
    """Dream along `episode` with its poses and on keys alone, and show both beside the truth."""
    modes = {"dream, poses given": True} if engine.has_pose else {}
    modes |= {"dream, keys only": False} if engine.has_ego_motion else {}
    with tqdm(desc=name, unit="frame", total=n_frames * len(modes)) as bar:
        walk = engine, episode, start, n_frames, options.seed
        found = {mode: follow.follow(*walk, given, bar.update) for mode, given in modes.items()}
    video, picture = (options.out / f"{name}{suffix}" for suffix in (".mp4", ".png"))
    film.write(follow.beside_truth(found), n_frames, video, chosen_rate(options.fps, engine.fps).fps)
    drawn = figure.drawn(picture, lambda: follow.draw(found, picture))
    psnr = {mode: round(float(one.psnr.mean()), 3) for mode, one in found.items()}
    last = {mode: round(float(one.psnr[-1]), 3) for mode, one in found.items()}
    told = {"demo": name, "n_context": start, "n_frames": n_frames, "seed": options.seed, "checkpoint": engine.fingerprint}
    return _tell(options, name, told | {"psnr": psnr, "psnr_last": last, "video": str(video), "figure": drawn})


def _tell(options: Options, name: str, summary: dict[str, Any]) -> int:
    """Leave the scores beside the pictures, and print them."""
    line = json.dumps(summary)
    (options.out / f"{name}.json").write_text(line + "\n")
    print(line)
    return 0


def _walks(options: Options, engine: Any, tell: Callable[[], object]) -> tuple[list[Trial], str, int]:
    """The trials of a route, what it does, and its gap."""
    starts, n_walked = start_clips(options, engine.contexts)
    ways = [_route(options.name, _last(clip)) for clip in starts[:n_walked]]
    gap = ways[0].gap if options.gap is None else options.gap
    moments = [engine.begin([clip], options.seed) for clip in starts]
    others = [*moments[1:], moments[0]] if len(moments) > 1 else [None]
    trials = [trial.run(engine, moments[i], others[i], way, gap, lambda _: tell()) for i, way in enumerate(ways)]
    return trials, ways[0].what, gap


def _last(clip: Episode) -> dict[str, Any]:
    """What is known of the last frame of `clip`."""
    return {name: values[-1] for name, values in {**clip.extras, "pose": clip.pose}.items() if values is not None}


def _route(name: str, info: dict[str, Any]) -> Route:
    """The route called `name` from where `info` (pose, maze_layout) says. ValueError where that does not suffice."""
    route = ROUTES[name]
    if route is None:
        if not {"pose", "maze_layout"} <= info.keys():
            raise ValueError(
                "around is planned on maze_layout and pose, which are not known here; give a --context that has them"
            )
        route = around(stations(info["maze_layout"], info["pose"]))
    return route


def _story(options: Options, engine: Any) -> int:
    """Tell the story, which begins and ends on its own island."""
    if options.gap is not None or options.context is not None or options.at != -1:
        raise ValueError("the story has its own island and its own frames; --gap, --context and --at are for the others")
    from simulator.demo import story  # needs numba, an extra
    from simulator.evaluation.voxel.story import record

    with tqdm(desc="story", unit="frame") as bar:
        scene = record(options.seed, engine.frame_shape[0])
        found = story.run(engine, scene, options.out, options.seed, chosen_rate(options.fps, engine.fps).fps, bar.update)
    return _tell(options, "story", {"demo": "story", "seed": options.seed, "checkpoint": engine.fingerprint, **found})


def start_clips(options: Options, known: Any) -> tuple[list[Episode], int]:
    """The start clips, and how many of them, from the first on, are walked; the others lend their memory."""
    clips: dict[str, Episode] = dict(known)
    if options.context is not None:
        if options.context in clips:
            first = clips.pop(options.context)
        elif options.context.endswith(".npz"):
            first = episodes.load(Path(options.context))
        else:
            raise ValueError(f"--context {options.context!r}; expected an episode (npz) or one of: {', '.join(clips) or 'none'}")
        clips = {options.context: first, **clips}
    if not clips:
        raise ValueError("this model came without start clips; give one with --context FILE.npz")
    for name, clip in clips.items():
        if not -1 <= options.at < len(clip):
            raise ValueError(f"--at {options.at} is outside clip {name!r} of {len(clip)} frames; expected -1..{len(clip) - 1}")
    ready = [clip if options.at == -1 else clip.clip(0, options.at + 1) for clip in clips.values()]
    return ready, 1 if options.context is not None else len(ready)


def _subtitle(shown: Trial) -> str:
    cells, degrees = shown.pose_off
    way = f"{shown.path_cells:.0f} cells walked, " if shown.path_cells > 2 else ""
    back = f"{way}back to within {cells:.2f} cells and {degrees:.1f} degrees"
    return f"{shown.n_between} frames between then and now, {back}; dreamt on keys alone"


def _summary(trials: list[Trial]) -> dict[str, Any]:
    """Means over trials: PSNR and SSIM by condition, and how exactly the walks came back."""

    def mean(values: list[float]) -> float:
        return round(float(np.mean(values)), 3)

    names, scores = list(trials[0].frames), [found.scores for found in trials]
    return {
        "n_clips": len(trials),
        "n_frames_between": [found.n_between for found in trials],
        "psnr": {name: mean([row[name].psnr for row in scores]) for name in names},
        "ssim": {name: mean([row[name].ssim for row in scores]) for name in names},
        "psnr_in_sight": mean([found.in_sight.psnr for found in trials]),
        "pose_off_cells": mean([found.pose_off[0] for found in trials]),
        "pose_off_degrees": mean([found.pose_off[1] for found in trials]),
        "path_cells": mean([found.path_cells for found in trials]),
    }
