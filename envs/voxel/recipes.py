"""Recipes as data: read from `recipes.toml` and checked against the items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.voxel.blocks import ITEMS, NOTHING, block_id, check_fields, item_id, read_toml

_FIELDS = {"makes": str, "count": int, "needs": dict, "near": str}
MAX_RECIPES = 9
"""One digit key each."""


@dataclass(frozen=True)
class Recipe:
    """`needs` (item id, count) pairs become `count` of item `makes`, close to block `near` (NOTHING = anywhere)."""

    name: str
    makes: int
    count: int
    needs: tuple[tuple[int, int], ...]
    near: int

    @property
    def words(self) -> str:
        """What goes in, how many come out and where, such as "1 coal, 1 stick; makes 4" or "8 cobblestone at a table"."""
        needs = ", ".join(f"{count} {ITEMS[item].name}" for item, count in self.needs)
        place = "" if self.near == NOTHING else f" at a {ITEMS[self.near].name.split('_')[-1]}"
        return f"{needs}{place}{f'; makes {self.count}' if self.count > 1 else ''}".replace("_", " ")


def parse_recipes(tables: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """Recipes in file order. Raises ValueError naming the recipe and the unknown item, block or field."""
    rows = tables.get("recipe")
    if not isinstance(rows, list) or set(tables) != {"recipe"} or not 1 <= len(rows) <= MAX_RECIPES:
        came = ", ".join(f"{len(rows)} of recipe" if isinstance(rows, list) and key == "recipe" else key for key in tables)
        raise ValueError(f"recipes.toml holds {came or 'nothing'}; expected 1..{MAX_RECIPES} [[recipe]] tables and nothing else")
    recipes: list[Recipe] = []
    for number, row in enumerate(rows, 1):
        f = check_fields(f"recipe {number}", row, _FIELDS)
        name, needs = f.get("makes", ""), f.get("needs", {})
        try:
            made = item_id(name)
            pairs = tuple((item_id(item), int(count)) for item, count in needs.items())
            near = block_id(f["near"]) if f.get("near") else NOTHING
        except (ValueError, TypeError) as error:
            raise ValueError(f"recipe {number} ({name or 'no name'}): {error}") from None
        if not pairs or any(count < 1 for _, count in pairs) or f.get("count", 1) < 1:
            raise ValueError(f"recipe {number} ({name}): needs {needs}, count {f.get('count', 1)}; expected at least 1 of each")
        if any(recipe.name == name for recipe in recipes):
            raise ValueError(f"recipe {number} makes {name!r} again; each item has one recipe")
        recipes.append(Recipe(name, made, f.get("count", 1), pairs, near))
    return tuple(recipes)


RECIPES = parse_recipes(read_toml(Path(__file__).parent / "recipes.toml"))


def recipe_id(name: str) -> int:
    """The number of the recipe that makes item `name`; ValueError with the known ones otherwise."""
    for number, recipe in enumerate(RECIPES):
        if recipe.name == name:
            return number
    raise ValueError(f"no recipe makes {name!r}; known: {', '.join(recipe.name for recipe in RECIPES)}")
