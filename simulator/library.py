"""What one can start from: the clips of the shipped models, the real worlds, and what has been recorded. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from envs import episode as episodes
from simulator.intents import Reset
from simulator.recipe import Recipe
from simulator.session_file import read_session

SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
MOST_RECORDINGS = 300
"""Newest files shown of a folder."""
KINDS = {"clip": "start clip", "cold": "from nothing", "beside": "side by side", "real": "the real world"}


@dataclass(frozen=True, slots=True)
class Item:
    """A place to start from. kind: one of KINDS, "episode" or "session". checkpoint: the model's folder, None the shipped one.
    file: what shows it; a world without a file of its own is shown by a clip.
    """

    kind: str
    name: str
    world: str = ""
    checkpoint: Path | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a browser shows of an item before it is opened: a picture (H, W, 3) or None, and a few words."""

    picture: np.ndarray | None
    words: str


def reset_of(item: Item, frame: int, seed: int) -> Reset:
    """How a session begins from `frame` (-1: its own start) of `item`; a recorded session is gone on from by a moment instead."""
    clip = {"clip": item.name, "episode": "" if item.file is None else str(item.file.resolve())}.get(item.kind, "")
    return Reset(seed, clip, frame if clip else -1)


def of_models(checkpoint: Path | None = None) -> list[Item]:
    """Every start that the shipped models offer, or the one in `checkpoint`: its clips, nothing at all, and its real world."""
    folders = sorted(path.parent for path in SHIPPED.glob("*/config.json")) if checkpoint is None else [checkpoint]
    items: list[Item] = []
    for folder in folders:
        try:
            world = str(json.loads((folder / "config.json").read_text())["world"])
        except (OSError, ValueError, LookupError, TypeError):
            continue  # whoever loads it says what is wrong with it
        clips = sorted((folder / "contexts").glob("*.npz"))
        items += [Item("clip", clip.stem, world, checkpoint, clip) for clip in clips]
        items += [Item(kind, KINDS[kind], world, checkpoint, clips[0] if clips else None) for kind in ("cold", "beside", "real")]
    return items


def of_folders(folders: Iterable[Path]) -> list[Item]:
    """Episodes (npz) and sessions (jsonl) anywhere below `folders`, the newest first."""
    found = {path for folder in folders for suffix in ("npz", "jsonl") for path in folder.rglob(f"*.{suffix}") if path.is_file()}
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[:MOST_RECORDINGS]
    return [
        Item("episode", path.stem, file=path)
        if path.suffix == ".npz"
        else Item("session", path.parent.name if path.stem == "session" else path.stem, file=path)
        for path in newest
    ]


def shelf(recipe: Recipe, folders: Iterable[Path]) -> list[Item]:
    """All there is to begin from beside `recipe`: its own model's starts, the shipped ones', and the recordings in `folders`."""
    own = of_models(Path(recipe.checkpoint)) if recipe.checkpoint else []
    shipped = of_models()
    shipped.sort(key=lambda item: item.world != recipe.world)  # stable: the present world first
    return [*own, *shipped, *of_folders(folders)]


def glimpse(item: Item) -> Glimpse:
    """What `item` looks like; a file that cannot be read says so in its words."""
    if item.file is None or item.kind == "cold":
        return Glimpse(None, KINDS.get(item.kind, ""))
    try:
        if item.kind == "session":
            return _of_session(item.file)
        episode = episodes.load(item.file)
    except ValueError as error:
        return Glimpse(None, str(error).removeprefix(f"{item.file}: "))
    picture = episode.image[0 if item.kind in ("beside", "real") else -1]
    return Glimpse(picture.copy(), KINDS[item.kind] if item.kind in ("beside", "real") else f"{len(episode)} frames")


def _of_session(file: Path) -> Glimpse:
    saved = read_session(file)
    start = next((record.intent for record in saved.records if isinstance(record.intent, Reset)), Reset(0))
    recipe = saved.header.recipe
    folder = SHIPPED / recipe.world if recipe.checkpoint is None else Path(recipe.checkpoint)
    clip = Path(start.clip) if start.clip.endswith(".npz") else folder / "contexts" / f"{start.clip}.npz"
    words = f"{len(saved.records)} steps, {recipe.kind} of {recipe.world}"
    return Glimpse(episodes.load(clip).image[start.frame].copy() if clip.is_file() else None, words)
