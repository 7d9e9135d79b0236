"""Frozen dataclasses as plain data, such as json holds, and strictly back."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from typing import Any, Literal, TypeVar

Config = TypeVar("Config")


def to_dict(config: Any) -> dict[str, Any]:
    """Plain json-ready data."""
    return dataclasses.asdict(config)


def from_dict(kind: type[Config], data: Any, where: str = "config") -> Config:
    """Build dataclass `kind` from plain data; unknown keys are errors that name the nearest known key."""
    if not isinstance(data, dict):
        raise ValueError(f"{where} is {type(data).__name__}; expected an object with the fields of {kind.__name__}")
    hints = typing.get_type_hints(kind)
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise ValueError(
                f"{where} has unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known: {sorted(known)}")
            )
    try:
        return kind(**{key: _convert(hints[key], value, f"{where}.{key}") for key, value in data.items()})
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value` from json as the annotated type: tuples from lists, nested dataclasses, checked scalars."""
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{where} is {value!r}; expected a list")
        kinds = [args[0]] * len(value) if args[-1] is Ellipsis else args
        if len(kinds) != len(value):
            raise ValueError(f"{where} has {len(value)} entries; expected {len(kinds)}")
        return tuple(_convert(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True)))
    if origin is Literal:
        if value not in args:
            raise ValueError(f"{where} is {value!r}; expected one of {', '.join(map(str, args))}")
        return value
    if origin in (types.UnionType, typing.Union):
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ValueError(f"{where} is {value!r}; expected {hint.__name__}")
    return value
