"""What a person may press: the named moves of a world, their ids and the keys held for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_UNDONE_BY = {"left": "right", "right": "left", "forward_left": "right", "forward_right": "left"}


@dataclass(frozen=True)
class ActionSpec:
    """The discrete moves of one world, in id order.

    Purpose: the single place that ties an action id to its name and to the held keys that mean it. `keys[i]` is the set
    of *logical* keys ("up", "left", "space", ...) whose chord is action `i`; the empty set is what happens when nothing
    is held. Keymaps translate physical keys to logical ones. `still` are actions, besides doing nothing, by which the body does
    not move of itself: what hands do. `about[i]` says what the name of action `i` does not, such as
    what it takes; "" where there is nothing to say, and no `about` at all where that is so everywhere.
    """

    world: str
    names: tuple[str, ...]
    keys: tuple[frozenset[str], ...]
    noop: int = 0
    about: tuple[str, ...] = ()
    still: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) != len(self.keys):
            raise ValueError(
                f"{self.world!r}: {len(self.names)} action names but {len(self.keys)} key chords; give one chord per name"
            )
        if len(self.about) not in (0, len(self.names)):
            raise ValueError(
                f"{self.world!r}: {len(self.names)} action names but `about` has {len(self.about)}; give all or none"
            )
        for what, values in (("name", self.names), ("key chord", self.keys)):
            if len(set(values)) != len(values):
                raise ValueError(f"{self.world!r}: an action {what} is used twice in {values}")
        if not 0 <= self.noop < len(self.names):
            raise ValueError(f"{self.world!r}: noop id {self.noop} is outside 0..{len(self.names) - 1}")
        for action in self.still:
            self.check(action)

    @property
    def n_actions(self) -> int:
        return len(self.names)

    @property
    def idle(self) -> tuple[int, ...]:
        """All actions by which the body does not move of itself."""
        return tuple(sorted({self.noop, *self.still}))

    def check(self, action: int) -> int:
        """Return `action` as an int, or raise ValueError naming the known actions."""
        if not 0 <= int(action) < len(self.names):
            raise ValueError(
                f"action {action} is outside 0..{len(self.names) - 1} for {self.world!r}; known: {', '.join(self.names)}"
            )
        return int(action)

    def id_of(self, name: str) -> int:
        """The id of the action called `name`; ValueError with the known names otherwise."""
        if name not in self.names:
            raise ValueError(f"unknown action {name!r} for {self.world!r}; known: {', '.join(self.names)}")
        return self.names.index(name)

    def from_keys(self, held: Iterable[str]) -> int:
        """The action of the longest chord contained in the held logical keys; opposite keys cancel out."""
        pressed = set(held)
        for first, second in (("left", "right"), ("up", "down")):
            if {first, second} <= pressed:
                pressed -= {first, second}
        best = self.noop
        for action, chord in enumerate(self.keys):
            if chord and chord <= pressed and len(chord) > len(self.keys[best]):
                best = action
        return best

    def undo(self, action: int) -> int:
        """The action that turns as `action` did, the other way; `noop` where it does not turn: there may be no way back."""
        name = _UNDONE_BY.get(self.names[self.check(action)])
        return self.noop if name is None else self.id_of(name)
