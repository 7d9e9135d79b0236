"""The history of a session: every tick shown, keyframes to go back to, marks and branches, in bounded memory.

Pictures are small and states are large, so every tick is kept and a state only every `keyframe_every` ticks. Looking at the
past costs nothing; going on from it restores the keyframe before it and repeats the deeds in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.intents import Deed
from simulator.sizes import n_bytes
from simulator.world import Snapshot, Tick

MAX_BRANCHES = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """One position of a branch: the deed that led here (None where the branch begins) and what was then seen."""

    deed: Deed | None
    tick: Tick
    n_bytes: int


@dataclass(slots=True)
class Line:
    """One branch. `entries[i]` is position `start + i`; the first position kept always has a keyframe."""

    id: int
    parent: int | None
    start: int
    forked_at: int
    entries: deque[Entry] = field(default_factory=deque)
    keyframes: dict[int, Snapshot] = field(default_factory=dict)

    @property
    def tip(self) -> int:
        return self.start + len(self.entries) - 1

    def entry(self, position: int) -> Entry:
        return self.entries[position - self.start]


@dataclass(frozen=True, slots=True)
class MarkedMoment:
    """A moment kept by name, for good: its snapshot outlives the branch it was taken on."""

    name: str
    branch: int
    position: int
    snapshot: Snapshot


class Timeline:
    """A tree of branches and a cursor on it. `budget` is in bytes; the oldest history goes first when it is spent."""

    def __init__(self, budget: int, keyframe_every: int = 16) -> None:
        if budget < 1 or keyframe_every < 1:
            raise ValueError(
                f"history of {budget} bytes with a keyframe every {keyframe_every} ticks; expected at least 1 of each"
            )
        self.budget, self.keyframe_every = budget, keyframe_every
        self.lines: dict[int, Line] = {}
        self.marks: dict[str, MarkedMoment] = {}
        self.branch = -1
        self.position = 0
        self.n_bytes = 0
        self._next_id = 0
        self._ages: deque[tuple[int, int]] = deque()  # (branch, position) of every keyframe, oldest first

    @property
    def line(self) -> Line:
        return self.lines[self.branch]

    @property
    def tick(self) -> Tick:
        """What is seen at the cursor."""
        return self.line.entry(self.position).tick

    @property
    def in_past(self) -> bool:
        return self.position < self.line.tip

    def begin(self, snapshot: Snapshot) -> None:
        """A new branch without a past, from `snapshot` on; the cursor goes there."""
        self._open(None, 0, snapshot)

    def fork(self, snapshot: Snapshot) -> None:
        """A new branch that leaves the present one at the cursor, whose exact state is `snapshot`."""
        self._open(self.branch, self.position, snapshot)

    def _open(self, parent: int | None, position: int, snapshot: Snapshot) -> None:
        line = Line(self._next_id, parent, position, position)
        self._next_id += 1
        self.lines[line.id] = line
        self.branch, self.position = line.id, position
        self._append(line, None, snapshot.tick)
        self._keep(line, position, snapshot)
        while len(self.lines) > MAX_BRANCHES:
            self._drop_line(self._least_missed())
        self._shrink()

    def _least_missed(self) -> int:
        """The shortest branch that is neither the present one nor one it came from, where there is such a one."""
        ancestors, branch = {self.branch}, self.line.parent
        while branch is not None and branch in self.lines:
            ancestors.add(branch)
            branch = self.lines[branch].parent
        spare = [id for id in self.lines if id not in ancestors] or [id for id in self.lines if id != self.branch]
        return min(spare, key=lambda id: len(self.lines[id].entries))

    def add(self, deed: Deed, tick: Tick, snapshot: Callable[[], Snapshot] | None) -> None:
        """Append what `deed` led to at the tip of the present branch. snapshot: asked only when a keyframe is due."""
        line = self.line
        if self.position != line.tip:
            raise RuntimeError(f"position {self.position} is in the past of branch {line.id} (tip {line.tip}); fork first")
        self._append(line, deed, tick)
        self.position = line.tip
        if snapshot is not None and self.position - max(line.keyframes) >= self.keyframe_every:
            self._keep(line, self.position, snapshot())
        self._shrink()

    def _append(self, line: Line, deed: Deed | None, tick: Tick) -> None:
        entry = Entry(deed, tick, n_bytes(tick) + 128)
        line.entries.append(entry)
        self.n_bytes += entry.n_bytes

    def _keep(self, line: Line, position: int, snapshot: Snapshot) -> None:
        line.keyframes[position] = snapshot
        self._ages.append((line.id, position))
        self.n_bytes += n_bytes(snapshot.state)

    def move(self, n_ticks: int) -> Tick:
        """Move the cursor by `n_ticks` along its past (negative) or its future, as far as there is one."""
        for _ in range(abs(n_ticks)):
            if n_ticks > 0:
                self.position = min(self.position + 1, self.line.tip)
            elif self.position > self.line.start:
                self.position -= 1
            else:
                parent = self.lines.get(-1 if self.line.parent is None else self.line.parent)
                if parent is None or self.line.start > self.line.forked_at or not parent.start < self.position <= parent.tip + 1:
                    break
                self.branch, self.position = parent.id, self.position - 1
        return self.tick

    def at(self, branch: int, position: int) -> Tick:
        """What was seen at `position` of `branch`. ValueError where it has been let go."""
        line = self.lines.get(branch)
        if line is None or not line.start <= position <= line.tip:
            raise ValueError(f"that moment has been let go to keep within {self.budget >> 20} MiB; --history-mb keeps more")
        return line.entry(position).tick

    def go(self, branch: int, position: int) -> Tick:
        """Go to `position` of `branch`. ValueError where it has been let go."""
        self.at(branch, position)
        self.branch, self.position = branch, position
        return self.tick

    def switch(self, branch: int) -> Tick:
        """Go to the tip of `branch`."""
        if branch not in self.lines:
            raise ValueError(f"no branch {branch}; known: {', '.join(map(str, self.lines))}")
        self.branch, self.position = branch, self.lines[branch].tip
        return self.tick

    def way_to_cursor(self) -> tuple[Snapshot, list[Deed]]:
        """The newest snapshot at or before the cursor and the deeds that lead from it to the cursor."""
        line = self.line
        known = dict(line.keyframes)
        known.update({m.position: m.snapshot for m in self.marks.values() if m.branch == line.id and m.position >= line.start})
        base = max(position for position in known if position <= self.position)
        entries = (line.entry(position) for position in range(base + 1, self.position + 1))
        return known[base], [entry.deed for entry in entries if entry.deed is not None]

    def mark(self, name: str, snapshot: Snapshot) -> None:
        """Keep the moment at the cursor, whose exact state is `snapshot`, until the session ends."""
        size = n_bytes(snapshot.state)
        kept = sum(n_bytes(mark.snapshot.state) for mark in self.marks.values())
        if kept + size > self.budget // 2:
            raise ValueError(
                f"{len(self.marks)} marks already fill half of the history's {self.budget >> 20} MiB; raise --history-mb"
            )
        if name in self.marks:
            self.n_bytes -= n_bytes(self.marks.pop(name).snapshot.state)
        self.marks[name] = MarkedMoment(name, self.branch, self.position, snapshot)
        self.n_bytes += size
        self._shrink()

    def jump(self, name: str) -> Tick:
        """Go to the mark `name`; where its branch has been let go, a new branch begins with it."""
        if name not in self.marks:
            raise ValueError(f"no mark {name!r}; known: {', '.join(self.marks) or 'none yet'}")
        mark = self.marks[name]
        line = self.lines.get(mark.branch)
        if line is not None and line.start <= mark.position <= line.tip:
            self.branch, self.position = mark.branch, mark.position
        else:
            self.begin(mark.snapshot)
        return self.tick

    def _shrink(self) -> None:
        """Let the oldest stretches go until the budget holds; the stretch the cursor needs always stays."""
        spared: list[tuple[int, int]] = []
        while self.n_bytes > self.budget and self._ages:
            branch, position = self._ages.popleft()
            line = self.lines.get(branch)
            if line is None or position not in line.keyframes:
                continue
            later = [p for p in line.keyframes if p > position]
            if branch != self.branch and not later:
                self._drop_line(branch)
            elif later and (branch != self.branch or min(later) <= self.position):
                self._drop_start(line, min(later))
            else:
                spared.append((branch, position))
        self._ages.extendleft(reversed(spared))

    def _drop_start(self, line: Line, new_start: int) -> None:
        while line.start < new_start:
            self.n_bytes -= line.entries.popleft().n_bytes
            snapshot = line.keyframes.pop(line.start, None)
            self.n_bytes -= n_bytes(snapshot.state) if snapshot is not None else 0
            line.start += 1

    def _drop_line(self, branch: int) -> None:
        line = self.lines.pop(branch)
        self.n_bytes -= sum(entry.n_bytes for entry in line.entries)
        self.n_bytes -= sum(n_bytes(snapshot.state) for snapshot in line.keyframes.values())
