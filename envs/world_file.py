"""A world of one's own as a small TOML file: which Gymnasium env it is, its moves and their keys, its pace, what it tells."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.actions import ActionSpec


@dataclass(frozen=True, kw_only=True)
class WorldFile:
    """What a world file says; docs/adding-a-world.md explains its lines.

    ids[i]: the env's own id of action i, None for one that lets the env stand still. env, options: what `gymnasium.make` is
    given, once `modules` are imported. wrappers: ("module:Class", options), the innermost first. pose: "module:function" from
    (env, info) to the five numbers of `envs.pose`, "" where there is none. explorer: "module:Class", called with a seed, ""
    for random keys. install: what to do where the simulator is missing. model: fields of ModelConfig unlike the preset's.
    """

    name: str
    fps: float
    actions: ActionSpec
    ids: tuple[int | None, ...]
    env: str
    options: Mapping[str, Any]
    modules: tuple[str, ...]
    wrappers: tuple[tuple[str, Mapping[str, Any]], ...]
    pose: str
    explorer: str
    install: str
    model: Mapping[str, Any]


_WORLD = {
    "name": str, "fps": float, "env": str, "actions": list, "options": dict, "modules": list, "wrappers": list,
    "pose": str, "explorer": str, "install": str, "model": dict,
}  # fmt: skip
_ACTION = {"name": str, "id": int, "keys": list}
_WRAPPER = {"name": str, "options": dict}


def read(path: Path) -> WorldFile:
    """The world that the file at `path` describes. ValueError names the file, what came and what was expected."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: not a readable world file ({error}); expected TOML as in docs/adding-a-world.md") from None
    try:
        return _world(table)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _world(table: dict[str, Any]) -> WorldFile:
    _check(table, _WORLD, ("name", "fps", "env", "actions"), "the world")
    if not 0 < table["fps"] < math.inf:
        raise ValueError(f"fps is {table['fps']}; expected steps a second, more than 0")
    if not table["name"].replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"name is {table['name']!r}; expected letters, digits, - and _: files are called by it")
    actions = table["actions"]
    for i, action in enumerate(actions):
        _check(action, _ACTION, ("name", "keys"), f"actions[{i}]")
        _check_words(action["keys"], f"actions[{i}].keys")
    if not actions or actions[0]["keys"]:
        raise ValueError("the first action must have keys = []: it is what happens while nothing is held")
    wrappers = table.get("wrappers", [])
    for i, wrapper in enumerate(wrappers):
        _check(wrapper, _WRAPPER, ("name",), f"wrappers[{i}]")
    _check_words(table.get("modules", []), "modules")
    for place in (*(wrapper["name"] for wrapper in wrappers), table.get("pose", ""), table.get("explorer", "")):
        if place and not all(place.partition(":")[::2]):
            raise ValueError(f'{place!r} is no place in a module; expected "package.module:name"')
    names, keys = tuple(action["name"] for action in actions), tuple(frozenset(action["keys"]) for action in actions)
    return WorldFile(
        name=table["name"],
        fps=float(table["fps"]),
        actions=ActionSpec(table["name"], names, keys),
        ids=tuple(action.get("id") for action in actions),
        env=table["env"],
        options=table.get("options", {}),
        modules=tuple(table.get("modules", [])),
        wrappers=tuple((wrapper["name"], wrapper.get("options", {})) for wrapper in wrappers),
        pose=table.get("pose", ""),
        explorer=table.get("explorer", ""),
        install=table.get("install", "install it with pip"),
        model=table.get("model", {}),
    )


def _check(table: Any, kinds: Mapping[str, type], needed: Iterable[str], where: str) -> None:
    """ValueError unless `table` holds all of `needed`, nothing but `kinds`, and each of its kind."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} is {table!r}; expected a table with {', '.join(kinds)}")
    for key, value in table.items():
        if key not in kinds:
            near = difflib.get_close_matches(key, kinds, 1)
            raise ValueError(
                f"{where} has unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(kinds)}")
            )
        fits = isinstance(value, (int, float)) if kinds[key] is float else isinstance(value, kinds[key])
        if not fits or isinstance(value, bool):
            raise ValueError(f"{where}: {key} is {value!r}; expected {_WORDS[kinds[key]]}")
    if missing := [key for key in needed if key not in table]:
        raise ValueError(f"{where} has no {' and no '.join(missing)}; expected {', '.join(needed)}")


_WORDS = {str: "text", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


def _check_words(words: list[Any], where: str) -> None:
    if not all(isinstance(word, str) for word in words):
        raise ValueError(f'{where} is {words!r}; expected a list of names such as ["left"]')
