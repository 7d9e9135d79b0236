"""Blocks and items as data: read from `blocks.toml` and `items.toml`, checked once, and laid out as tables by id."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = ("empty", "cube", "leaves", "cross", "liquid", "beam")
EMPTY, CUBE, LEAVES, CROSS, LIQUID, BEAM = range(len(SHAPES))

MAX_BLOCKS = 64
_BLOCK_FIELDS = {"shape": str, "texture": str, "top": str, "side": str, "bottom": str, "work": int, "tool": bool, "tier": int,
                 "drops": str, "light": int}  # fmt: skip
_ITEM_FIELDS = {"tier": int, "speed": int}
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Block:
    """One kind of block; the fields are explained at the top of `blocks.toml`. textures: top, side, bottom."""

    name: str
    shape: int
    textures: tuple[str, str, str]
    work: int
    tool: bool
    tier: int
    drops: str
    light: int


@dataclass(frozen=True)
class Item:
    """One kind of thing in the inventory. Every block is also an item of the same id. tier, speed: of a pickaxe."""

    name: str
    tier: int = 0
    speed: int = 1


def nearest(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """The end of an error message about an unknown `name`: the closest known one, or all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a data file. Raises ValueError naming the file where it is no TOML."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path.name}: not readable as TOML ({error}); correct the file") from None


def check_fields(where: str, table: Any, fields: Mapping[str, type]) -> dict[str, Any]:
    """`table` if it is a table whose fields are all known and of the right type; ValueError naming the field otherwise."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} is {table!r}; expected a table of fields {', '.join(fields)}")
    for key, value in table.items():
        if key not in fields:
            raise ValueError(f"{where} has the unknown field {key!r}; {nearest(key, fields)}")
        if type(value) is not fields[key]:
            raise ValueError(f"{where}: {key} is {value!r}; expected {fields[key].__name__}")
        if isinstance(value, int) and not 0 <= value <= 255:
            raise ValueError(f"{where}: {key} is {value}; expected 0..255")
    return table


def parse_blocks(tables: Mapping[str, Any]) -> tuple[Block, ...]:
    """Blocks in id order from the tables of `blocks.toml`. Raises ValueError naming the block and the field."""
    blocks = []
    for name, table in tables.items():
        f = check_fields(f"block {name!r}", table, _BLOCK_FIELDS)
        shape = f.get("shape", "cube")
        if shape not in SHAPES:
            raise ValueError(f"block {name!r} has the unknown shape {shape!r}; {nearest(shape, SHAPES)}")
        if f.get("light", 0) > 15:
            raise ValueError(f"block {name!r}: light is {f['light']}; expected 0..15")
        base = f.get("texture", name)
        textures = (f.get("top", base), f.get("side", base), f.get("bottom", base))
        blocks.append(Block(name, SHAPES.index(shape), textures, f.get("work", 0), f.get("tool", False), f.get("tier", 0),
                            f.get("drops", name), f.get("light", 0)))  # fmt: skip
    if not blocks or blocks[0].shape != EMPTY or len(blocks) > MAX_BLOCKS:
        raise ValueError(f"blocks.toml has {len(blocks)} blocks; expected 1..{MAX_BLOCKS}, the first of shape 'empty'")
    return tuple(blocks)


def parse_items(tables: Mapping[str, Any], blocks: tuple[Block, ...]) -> tuple[Item, ...]:
    """All items in id order, blocks first. Raises ValueError for clashing names and for drops that do not exist."""
    taken = {block.name for block in blocks}
    items = [Item(block.name) for block in blocks]
    for name, table in tables.items():
        if name in taken:
            raise ValueError(f"item {name!r} is also a block; give it another name in items.toml")
        f = check_fields(f"item {name!r}", table, _ITEM_FIELDS)
        items.append(Item(name, f.get("tier", 0), max(1, f.get("speed", 1))))
    names = tuple(item.name for item in items)
    for block in blocks:
        if block.drops and block.drops not in names:
            raise ValueError(f"block {block.name!r} drops the unknown item {block.drops!r}; {nearest(block.drops, names)}")
    return tuple(items)


BLOCKS = parse_blocks(read_toml(_FOLDER / "blocks.toml"))
ITEMS = parse_items(read_toml(_FOLDER / "items.toml"), BLOCKS)
N_BLOCKS, N_ITEMS = len(BLOCKS), len(ITEMS)
_ID = {item.name: i for i, item in enumerate(ITEMS)}

AIR = 0
NOTHING = -1
"""Item id of an empty slot."""

SHAPE_OF = np.array([block.shape for block in BLOCKS], np.uint8)
SOLID = np.isin(SHAPE_OF, (CUBE, LEAVES))
"""bool (n_blocks,): stops bodies."""
OPAQUE = SHAPE_OF == CUBE
"""bool (n_blocks,): stops light."""
TOUCHABLE = np.isin(SHAPE_OF, (CUBE, LEAVES, CROSS))
"""bool (n_blocks,): can be aimed at."""
LIGHT_OF = np.array([block.light for block in BLOCKS], np.uint8)
DROP_OF = np.array([_ID[block.drops] if block.drops else NOTHING for block in BLOCKS], np.int16)


def item_id(name: str) -> int:
    """The id of an item or block; ValueError with the nearest known name otherwise."""
    if name not in _ID:
        raise ValueError(f"unknown item {name!r}; {nearest(name, _ID)}")
    return _ID[name]


def block_id(name: str) -> int:
    """The id of a block; ValueError with the nearest known name otherwise."""
    number = _ID.get(name, N_BLOCKS)
    if number >= N_BLOCKS:
        raise ValueError(f"unknown block {name!r}; {nearest(name, tuple(block.name for block in BLOCKS))}")
    return number


def mining_steps(block: int, tool: int) -> int:
    """Steps of mining until `block` breaks with item `tool` (NOTHING = bare hand); 0 where it never does."""
    kind = BLOCKS[block]
    speed = ITEMS[tool].speed if kind.tool and tool >= 0 else 1
    return -(-kind.work // speed)


def mining_yield(block: int, tool: int) -> int:
    """Item id that breaking `block` with item `tool` brings; NOTHING where the tool is too weak or nothing drops."""
    tier = ITEMS[tool].tier if tool >= 0 else 0
    return int(DROP_OF[block]) if tier >= BLOCKS[block].tier else NOTHING
