"""What the dreams of a session believe at the moment that is shown, and what is true beside them, as charts by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np

from simulator import compose
from simulator.belief_map import Chart, draw_chart, true_chart
from simulator.session import Session, Sink
from simulator.timeline import Timeline
from simulator.twin import SplitWorld, dream_of
from simulator.world import Tick
from simulator.worlds import DreamState

N_PATH = 300
"""Ticks of the path that are drawn, the last ones."""
NOTHING_READ = (
    "nothing reads the memory of this model as a map; teach a probe: run_sim.py probe --checkpoint DIR --data DIR, "
    "again whenever its weights change"
)

NO_MAZE = "the map of beliefs is one of mazes, their walls and balls; {!r} has no such map"


def charts(session: Session) -> dict[str, Chart]:
    """Charts by name: of the dream; beside it the truth, or the dream that has lost its memory.

    While one looks back, the memory is that of the last moment kept in full, at most some ticks earlier. ValueError where
    there is no dream, or no probe for its model.
    """
    dream = dream_of(session.world)
    if dream is None:
        raise ValueError("the real world believes nothing; its map is known. Start a dream to see what it believes")
    probe = dream.engine.belief
    if probe is None:
        raise ValueError(NOTHING_READ if dream.name.startswith("memory-maze") else NO_MAZE.format(dream.name))
    ticks = path(session.timeline, N_PATH)
    tick, split = ticks[-1], isinstance(session.world, SplitWorld)
    names = ("believed, remembering", "believed, having forgotten") if split else ("what it believes",)
    found = {}
    for name, of, state in zip(names, (_own_pose, _right_pose), _states(session), strict=False):
        belief = probe.believe(state.moment.stream)
        found[name] = Chart(belief.walls[0], belief.balls[0], _poses(ticks, of), of(tick))
    if "maze_layout" in tick.info:
        layout, targets = tick.info["maze_layout"], tick.info["targets_pos"]
        size = next(iter(found.values())).walls.shape
        found["the truth"] = true_chart(layout, targets, size, _poses(ticks, _right_pose), _right_pose(tick))
    return found


class BeliefFilm:
    """A recording of `session` with the maps beside the picture: makes every tick wider and hands it on to `sink`.

    height: pixels of picture and maps, about. ValueError as in `charts`.
    """

    def __init__(self, session: Session, sink: Sink, height: int) -> None:
        charts(session)
        self._session, self._sink, self._height = session, sink, height

    def add(self, tick: Tick) -> None:
        """Hand on `tick`, the session's present one, and what is believed then."""
        picture, found = compose.enlarge(tick.frame, compose.video_factor(tick.frame, self._height)), charts(self._session)
        maps = (draw_chart(chart, len(picture)) for chart in found.values())
        panels = (*(compose.panel_captions(tick) or ("the dream",)), *found)
        self._sink.add(replace(tick, frame=compose.beside(picture, *maps), info={"panels": panels}))

    def close(self) -> None:
        """Finish the recording."""
        self._sink.close()


def path(timeline: Timeline, n_ticks: int) -> list[Tick]:
    """The last `n_ticks` ticks (1 or more) up to the one shown, oldest first, across the branches that led to it."""
    line, position = timeline.line, timeline.position
    ticks: list[Tick] = []
    while len(ticks) < n_ticks:
        first = max(line.start, position + 1 - (n_ticks - len(ticks)))
        ticks[:0] = [entry.tick for entry in islice(line.entries, first - line.start, position + 1 - line.start)]
        parent = timeline.lines.get(-1 if line.parent is None else line.parent)
        if parent is None or line.start > line.forked_at or not parent.start < line.start <= parent.tip + 1:
            break
        line, position = parent, line.start - 1
    return ticks


def _states(session: Session) -> list[DreamState]:
    """The states of the session's dreams, the remembering one first."""
    world = session.world
    if session.settled:
        dreams = (dream_of(world), getattr(world, "amnesiac", None))
        return [dream.snapshot().state for dream in dreams if dream is not None]
    kept = session.timeline.way_to_cursor()[0].state
    sides = [side.state for side in kept if side is not None] if isinstance(kept, tuple) else [kept]
    return [state for state in sides if isinstance(state, DreamState)]


def _own_pose(tick: Tick) -> np.ndarray | None:
    return tick.pose


def _right_pose(tick: Tick) -> np.ndarray | None:
    return tick.info.get("right_pose")


def _poses(ticks: list[Tick], of: Callable[[Tick], np.ndarray | None]) -> np.ndarray:
    found = [pose for tick in ticks if (pose := of(tick)) is not None]
    return np.stack(found) if found else np.zeros((0, 5))
