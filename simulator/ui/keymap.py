"""From physical keys to what they mean: a world's logical keys, or a command of the app."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from envs.actions import ActionSpec


@dataclass(frozen=True, slots=True)
class Command:
    """Something the app can be told. keys: what it is bound to unless rebound. held: it lasts while the key is down."""

    name: str
    keys: tuple[str, ...]
    what: str
    held: bool = False


COMMANDS = (
    Command("pause", ("p", "pad 7"), "pause and go on"),
    Command("single_step", (".",), "one step (pauses)"),
    Command("step_back", (",",), "one step back (pauses)"),
    Command("waits", ("f4",), "time waits for keys, or runs on"),
    Command("reset", ("return",), "start again"),
    Command("new_seed", ("n",), "start again, new seed"),
    Command("next_start", ("c",), "next start clip"),
    Command("browse", ("f2",), "worlds, clips, recordings"),
    Command("driver", ("tab",), "driver: you, explorer, random, file"),
    Command("rate", ("f",), "rate: natural, smooth, fast"),
    Command("more_steps", ("=", "+"), "more denoising steps"),
    Command("fewer_steps", ("-",), "fewer denoising steps"),
    Command("next_profile", ("f3",), "profile: fast, balanced, quality .."),
    Command("rewind", ("backspace", "pad 4"), "rewind", held=True),
    Command("mark", ("m",), "mark this moment"),
    Command("jump", ("j",), "jump to the next mark"),
    Command("branch", ("b",), "branch off with a new seed"),
    Command("switch_branch", ("o",), "go to the next branch"),
    Command("forget", ("k",), "amnesia: drop the long memory"),
    Command("split", ("l",), "with and without memory"),
    Command("memory_test", ("f6",), "memory test: look away, back"),
    Command("resync", ("y",), "feed the real frames (beside)", held=True),
    Command("record_mp4", ("v",), "video (mp4) on and off"),
    Command("record_gif", ("g",), "video (gif) on and off"),
    Command("record_episode", ("r",), "episode (npz) on and off"),
    Command("still", ("x",), "still picture"),
    Command("save_moment", ("f5",), "save this moment"),
    Command("load_moment", ("f9",), "load the last saved moment"),
    Command("belief", ("f7",), "map of what it believes"),
    Command("telemetry", ("t",), "measurements"),
    Command("hide", ("u",), "hide everything but the picture"),
    Command("fullscreen", ("f11",), "full screen"),
    Command("help", ("h", "f1"), "these keys"),
    Command("quit", ("escape",), "leave; all is on disk"),
)

MOVES: Mapping[str, tuple[str, ...]] = {
    "up": ("up", "w", "pad up"),
    "down": ("down", "s", "pad down"),
    "left": ("left", "a", "pad left"),
    "right": ("right", "d", "pad right"),
    "mine": ("mouse left", "e", "pad 2"),
    "place": ("mouse right", "q", "pad 1"),
    "space": ("space", "pad 0"),
    "craft": ("z",),
}
"""Logical key -> physical keys. A logical key not listed here is its own physical key."""


@dataclass(frozen=True)
class Bindings:
    """Which physical keys mean which logical key (`moves`) and which command (`commands`)."""

    moves: Mapping[str, tuple[str, ...]]
    commands: Mapping[str, tuple[str, ...]]


DEFAULTS = Bindings(MOVES, {command.name: command.keys for command in COMMANDS})


def load_bindings(path: Path) -> Bindings:
    """Bindings from a TOML file: `[moves]` and `[commands]`, name = "key" or ["key", "key"]; what is not named keeps its default.

    ValueError names the file and what is wrong: an unknown command, or one key given two meanings.
    """
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: not a readable key file ({error}); expected TOML with [moves] and [commands]") from None
    if set(tables) - {"moves", "commands"}:
        raise ValueError(
            f"{path}: unknown table {', '.join(sorted(set(tables) - {'moves', 'commands'}))}; known: moves, commands"
        )
    given = {
        name: {key: _keys(path, key, value) for key, value in tables.get(name, {}).items()} for name in ("moves", "commands")
    }
    unknown = set(given["commands"]) - set(DEFAULTS.commands)
    if unknown:
        raise ValueError(f"{path}: unknown command {', '.join(sorted(unknown))}; known: {', '.join(DEFAULTS.commands)}")
    bindings = Bindings({**DEFAULTS.moves, **given["moves"]}, {**DEFAULTS.commands, **given["commands"]})
    if conflicts := find_conflicts(bindings):
        raise ValueError(f"{path}: {'; '.join(conflicts)}; give each key one meaning")
    return bindings


def _keys(path: Path, name: str, value: object) -> tuple[str, ...]:
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
        raise ValueError(f'{path}: {name} = {value!r}; expected a key name such as "w" or a list of them')
    return tuple(key.lower() for key in keys)


def find_conflicts(bindings: Bindings) -> list[str]:
    """One phrase for every physical key that is bound twice."""
    meanings: dict[str, list[str]] = {}
    for table in (bindings.moves, bindings.commands):
        for name, keys in table.items():
            for key in keys:
                meanings.setdefault(key, []).append(name)
    return [f"key {key!r} means both {' and '.join(names)}" for key, names in meanings.items() if len(names) > 1]


class Keymap:
    """What each physical key means in the world of `spec`.

    A key the world itself uses belongs to the world; the command that would be on it is then given with Ctrl, and Ctrl
    with any command key always gives the command.
    """

    def __init__(self, spec: ActionSpec, bindings: Bindings = DEFAULTS) -> None:
        used = {key for chord in spec.keys for key in chord}
        self._moves: dict[str, str] = {}
        for logical in sorted(used):
            for key in bindings.moves.get(logical, (logical,)):
                if key == logical or key not in used:  # "a" may mean left, unless the world has an "a" of its own
                    self._moves[key] = logical
        self._commands = {key: name for name, keys in bindings.commands.items() for key in keys}
        self._bindings = bindings

    def logical(self, key: str, ctrl: bool = False) -> str | None:
        """The logical key that physical `key` presses, or None."""
        return None if ctrl and key in self._commands else self._moves.get(key)

    def command(self, key: str, ctrl: bool = False) -> str | None:
        """The command that physical `key` gives, or None."""
        return self._commands.get(key) if ctrl or key not in self._moves else None

    def key_of(self, command: str) -> str:
        """How to give `command`, for help: its keys, with Ctrl where the world uses the key itself."""
        keys = [key for key in self._bindings.commands[command] if not key.startswith("pad ")]
        return " / ".join(("ctrl " if key in self._moves else "") + key for key in keys)

    def keys_for(self, logical: str) -> list[str]:
        """The physical keys that press `logical`."""
        return [key for key, meaning in self._moves.items() if meaning == logical]


def move_help(spec: ActionSpec, keymap: Keymap) -> list[tuple[str, str]]:
    """(keys, meaning) of every logical key of `spec`: the four arrows in one row, the digits in another."""
    told = {name: about or name.replace("_", " ") for name, about in zip(spec.names, _about(spec), strict=True)}
    alone = {next(iter(chord)): told[name] for name, chord in zip(spec.names, spec.keys, strict=True) if len(chord) == 1}
    used = dict.fromkeys(key for chord in spec.keys for key in sorted(chord))
    arrows = [key for logical in ("up", "left", "down", "right") for key in keymap.keys_for(logical) if len(key) == 1]
    rows = [(f"arrows / {''.join(arrows)}", "move and turn; chords count")]
    for key in used:
        if not key.isdecimal() and key not in ("up", "left", "down", "right"):
            also = "" if key in alone else " + 1 .. 9"
            keys = [physical for physical in keymap.keys_for(key) if not physical.startswith("pad ")]
            rows.append((" / ".join(keys) + also, alone.get(key, f"{key}: hold {keys[0]} to see what")))
    digits = [key for key in used if key.isdecimal() and key in alone]
    if digits:
        rows.append((f"{digits[0]} .. {digits[-1]}", alone[digits[0]].removesuffix(f" {digits[0]}")))
    return rows


def choices(spec: ActionSpec, keymap: Keymap, down: frozenset[str]) -> list[tuple[str, str]]:
    """(further keys and name, what it takes) of the actions begun by each key of `down` that is none by itself ("craft")."""
    rows = []
    for key in sorted(key for key in down if frozenset({key}) not in spec.keys):
        for name, chord, about in zip(spec.names, spec.keys, _about(spec), strict=True):
            if key in chord:
                further = " ".join(keymap.keys_for(other)[0] for other in sorted(chord - {key}))
                rows.append((f"{further}  {name.removeprefix(f'{key}_').replace('_', ' ')}", about))
    return rows


def _about(spec: ActionSpec) -> tuple[str, ...]:
    return spec.about or ("",) * spec.n_actions


class HeldKeys:
    """The logical keys that count for the next step: those down now, and those tapped since the last one."""

    def __init__(self) -> None:
        self._down: dict[str, str] = {}  # physical -> logical
        self._tapped: set[str] = set()

    def press(self, key: str, logical: str) -> None:
        self._down[key] = logical
        self._tapped.add(logical)

    def release(self, key: str) -> None:
        self._down.pop(key, None)

    def release_all(self) -> None:
        self._down.clear()

    @property
    def waiting(self) -> bool:
        """Whether anything counts for the next step."""
        return bool(self._down or self._tapped)

    @property
    def down(self) -> frozenset[str]:
        """What is held at this moment."""
        return frozenset(self._down.values())

    def sample(self) -> frozenset[str]:
        """What counts for one step; a tap counts once, however short, and is then used up."""
        sampled = frozenset(self._tapped | set(self._down.values()))
        self._tapped.clear()
        return sampled
