"""The data files: what they mean, and what is said when they are wrong."""

import re

import pytest

from envs.voxel.blocks import (
    BLOCKS,
    ITEMS,
    N_BLOCKS,
    NOTHING,
    block_id,
    item_id,
    mining_steps,
    mining_yield,
    parse_blocks,
    parse_items,
    read_toml,
)
from envs.voxel.icons import icon
from envs.voxel.moves import ACTIONS, MOVES
from envs.voxel.recipes import RECIPES, parse_recipes, recipe_id
from envs.voxel.textures import atlas, picture


def test_every_block_has_textures_and_every_item_an_icon():
    texels, faces = atlas()
    assert texels.shape[1:] == (341, 4)
    assert faces.max() < len(texels)
    for item in range(1, len(ITEMS)):
        assert icon(item)[..., 3].any() or BLOCKS[item].shape == 0


def test_the_textures_of_different_cubes_differ():
    names = {block.textures[1] for block in BLOCKS if block.shape == 1}
    assert len({picture(name).tobytes() for name in names}) == len(names)


def test_better_tools_mine_stone_faster_and_bare_hands_bring_nothing_home():
    stone = block_id("stone")
    tools = [NOTHING, *(item_id(f"{kind}_pickaxe") for kind in ("wooden", "stone", "iron"))]
    steps = [mining_steps(stone, tool) for tool in tools]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == 4
    assert mining_yield(stone, NOTHING) == NOTHING
    assert mining_yield(stone, tools[1]) == item_id("cobblestone")


@pytest.mark.parametrize(("ore", "tier"), [("coal_ore", 1), ("iron_ore", 2), ("gold_ore", 3), ("diamond_ore", 3)])
def test_each_ore_needs_its_pickaxe(ore, tier):
    for number, kind in enumerate(("wooden", "stone", "iron"), 1):
        brings = mining_yield(block_id(ore), item_id(f"{kind}_pickaxe"))
        assert (brings != NOTHING) == (number >= tier)


def test_bedrock_cannot_be_mined():
    assert mining_steps(block_id("bedrock"), item_id("iron_pickaxe")) == 0


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"air": {"shape": "empty"}, "mud": {"shape": "blob"}}, ("mud", "blob", "cube")),
        ({"air": {"shape": "empty"}, "mud": {"hardness": 3}}, ("mud", "hardness", "work")),
        ({"air": {"shape": "empty"}, "mud": {"work": "much"}}, ("mud", "work", "int")),
        ({"air": {"shape": "empty"}, "mud": {"work": -1}}, ("mud", "-1", "0..255")),
        ({"air": {"shape": "empty"}, "mud": {"light": 16}}, ("mud", "16", "0..15")),
        ({"air": {"shape": "empty"}, "mud": 3}, ("mud", "3", "table")),
        ({"stone": {}}, ("first", "empty")),
    ],
)
def test_a_wrong_block_is_named_in_one_line(tables, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        parse_blocks(tables)
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_block_that_drops_an_unknown_item_is_named():
    blocks = parse_blocks({"air": {"shape": "empty"}, "mud": {"drops": "mudd"}})
    with pytest.raises(ValueError, match=r"'mud' drops the unknown item 'mudd'; did you mean 'mud'\?"):
        parse_items({}, blocks)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"makes": "plankz", "needs": {"log": 1}}, ("recipe 1", "plankz", "planks")),
        ({"makes": "planks", "needs": {"lgo": 1}}, ("recipe 1", "lgo", "log")),
        ({"makes": "planks", "needs": {"log": 1}, "near": "tabel"}, ("recipe 1", "tabel")),
        ({"makes": "planks", "needs": {"log": 0}}, ("recipe 1", "at least 1")),
        ({"makes": "planks", "needs": {"log": 1}, "time": 3}, ("recipe 1", "time")),
        ({"makes": "planks"}, ("recipe 1", "at least 1")),
    ],
)
def test_a_wrong_recipe_is_named_in_one_line(row, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        parse_recipes({"recipe": [row]})
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_two_recipes_for_one_item_are_refused():
    row = {"makes": "planks", "needs": {"log": 1}}
    with pytest.raises(ValueError, match="again"):
        parse_recipes({"recipe": [row, row]})


def test_more_recipes_than_there_are_actions_for_are_counted():
    row = {"makes": "planks", "needs": {"log": 1}}
    with pytest.raises(ValueError, match=r"holds 10 of recipe, tools; expected 1\.\.9"):
        parse_recipes({"recipe": [row] * 10, "tools": {}})


def test_a_broken_data_file_is_named(tmp_path):
    path = tmp_path / "blocks.toml"
    path.write_text("[air\n")
    with pytest.raises(ValueError, match=r"blocks\.toml: not readable as TOML"):
        read_toml(path)


def test_unknown_names_get_the_nearest_known_one():
    with pytest.raises(ValueError, match="did you mean 'stone'"):
        block_id("stonee")
    with pytest.raises(ValueError, match="did you mean 'stick'"):
        item_id("stik")
    with pytest.raises(ValueError, match="no recipe makes 'stone'"):
        recipe_id("stone")
    with pytest.raises(ValueError, match="unknown texture"):
        picture("stonee")


def test_there_is_one_action_for_each_recipe_and_slot():
    assert len(MOVES) == ACTIONS.n_actions
    assert [MOVES[ACTIONS.id_of(f"craft_{recipe.name}")].recipe for recipe in RECIPES] == list(range(len(RECIPES)))
    assert [MOVES[ACTIONS.id_of(f"slot_{i}")].slot for i in range(1, 10)] == list(range(9))


def test_held_keys_mean_the_chord_they_spell():
    for keys, name in (
        ((), "noop"),
        (("up", "left"), "forward_left"),
        (("up", "space", "right"), "forward_jump_right"),
        (("craft", "3"), "craft_crafting_table"),
        (("3",), "slot_3"),
        (("mine", "up"), "mine_forward"),
        (("left", "right"), "noop"),
    ):
        assert ACTIONS.names[ACTIONS.from_keys(keys)] == name


def test_ids_fit_the_arrays_they_travel_in():
    assert N_BLOCKS <= 64
    assert len(ITEMS) < 2**15
