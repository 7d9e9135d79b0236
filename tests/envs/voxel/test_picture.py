"""The picture: what is near hides what is far, light, water, night, and the bar below."""

from dataclasses import replace

import numpy as np
import pytest

from envs.voxel import hotbar, inventory, sky
from envs.voxel.blocks import OPAQUE, block_id, item_id
from envs.voxel.env import VoxelEnv
from envs.voxel.light import FULL, flood
from envs.voxel.moves import ACTIONS
from envs.voxel.physics import spawn_body


def _view(state, resolution=64, noon=True):
    env = VoxelEnv(resolution=resolution)
    env.reset(seed=state.seed)
    env.restore(state)
    if noon:
        env._day_offset = 0.25
    rows = hotbar.VIEW_ROWS * resolution // hotbar.UNIT
    return env.render()[:rows].astype(int)


def test_a_block_ahead_fills_the_middle_with_its_own_colour(flat, put):
    for name, channel in (("red_wool", 0), ("leaves", 1), ("ice", 2)):
        state = put(put(flat, (26, 24, 9), name), (26, 24, 8), name)
        patch = _view(state)[22:30, 26:30].mean(axis=(0, 1))
        assert patch.argmax() == channel, name


def test_blocks_lie_left_and_right_as_the_heading_says(flat, put):
    left = _view(put(flat, (27, 26, 9), "red_wool"))
    redness = left[..., 0] - left[..., 1]
    assert redness[:, :32].max() > 80
    assert redness[:, 32:44].max() < 60


def test_the_sky_is_above_and_the_ground_below(flat):
    view = _view(flat)
    assert view[2, :, 2].mean() > view[2, :, 0].mean() + 30
    assert np.ptp(view[48, :40].mean(axis=0)) < 20


def test_256_pixels_show_the_same_scene_as_64(flat, put):
    state = put(flat, (26, 24, 9), "red_wool")
    small, large = _view(state), _view(state, 256)
    shrunk = large.reshape(52, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean() < 14


def test_night_is_darker_than_noon_but_not_black(flat):
    noon, midnight = sky.sky_at(0.25), sky.sky_at(0.75)
    full = FULL * 16
    assert midnight.table[full].mean() < 0.6 * noon.table[full].mean()
    assert midnight.table[full].min() > 0.2
    assert noon.stars == 0.0
    assert midnight.stars == 1.0


def test_the_day_comes_round():
    assert sky.hour(0, 0.3) == pytest.approx(sky.hour(sky.DAY_STEPS, 0.3))


def test_light_falls_straight_down_fades_under_a_roof_and_spreads_from_a_torch(flat):
    blocks = flat.blocks.copy()
    blocks[10:20, 10:20, 12] = block_id("stone")
    light = flood(blocks)
    assert light[30, 30, 8] == FULL * 16
    assert light[10, 10, 11] > light[14, 14, 11] > 0
    assert (light[OPAQUE[blocks]] == 0).all()
    blocks[14, 14, 8] = block_id("torch")
    lamps = flood(blocks) % 16
    assert lamps[14, 14, 8] == 14
    assert lamps[17, 14, 8] == 11
    assert lamps[14, 14, 13] == 0


def test_a_torch_lights_a_dark_room(flat):
    blocks = flat.blocks.copy()
    blocks[18:32, 18:32, 8:14] = block_id("stone")
    blocks[20:30, 20:30, 8:12] = 0
    dark = _view(replace(flat, blocks=blocks))
    lit = blocks.copy()
    lit[27, 24, 8] = block_id("torch")
    bright = _view(replace(flat, blocks=lit))
    assert dark[:, :40].mean() < 25
    assert bright[:, :40].mean() > 2 * dark[:, :40].mean()


def test_water_tints_what_lies_under_it(flat, play):
    blocks = flat.blocks.copy()
    blocks[25:, :, 4:8] = block_id("water")
    down = play(flat, "look_down", 2)
    dry, wet = _view(down)[20:45, 10:40], _view(replace(down, blocks=blocks))[20:45, 10:40]
    assert (wet[..., 2] - wet[..., 0]).mean() > (dry[..., 2] - dry[..., 0]).mean() + 20


def test_the_block_in_the_cross_is_outlined_and_cracks_while_mined(flat, put, play):
    state = put(flat, (26, 24, 9), "stone")
    for resolution in (64, 128):
        n = resolution // 64
        plain, begun = _view(state, resolution), _view(play(state, "mine", 20), resolution)
        across, mined = (view[29 * n, 18 * n : 46 * n].mean(axis=-1) for view in (plain, begun))
        seen = [part.min() < 0.5 * np.median(across) for part in (across, mined)]
        assert seen == [resolution > 64, True], "a model sees the outline only while the block is mined"
        box = np.s_[20 * n : 32 * n, 24 * n : 32 * n]
        assert begun[box].mean() < plain[box].mean() - 5


def test_what_is_far_fades_into_the_air(flat):
    blocks = flat.blocks.copy()
    blocks[46, 16:33, 8:12] = block_id("red_wool")
    far, near = (_view(replace(flat, blocks=blocks, body=spawn_body(x, 24.5, 8.0)))[25, 28] for x in (2.5, 42.5))
    horizon = sky.sky_at(0.25).horizon
    assert np.abs(far - horizon).mean() < 0.7 * np.abs(near - horizon).mean()


def test_hand_and_cross_lie_over_the_view(flat, give):
    bare, armed = _view(flat, 128), _view(give(flat, iron_pickaxe=1), 128)
    changed = (bare != armed).any(axis=-1)
    assert changed[70:, 92:].mean() > 0.2
    assert not changed[:70].any()
    assert not changed[:, :92].any()
    bare, armed = _view(flat), _view(give(flat, iron_pickaxe=1))
    assert (bare == armed).all(), "at 64 pixels a hand would hide a tenth of what a model is to learn"
    assert np.abs(bare[26, 32] - bare[26, 28]).max() > 8, "the cross"


def test_each_slot_shows_its_item_and_count():
    bars = set()
    for name in ("log", "cobblestone", "coal", "iron_pickaxe", "torch", "stick", "diamond", "planks"):
        slots = inventory.add(inventory.empty(), item_id(name), 1)
        bars.add(hotbar.draw_bar(slots, 0, 64).tobytes())
    assert len(bars) == 8
    counts = {hotbar.draw_bar(inventory.add(inventory.empty(), 3, n), 0, 64).tobytes() for n in range(1, 65)}
    assert len(counts) == 64


@pytest.mark.parametrize("resolution", [64, 128, 256])
def test_the_chosen_slot_is_framed(resolution):
    bars = [hotbar.draw_bar(inventory.empty(), slot, resolution) for slot in range(9)]
    unit = resolution // 64
    for slot, bar in enumerate(bars):
        white = (bar[0] == 255).all(axis=-1)
        assert white[slot * 7 * unit : (slot + 1) * 7 * unit].all()
        assert white.sum() == 7 * unit


def test_the_bar_is_part_of_the_frame():
    env = VoxelEnv()
    env.reset(seed=0)
    before = env.render()[hotbar.VIEW_ROWS :]
    after = env.step(ACTIONS.id_of("slot_5"))[0][hotbar.VIEW_ROWS :]
    assert (before != after).any()
