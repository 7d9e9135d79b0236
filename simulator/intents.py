"""What a person can ask for, as values: they arrive in a session, fill its file and make up its history."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

# Deeds move the world; a timeline repeats them to get from a keyframe to a later moment.


@dataclass(frozen=True, slots=True)
class Step:
    """Do `action`. true: show the dream the real next frame instead of letting it dream one (needs reality beside)."""

    action: int
    true: bool = False


@dataclass(frozen=True, slots=True)
class Forget:
    """Amnesia: drop the long memory, keep the picture and the place."""


@dataclass(frozen=True, slots=True)
class SetSteps:
    """Denoise every frame in `n` steps (1 or more): speed against quality."""

    n: int


@dataclass(frozen=True, slots=True)
class SetPath:
    """Run the network on `path`, one of `simulator.accelerate.PATHS`: the same frames but for rounding, faster or slower."""

    path: str


@dataclass(frozen=True, slots=True)
class Reseed:
    """Draw all further noise from `seed`: the same past, another future."""

    seed: int


# Journeys choose which moment is the present one.


@dataclass(frozen=True, slots=True)
class Reset:
    """Begin anew from `seed` and a start clip. clip: its name, "" a cold start. frame: last one absorbed, -1 the last."""

    seed: int
    clip: str = ""
    frame: int = -1


@dataclass(frozen=True, slots=True)
class Rewind:
    """Go back `n` ticks, or forward again where `n` is negative; stops at the ends of what is remembered."""

    n: int = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """Keep the present moment under `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Jump:
    """Go to the mark called `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Branch:
    """Leave the present branch here, with the noise of `seed`; what was played stays on the old branch."""

    seed: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Go to the newest moment of branch `branch`."""

    branch: int


@dataclass(frozen=True, slots=True)
class LoadMoment:
    """Go on from a moment file."""

    path: str


@dataclass(frozen=True, slots=True)
class Split:
    """on: play on in two copies of this moment, one of which has lost its memory. off: keep the remembering one."""

    on: bool


Deed = Step | Forget | SetSteps | SetPath | Reseed
Journey = Reset | Rewind | Mark | Jump | Branch | Switch | LoadMoment | Split
Intent = Deed | Journey

KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (Step, Forget, SetSteps, SetPath, Reseed, Reset, Rewind, Mark, Jump, Branch, Switch, LoadMoment, Split)
}


def encode(intent: Intent) -> dict[str, Any]:
    """`intent` as one small JSON object: a plain step is `{"a": action}`, all else `{"do": name, ...}`."""
    if isinstance(intent, Step) and not intent.true:
        return {"a": intent.action}
    return {"do": type(intent).__name__, **asdict(intent)}


def decode(record: dict[str, Any]) -> Intent:
    """The inverse of `encode`; ValueError names what is unknown or missing."""
    values = {name: value for name, value in record.items() if name not in ("do", "a", "h")}
    if "a" in record:
        record, values = {"do": "Step"}, {"action": record["a"]}
    kind = KINDS.get(str(record.get("do")))
    if kind is None:
        raise ValueError(f"unknown deed {record.get('do')!r}; known: {', '.join(KINDS)}")
    known = {field.name for field in fields(kind)}
    if not set(values) <= known:
        raise ValueError(
            f"{kind.__name__} has no {', '.join(sorted(set(values) - known))}; known: {', '.join(sorted(known)) or 'nothing'}"
        )
    for field in fields(kind):
        if field.name in values and type(values[field.name]).__name__ != field.type:
            raise ValueError(f"{kind.__name__} came with {field.name} {values[field.name]!r}; expected {field.type}")
    try:
        return kind(**values)
    except TypeError:
        raise ValueError(f"{kind.__name__} came with {sorted(values)}; expected {sorted(known)}") from None
