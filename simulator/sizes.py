"""How many bytes a value holds on to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def n_bytes(value: Any) -> int:
    """Bytes of all arrays and tensors inside nested tuples, lists, mappings and dataclasses; 16 for any other leaf."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if isinstance(value, Mapping):
        return sum(n_bytes(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(n_bytes(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return sum(n_bytes(getattr(value, field.name)) for field in fields(value))
    return 16
