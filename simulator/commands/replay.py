"""Make the frames of a session or an action log again, check each against the first time, and write a video or episode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm
from tyro.conf import Positional

from simulator.recorder import EpisodeRecorder, VideoRecorder, check_video_path
from simulator.replay import reopen, replay, verdict
from simulator.session import Session
from simulator.session_file import read_session
from simulator.twin import dream_of


@dataclass(frozen=True, kw_only=True)
class Options:
    log: Positional[Path]
    """Session (.jsonl) that play or record has written."""
    out: Path | None = None
    """Video (.mp4, .gif) or episode (.npz) to write; without it the frames are only checked. An episode that was being recorded
    when the program was killed is made whole this way."""
    checkpoint: Path | None = None
    """Folder of the model it was played with, where that has moved."""


def run(options: Options, engine: Any = None) -> int:
    """Exit code 0 where all frames are identical, 1 where they differ. engine: use this one instead of loading a checkpoint."""
    saved = read_session(options.log)
    if options.checkpoint is not None:
        recipe = replace(saved.header.recipe, checkpoint=str(options.checkpoint))
        saved = replace(saved, header=replace(saved.header, recipe=recipe))
    as_episode = options.out is not None and options.out.suffix == ".npz"
    if options.out is not None and not as_episode:
        check_video_path(options.out)
    session = Session(reopen(saved.header, engine), saved.header)
    results: list[bool] = []
    try:
        for repeated in tqdm(replay(saved, session), total=len(saved.records), unit="frame"):
            results.append(repeated.same)
            if repeated.number == 0 and options.out is not None and as_episode:
                session.sinks["episode"] = EpisodeRecorder(options.out, session.world.actions)
                session.sinks["episode"].add(repeated.tick)
            elif repeated.number == 0 and options.out is not None:
                session.sinks["video"] = VideoRecorder(options.out, saved.header.fps)
    finally:
        session.close()
    if any(note.startswith(("video", "episode")) or str(options.out) in note for note in session.notes):
        raise OSError("; ".join(session.notes))
    dream = dream_of(session.world)
    print(verdict(results, saved, saved.header.description if dream is None else dream.engine.description))
    return 0 if all(results) else 1
