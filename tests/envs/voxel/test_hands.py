"""The hands: mining, placing, the inventory and crafting."""

from dataclasses import replace

import numpy as np
import pytest

from envs.voxel import inventory
from envs.voxel.blocks import AIR, ITEMS, NOTHING, block_id, item_id, mining_steps
from envs.voxel.hands import aim, held
from envs.voxel.recipes import RECIPES, recipe_id
from envs.voxel.state import CRAFTED, MINED, PLACED

AHEAD = (26, 24, 9)
"""The cell before the eye of the flat world's player."""


def _total(state, name):
    return int(inventory.totals(state.slots)[item_id(name)])


def test_the_cross_names_the_block_it_is_on(flat, put):
    assert aim(flat).x == -1
    assert aim(put(flat, AHEAD, "log"))[:4] == (*AHEAD, block_id("log"))


def test_mining_takes_its_time_and_puts_the_drop_into_the_inventory(flat, put, play):
    state = put(flat, AHEAD, "log")
    n = mining_steps(block_id("log"), NOTHING)
    almost = play(state, "mine", n - 1)
    assert almost.blocks[AHEAD] == block_id("log")
    done = play(almost, "mine")
    assert done.blocks[AHEAD] == AIR
    assert _total(done, "log") == 1
    assert done.event == (MINED, item_id("log"), 1)
    assert done.last_change == (n, *AHEAD, AIR)


def test_letting_go_or_looking_away_starts_the_mining_afresh(flat, put, play):
    state = put(flat, AHEAD, "log")
    n = mining_steps(block_id("log"), NOTHING)
    assert play(state, "mine", n - 1, "noop", 1, "mine", n - 1).blocks[AHEAD] == block_id("log")
    assert play(state, "mine", n - 1, "left", 2, "right", 2, "mine", n - 1).blocks[AHEAD] == block_id("log")


def test_mining_while_walking_starts_afresh_at_every_block(flat, play):
    state = play(flat, "look_down", 2)
    begun = set()
    for _ in range(12):
        before, state = state, play(state, "mine_forward")
        same = state.mining[:3] == before.mining[:3]
        assert state.mining[3] == (before.mining[3] + 1 if same else 1)
        begun.add(state.mining[:3])
    assert len(begun) > 2


def test_without_the_tool_the_block_goes_and_brings_nothing(flat, put, play, give):
    bare = play(put(flat, AHEAD, "coal_ore"), "mine", 60)
    assert bare.blocks[AHEAD] == AIR
    assert _total(bare, "coal") == 0
    tooled = play(give(put(flat, AHEAD, "coal_ore"), wooden_pickaxe=1), "mine", 12)
    assert _total(tooled, "coal") == 1


def test_bedrock_stays(flat, play, give):
    hole = flat.blocks.copy()
    hole[26, 24, 1:8] = AIR
    state = give(flat, iron_pickaxe=1)
    state = play(state, "look_down", 5)
    assert (play(state, "mine", 300).blocks[:, :, 0] == block_id("bedrock")).all()


def test_an_older_state_keeps_its_blocks(flat, put, play):
    state = put(flat, AHEAD, "dirt")
    before = state.blocks.copy()
    play(state, "mine", 10)
    assert (state.blocks == before).all()


def test_placing_puts_the_held_block_before_the_face_and_uses_it_up(flat, put, play, give):
    state = give(put(flat, AHEAD, "stone"), planks=2)
    after = play(state, "place")
    assert after.blocks[25, 24, 9] == block_id("planks")
    assert _total(after, "planks") == 1
    assert after.event == (PLACED, item_id("planks"), 1)


def test_nothing_is_placed_into_the_own_body_or_without_a_face(flat, put, play, give):
    state = give(flat, planks=2)
    assert play(state, "place").n_changes == 0
    close = put(state, (25, 24, 9), "stone")
    assert play(close, "place").n_changes == 0


def test_tools_and_materials_cannot_be_placed(flat, put, play, give):
    assert play(give(put(flat, AHEAD, "stone"), stick=4), "place").n_changes == 0


def test_mining_beside_water_lets_the_water_in(flat, put, play):
    state = put(put(flat, AHEAD, "dirt"), (27, 24, 9), "water")
    assert play(state, "mine", 5).blocks[AHEAD] == block_id("water")


def test_what_grows_on_a_mined_block_goes_with_it(flat, put, play):
    state = put(put(flat, AHEAD, "dirt"), (26, 24, 10), "red_flower")
    assert play(state, "mine", 5).blocks[26, 24, 10] == AIR


def test_slots_are_chosen_by_number_and_the_backpack_comes_forward(flat, play, give):
    assert play(flat, "slot_4").selected == 3
    names = ("log", "planks", "stick", "coal", "dirt", "sand", "snow", "torch", "furnace", "cobblestone", "gold")
    state = give(flat, **{name: 1 for name in names})
    assert held(state) == item_id("log")
    state = play(state, "cycle")
    assert held(state) == item_id("cobblestone")
    assert held(play(state, "cycle")) == item_id("gold")
    assert held(play(state, "cycle", 2)) == item_id("log")
    assert inventory.totals(play(state, "cycle", 5).slots).tolist() == inventory.totals(state.slots).tolist()


def test_stacks_fill_up_and_a_full_inventory_takes_no_more():
    slots = inventory.add(inventory.empty(), 3, 100)
    assert slots[:2].tolist() == [[3, 64], [3, 36]]
    full = inventory.add(inventory.empty(), 3, 64 * 27)
    assert inventory.add(full, 3, 1) is None
    assert inventory.remove(full, 4, 1) is None
    assert (inventory.remove(slots, 3, 100) == inventory.empty()).all()


def test_a_block_whose_drop_finds_no_room_stays(flat, put, play):
    full = inventory.add(inventory.empty(), item_id("log"), 64 * 27)
    state = replace(put(flat, AHEAD, "dirt"), slots=full)
    assert play(state, "mine", 30).blocks[AHEAD] == block_id("dirt")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_needs_each_of_its_needs_and_its_workplace(flat, put, play, give, recipe):
    needs = {ITEMS[item].name: count for item, count in recipe.needs}
    action = f"craft_{recipe.name}"
    place = flat if recipe.near == NOTHING else put(flat, (26, 26, 8), ITEMS[recipe.near].name)
    made = play(give(place, **needs), action)
    assert _total(made, recipe.name) == recipe.count
    assert made.event == (CRAFTED, recipe.makes, recipe.count)
    assert all(_total(made, name) == 0 for name in needs)
    for name in needs:
        short = {**needs, name: needs[name] - 1}
        assert play(give(place, **{k: v for k, v in short.items() if v}), action).event[0] == 0
    if recipe.near != NOTHING:
        assert play(give(flat, **needs), action).event[0] == 0


def test_the_tree_of_tools_can_be_climbed_from_logs_and_stone_alone():
    known = {item_id(name) for name in ("log", "cobblestone", "coal", "iron_ore")}
    for _ in range(len(RECIPES)):
        known |= {r.makes for r in RECIPES if {i for i, _ in r.needs} <= known and (r.near == NOTHING or r.near in known)}
    assert item_id("iron_pickaxe") in known
    assert recipe_id("iron_pickaxe") == len(RECIPES) - 1


def test_inventories_are_values(flat, give):
    slots = give(flat, log=3).slots
    before = slots.copy()
    inventory.craft(slots, RECIPES[recipe_id("planks")])
    inventory.cycle(slots, 0)
    assert np.array_equal(slots, before)
