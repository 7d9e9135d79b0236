"""A session file -> the same session again, frame for frame, or a plain word on where it differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.hashes import frame_hash
from simulator.recipe import open_world
from simulator.session import Session
from simulator.session_file import Header, Saved
from simulator.twin import dream_of
from simulator.world import Tick, World


@dataclass(frozen=True, slots=True)
class Repeated:
    """One record done again: what it shows now and whether that is byte for byte what it showed then."""

    number: int
    tick: Tick
    same: bool


def reopen(header: Header, engine: Any = None) -> World:
    """The world of a session file. ValueError where its model or its start clip is another one now."""
    world = open_world(header.recipe.with_hash(), engine)
    dream = dream_of(world)
    if dream is not None and dream.engine.fingerprint != header.fingerprint:
        world.close()
        raise ValueError(
            f"the session was played with model {header.fingerprint}; the loaded one is {dream.engine.fingerprint}: "
            "give the --checkpoint it was played with, and the belief.safetensors it had then, if any"
        )
    return world


def replay(saved: Saved, session: Session) -> Iterator[Repeated]:
    """Apply every record to a fresh `session` of the same header; yields one Repeated a record."""
    for number, record in enumerate(saved.records):
        tick = session.apply(record.intent)
        yield Repeated(number, tick, frame_hash(tick.frame) == record.frame_hash)


def verdict(results: list[bool], saved: Saved, description: str) -> str:
    """One line: all the same, or from which record on not, and what is known about why."""
    ending = "; the file ends in the middle of a line, which is left out" if saved.cut_short else ""
    if all(results):
        return f"{len(results)} of {len(results)} frames are identical{ending}"
    first = results.index(False)
    then, now = saved.header.description, description
    why = "on the same device and settings" if then == now else f"made with [{then}], repeated with [{now}]"
    return f"frames differ from record {first} of {len(results)} on ({results.count(False)} in all), {why}{ending}"
