"""What a report says of the voxel world alone: hotbars, edits, recipes, the story. Tables of numbers; nothing to install."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_DREAMS = ("retrieval_", "continuation_", "reasoning_")
_WAYS = {"true_past": "real frames up to shortly before", "own_dream": "its own dream since frame 100"}


def _share(value: float | None, interval: list[float] | None = None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mode_lines(found: dict[str, Any]) -> list[str]:
    """Of one mode of the report, poses given or keys only; none for a world without a hotbar."""
    if "inventory" not in found:
        return []
    return [_inventory(found), *_deeds(found.get("deeds", {})), *_edits(found["edits"]), *_recipes(found["recipes"])]


def _inventory(found: dict[str, Any]) -> str:
    read = {"one step": (found["inventory"], found["interval95"])}
    read |= {
        name.replace("_", " "): (dream["inventory"], dream["interval95"])
        for name, dream in found.items()
        if name.startswith(_DREAMS) and dream
    }
    shares = ("bars_right", "icons_right", "counts_right", "changed_right", "empty_right")
    rows = [
        [name, str(bars["n_bars"]), str(bars["n_changed"]), *(_share(bars[key], spread.get(key)) for key in shares)]
        for name, (bars, spread) in read.items()
    ]
    head = ("hotbar read back", "bars", "slots changed", "whole bar right", "icons", "icons and counts", "changed slots", "empty")
    return _table(head, rows)


def _deeds(found: dict[str, Any]) -> list[str]:
    rows = [
        [
            when.replace("_", " "),
            str(one["n"]),
            _share(one["right"], one["interval95"]),
            _share(one["wrong"]),
            _share(one["neither"]),
        ]
        + [f"{_share(right)} ({one['n_by_kind'][kind]})" for kind, right in one["right_by_kind"].items()]
        for when, one in found.items()
        if one["n"]
    ]
    if not rows:
        return ["Deeds: none in these episodes."]
    head = (
        "a block goes or comes",
        "deeds",
        "right",
        "wrong: as if nothing was done",
        "neither",
        "right, mined",
        "right, placed",
    )
    return [_table(head, rows)]


def _edits(found: dict[str, Any]) -> list[str]:
    if not found["n"]:
        return ["Edits seen again: none in these episodes."]
    gaps = [gap for gap, n in found["n_by_gap"].items() if n]
    head = ["seen again after a gap", "right", "wrong", "neither"]
    head += [f"right, {gap.removeprefix('age_').replace('_', '-')} ({found['n_by_gap'][gap]})" for gap in gaps]
    head += [f"right, {kind} ({n})" for kind, n in found["n_by_kind"].items()]
    rows = []
    for name in ("kept", "reset"):
        one = found[name]
        rows.append(
            [f"memory {name}", _share(one["right"], one["interval95"]), _share(one["wrong"]), _share(one["neither"])]
            + [_share(one["right_by_gap"][gap]) for gap in gaps]
            + [_share(one["right_by_kind"][kind]) for kind in found["n_by_kind"]]
        )
    return [f"Edits, {found['n']} returns to a block dug or placed:", _table(head, rows)]


def _recipes(found: dict[str, Any]) -> list[str]:
    rows = []
    for kind in ("possible", "impossible"):
        for when in ("at_once", "later"):
            one = found[f"{kind}_{when}"]
            if one["n"]:
                share = [_share(one["right"], one["interval95"]), _share(one["wrong"]), _share(one["other"])]
                rows.append([f"{kind}, {when.replace('_', ' ')}", str(one["n"]), *share])
    if not rows:
        return ["Recipes: none was tried in episodes this short."]
    head = ("craft", "tries", "hotbar right", "wrong: nothing made, or made from nothing", "hotbar otherwise wrong")
    return [_table(head, rows)]


def story_table(found: dict[str, Any]) -> str:
    """The story of 120, 450 and 900 by way of telling and condition, and for how long the landmark was away."""
    rows = []
    for way, label in _WAYS.items():
        for name, conditions in found[way].items():
            for how, one in conditions.items():
                cells = [label, name, how, f"{one['psnr']:.1f}", _share(one["thing_right"]), _share(one["items_right"])]
                rows.append([*cells, f"{one['slots_right']:.1f} of 9"])
    head = ("dreamt after", "appointment", "memory", "view, dB", "ore gone, landmark there", "its items in the bar", "slots")
    away = ", ".join(f"{last} to {back}" for last, back in found["out_of_view"])
    return f"{_table(head, rows)}\n\nThe landmark was out of view from frame {away}."
