"""Keys to meanings: chords, opposites, quick taps, rebinding."""

from __future__ import annotations

import pytest

from envs.actions import ActionSpec
from envs.memory_maze import ACTIONS
from envs.voxel.moves import ACTIONS as VOXEL
from simulator.ui.keymap import COMMANDS, DEFAULTS, HeldKeys, Keymap, choices, find_conflicts, load_bindings, move_help


def action(*keys: str) -> str:
    """The action of physical keys held together in Memory Maze."""
    keymap, held = Keymap(ACTIONS), HeldKeys()
    for key in keys:
        logical = keymap.logical(key)
        if logical is not None:
            held.press(key, logical)
    return ACTIONS.names[ACTIONS.from_keys(held.sample())]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ((), "noop"), (("up",), "forward"), (("w",), "forward"), (("a",), "left"), (("right",), "right"),
        (("up", "left"), "forward_left"), (("w", "d"), "forward_right"), (("up", "d"), "forward_right"),
        (("left", "right"), "noop"), (("a", "right"), "noop"), (("up", "left", "right"), "forward"), (("w", "up"), "forward"),
        (("down",), "noop"), (("up", "p"), "forward"),
    ],
)  # fmt: skip
def test_held_keys_mean_the_longest_chord_and_opposites_cancel(keys, name):
    assert action(*keys) == name


def test_a_quick_tap_counts_for_one_step_and_joins_what_is_held():
    held = HeldKeys()
    held.press("up", "up")
    held.press("a", "left")
    held.release("a")
    assert held.sample() == {"up", "left"}
    assert held.sample() == {"up"}


def test_many_taps_between_two_steps_do_not_queue():
    held = HeldKeys()
    for _ in range(50):
        held.press("a", "left")
        held.release("a")
    assert held.sample() == {"left"}
    assert held.sample() == frozenset()


def test_two_keys_for_one_move_release_one_by_one():
    held = HeldKeys()
    held.press("w", "up")
    held.press("up", "up")
    held.release("w")
    held.sample()
    assert held.sample() == {"up"}
    held.release_all()
    assert held.down == frozenset()


def test_defaults_have_no_conflicts_and_every_command_a_key():
    assert not find_conflicts(DEFAULTS)
    keymap = Keymap(ACTIONS)
    assert all(keymap.command(key) == command.name for command in COMMANDS for key in command.keys)


def test_a_key_the_world_uses_is_the_worlds_and_ctrl_gives_the_command():
    spec = ActionSpec("x", ("noop", "hop", "step"), (frozenset(), frozenset({"r"}), frozenset({"a"})))
    keymap = Keymap(spec)
    assert (keymap.logical("r"), keymap.command("r")) == ("r", None)
    assert (keymap.logical("r", ctrl=True), keymap.command("r", ctrl=True)) == (None, "record_episode")
    assert keymap.key_of("record_episode") == "ctrl r"
    assert keymap.logical("a") == "a", "not left: this world has an a of its own"


def test_keys_are_rebound_by_a_toml_file(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text('[moves]\nup = ["i", "up"]\n[commands]\npause = "home"\n')
    keymap = Keymap(ACTIONS, load_bindings(path))
    assert keymap.logical("i") == "up"
    assert keymap.logical("w") is None
    assert keymap.command("home") == "pause"
    assert keymap.command("p") is None
    assert keymap.command("m") == "mark"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[commands]\npause = "m"\n', "key 'm' means both pause and mark"),
        ('[moves]\nup = "p"\n', "key 'p' means both up and pause"),
        ('[commands]\nfly = "z"\n', "unknown command fly; known: pause"),
        ("[commands]\npause = 3\n", "pause = 3; expected a key name"),
        ("[keys]\n", "unknown table keys; known: moves, commands"),
        ("pause", "not a readable key file"),
    ],
)
def test_a_bad_key_file_is_refused_in_words(tmp_path, text, message):
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_bindings(path)
    assert str(path) in str(caught.value)


def test_help_names_every_key_of_a_world():
    chords = ("", "up", "a", "space", "mine", "1", "2", "craft 1")
    names = ("noop", "forward", "strafe_left", "jump", "mine", "slot_1", "slot_2", "craft_planks")
    spec = ActionSpec("x", names, tuple(frozenset(chord.split()) for chord in chords))
    assert move_help(spec, Keymap(spec)) == [
        ("arrows / w", "move and turn; chords count"), ("a", "strafe left"), ("space", "jump"),
        ("mouse left / e", "mine"), ("z + 1 .. 9", "craft: hold z to see what"), ("1 .. 2", "slot"),
    ]  # fmt: skip
    assert move_help(ACTIONS, Keymap(ACTIONS))[0][0] == "arrows / wad"


def test_a_held_key_that_is_half_a_chord_shows_what_it_begins_and_what_that_takes():
    keymap = Keymap(VOXEL)
    rows = choices(VOXEL, keymap, frozenset({"up", "craft"}))
    assert [row[0] for row in rows[:3]] == ["1  planks", "2  stick", "3  crafting table"]
    assert len(rows) == sum(name.startswith("craft_") for name in VOXEL.names)
    assert dict(rows)["5  stone pickaxe"] == "3 cobblestone, 2 stick at a table"
    assert dict(rows)["7  torch"] == "1 coal, 1 stick; makes 4"
    assert choices(VOXEL, keymap, frozenset({"up", "mine", "3"})) == []
    assert choices(ACTIONS, Keymap(ACTIONS), frozenset({"up", "left"})) == []


def test_every_move_of_the_island_is_under_keys_that_help_names():
    keymap = Keymap(VOXEL)
    named = {key for keys, _ in move_help(VOXEL, keymap) for key in keys.replace(" + ", " / ").split(" / ")}
    named |= {"up", "down", "left", "right", *"123456789"}  # the arrows, and "1 .. 9"
    for name, chord in zip(VOXEL.names, VOXEL.keys, strict=True):
        pressed = [keymap.keys_for(logical)[0] for logical in chord]
        assert set(pressed) <= named, name
        assert VOXEL.names[VOXEL.from_keys(keymap.logical(key) or "" for key in pressed)] == name
