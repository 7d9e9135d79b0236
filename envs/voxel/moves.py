"""The moves of the voxel world: every action's name, the logical keys that mean it, and what it does to body and hands.

Logical keys: up, down = walk; left, right = turn; a, d = step sideways; r, f = look up and down; space = jump or swim;
mine, place = the two hands; 1 .. 9 = choose a hotbar slot; tab = swap the chosen stack with the backpack; craft held with
1 .. 9 = make the recipe of that number. Keymaps say which physical keys or mouse buttons these are.
"""

from __future__ import annotations

from typing import NamedTuple

from envs.actions import ActionSpec
from envs.voxel.inventory import N_HOTBAR
from envs.voxel.recipes import RECIPES

NONE = -1


class Move(NamedTuple):
    """One action taken apart: -1, 0 or 1 along each axis of the body, and what the hands do.

    forward, strafe (right is 1), turn (left is 1), nod (up is 1); slot and recipe are NONE or a number from 0.
    """

    forward: int = 0
    strafe: int = 0
    turn: int = 0
    nod: int = 0
    jump: bool = False
    mine: bool = False
    place: bool = False
    cycle: bool = False
    slot: int = NONE
    recipe: int = NONE


_TABLE: tuple[tuple[str, str, Move], ...] = (
    ("noop", "", Move()),
    ("forward", "up", Move(forward=1)),
    ("back", "down", Move(forward=-1)),
    ("left", "left", Move(turn=1)),
    ("right", "right", Move(turn=-1)),
    ("strafe_left", "a", Move(strafe=-1)),
    ("strafe_right", "d", Move(strafe=1)),
    ("look_up", "r", Move(nod=1)),
    ("look_down", "f", Move(nod=-1)),
    ("jump", "space", Move(jump=True)),
    ("forward_left", "up left", Move(forward=1, turn=1)),
    ("forward_right", "up right", Move(forward=1, turn=-1)),
    ("forward_jump", "up space", Move(forward=1, jump=True)),
    ("forward_jump_left", "up space left", Move(forward=1, jump=True, turn=1)),
    ("forward_jump_right", "up space right", Move(forward=1, jump=True, turn=-1)),
    ("forward_strafe_left", "up a", Move(forward=1, strafe=-1)),
    ("forward_strafe_right", "up d", Move(forward=1, strafe=1)),
    ("mine", "mine", Move(mine=True)),
    ("mine_forward", "mine up", Move(mine=True, forward=1)),
    ("place", "place", Move(place=True)),
    ("place_jump", "place space", Move(place=True, jump=True)),
    ("cycle", "tab", Move(cycle=True)),
    *((f"slot_{i + 1}", f"{i + 1}", Move(slot=i)) for i in range(N_HOTBAR)),
    *((f"craft_{recipe.name}", f"craft {i + 1}", Move(recipe=i)) for i, recipe in enumerate(RECIPES)),
)

_ABOUT = {
    "mine": "mine: hold until the block breaks",
    "place": "place the chosen block",
    "cycle": "swap the chosen stack with the backpack",
    **{f"slot_{i + 1}": "choose a slot" for i in range(N_HOTBAR)},
    **{f"craft_{recipe.name}": recipe.words for recipe in RECIPES},
}

MOVES = tuple(move for _, _, move in _TABLE)
"""What each action id does."""


def _moves_body(move: Move) -> bool:
    return bool(move.forward or move.strafe or move.turn or move.nod or move.jump)


ACTIONS = ActionSpec(
    world="voxel",
    names=tuple(name for name, _, _ in _TABLE),
    keys=tuple(frozenset(keys.split()) for _, keys, _ in _TABLE),
    about=tuple(_ABOUT.get(name, "") for name, _, _ in _TABLE),
    still=tuple(action for action, move in enumerate(MOVES) if not _moves_body(move)),
)
