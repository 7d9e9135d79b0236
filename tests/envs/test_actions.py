"""Keys to actions."""

from __future__ import annotations

import pytest

from envs.actions import ActionSpec
from envs.memory_maze import ACTIONS


@pytest.mark.parametrize(
    ("held", "name"),
    [
        ([], "noop"),
        (["up"], "forward"),
        (["left"], "left"),
        (["up", "left"], "forward_left"),
        (["right", "up"], "forward_right"),
        (["left", "right"], "noop"),
        (["up", "left", "right"], "forward"),
        (["up", "down"], "noop"),
        (["up", "down", "left"], "left"),
        (["down"], "noop"),
        (["space", "left"], "left"),
    ],
)
def test_held_keys_mean_the_longest_chord_and_opposite_keys_cancel(held, name):
    assert ACTIONS.names[ACTIONS.from_keys(held)] == name


def test_names_and_ids_belong_together():
    for i, name in enumerate(ACTIONS.names):
        assert ACTIONS.id_of(name) == i
        assert ACTIONS.check(i) == i
    assert ACTIONS.n_actions == 6


@pytest.mark.parametrize("action", [-1, 6, 9])
def test_an_action_out_of_range_names_what_is_known(action):
    with pytest.raises(ValueError, match=rf"action {action} is outside 0..5 for 'memory-maze'; known: noop, forward, left"):
        ACTIONS.check(action)


def test_an_unknown_name_names_what_is_known():
    with pytest.raises(ValueError, match="unknown action 'jump' for 'memory-maze'; known: noop"):
        ACTIONS.id_of("jump")


UP = frozenset({"up"})


@pytest.mark.parametrize(
    ("names", "keys", "noop", "message"),
    [
        (("a", "b"), (frozenset(),), 0, "2 action names but 1 key chords"),
        (("a", "a"), (frozenset(), UP), 0, "an action name is used twice"),
        (("a", "b"), (UP, UP), 0, "an action key chord is used twice"),
        (("a", "b"), (frozenset(), UP), 2, "noop id 2 is outside 0..1"),
    ],
)
def test_a_set_of_actions_that_contradicts_itself_is_refused(names, keys, noop, message):
    with pytest.raises(ValueError, match=message):
        ActionSpec("toy", names, keys, noop)


def test_words_about_actions_are_given_for_all_or_for_none():
    assert ActionSpec("toy", ("a", "b"), (frozenset(), UP), about=("", "up we go")).about[1] == "up we go"
    with pytest.raises(ValueError, match="2 action names but `about` has 1; give all or none"):
        ActionSpec("toy", ("a", "b"), (frozenset(), UP), about=("up we go",))


def test_hands_do_not_move_the_body_and_whoever_does_nothing_is_idle_too():
    from envs.voxel.moves import ACTIONS

    idle = {ACTIONS.names[action] for action in ACTIONS.idle}
    assert {"noop", "mine", "place", "slot_1", "craft_planks", "cycle"} <= idle
    assert not idle & {"forward", "left", "jump", "look_up", "mine_forward", "place_jump"}
    assert ActionSpec("toy", ("wait", "go"), (frozenset(), frozenset({"up"}))).idle == (0,)
    with pytest.raises(ValueError, match="action 2 is outside"):
        ActionSpec("toy", ("wait", "go"), (frozenset(), frozenset({"up"})), still=(2,))
