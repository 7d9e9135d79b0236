"""A session on disk: one JSON object a line, the header first, then every intent with the hash of the frame it led to.

Each line is handed to the operating system at once, so a killed program loses none that was shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from simulator.intents import Intent, decode, encode
from simulator.recipe import Recipe

T = TypeVar("T")

FORMAT, FORMAT_VERSION = "revisit-session", 1


@dataclass(frozen=True, kw_only=True)
class Header:
    """What must be the same for the frames to be the same. history_bytes, keyframe_every: how far its rewinds could reach."""

    recipe: Recipe
    fingerprint: str
    description: str
    n_steps: int | None
    fps: float
    history_bytes: int
    keyframe_every: int
    format: str = FORMAT
    version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Record:
    """One line: an intent and the hash of the frame that was shown after it."""

    intent: Intent
    frame_hash: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A session file as read. cut_short: its last line was incomplete and has been left out."""

    header: Header
    records: list[Record]
    cut_short: bool


class SessionWriter:
    """Appends to the session file at `path`. Raises OSError where it cannot."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "w", buffering=1)  # line-buffered  # noqa: SIM115
        self._write(asdict(header))

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value, separators=(",", ":")) + "\n")

    def write(self, intent: Intent, frame_hash: str) -> None:
        """Add one line."""
        self._write({**encode(intent), "h": frame_hash})

    def close(self) -> None:
        self._file.close()


def read_session(path: Path) -> Saved:
    """Read a session file, whole or cut off by a crash. ValueError names the file, the line and what was expected."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; expected a session or action log (jsonl)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); expected a session or action log (jsonl)") from None
    lines = text.split("\n")
    cut_short = lines.pop() != ""
    if not lines:
        raise ValueError(f"{path}: no complete line in it; expected a session file, whose first line is its header")
    header = _header(path, _object(path, 1, lines[0]))
    return Saved(header, list(_records(path, lines[1:])), cut_short)


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {number}: not JSON ({error}); expected a session or action log (jsonl)") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path}, line {number}: {type(value).__name__}; expected a JSON object")
    return value


def _header(path: Path, value: dict[str, Any]) -> Header:
    if value.get("format") != FORMAT:
        raise ValueError(f"{path}: its first line is no {FORMAT} header; expected a file that play or record has written")
    if value.get("version") != FORMAT_VERSION:
        raise ValueError(f"{path}: format version {value.get('version')}; this program reads {FORMAT_VERSION}")
    try:
        return _typed(Header, {**value, "recipe": _typed(Recipe, value["recipe"])})
    except (TypeError, KeyError, AttributeError) as error:
        expected = ", ".join(field.name for field in fields(Header))
        raise ValueError(f"{path}: a header with other fields ({error}); expected {expected}") from None


def _typed(kind: type[T], values: dict[str, Any]) -> T:
    """`kind` with `values`. TypeError where one is unknown, missing or of another type, AttributeError where they are none."""
    hints = get_type_hints(kind)
    for name, value in values.items():
        wanted: Any = (int, float) if hints.get(name) is float else hints.get(name, object)
        if not isinstance(value, wanted):
            raise TypeError(f"{name} is {value!r}")
    return kind(**values)


def _records(path: Path, lines: Iterable[str]) -> Iterable[Record]:
    for number, line in enumerate(lines, start=2):
        value = _object(path, number, line)
        try:
            yield Record(decode(value), str(value["h"]))
        except KeyError:
            raise ValueError(f"{path}, line {number}: no h; expected the hash of the frame it led to") from None
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
