"""The decoder of hotbars, tested on what the real renderer draws."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from envs.voxel import inventory
from envs.voxel.hotbar import VIEW_ROWS, draw_bar
from simulator.evaluation.voxel import bar
from simulator.evaluation.voxel.scene import VoxelScene


def pictured(slots: np.ndarray, selected: int, resolution: int = 64) -> np.ndarray:
    """A frame with nothing but this hotbar in it."""
    frame = np.zeros((resolution, resolution, 3), np.uint8)
    frame[VIEW_ROWS * resolution // 64 :] = draw_bar(slots, selected, resolution)
    return frame


def stacks(rng: np.random.Generator) -> np.ndarray:
    slots = inventory.empty()
    slots[:9, 0] = rng.choice(bar.KINDS, 9)
    slots[:9, 1] = np.where(slots[:9, 0] == bar.KINDS[0], 0, rng.integers(1, inventory.MAX_STACK + 1, 9))
    return slots


def test_every_item_with_every_count_is_read_in_every_slot_chosen_or_not():
    for kind in bar.KINDS[1:]:
        for first in range(1, inventory.MAX_STACK + 1, 9):
            slots = inventory.empty()
            slots[:9, 0], slots[:9, 1] = kind, np.minimum(np.arange(first, first + 9), inventory.MAX_STACK)
            for selected in (0, 4):
                said = bar.read(pictured(slots, selected))
                assert said.same(bar.bar_of(slots, selected)).all()
                assert said.selected == selected


@pytest.mark.parametrize("resolution", [64, 128])
def test_mixed_bars_are_read_whole(resolution: int):
    rng = np.random.default_rng(0)
    for _ in range(40):
        slots, selected = stacks(rng), int(rng.integers(9))
        said = bar.read(pictured(slots, selected, resolution))
        assert said.same(bar.bar_of(slots, selected)).all()
        assert said.selected == selected


def test_every_real_frame_is_read_without_fault(batch: list[VoxelScene]):
    for scene in batch:
        for frame, state in zip(scene.episode.image, scene.states, strict=True):
            said = bar.read(frame)
            assert said.same(bar.bar_of(state.slots, state.selected)).all()
            assert said.selected == state.selected


def test_a_bar_with_noise_as_a_dream_has_it_is_still_read():
    rng = np.random.default_rng(1)
    slots = stacks(rng)
    frame = pictured(slots, 3).astype(float)
    said = bar.read(np.clip(frame + rng.normal(0, 12, frame.shape), 0, 255).astype(np.uint8))
    assert said.same(bar.bar_of(slots, 3)).all()


def softened(frame: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(0.7)))


def test_every_real_frame_is_read_without_fault_when_it_is_drawn_softly(batch: list[VoxelScene]):
    for scene in batch:
        for frame, state in zip(scene.episode.image, scene.states, strict=True):
            said = bar.read(softened(frame))
            assert said.same(bar.bar_of(state.slots, state.selected)).all()
            assert said.selected == state.selected


def test_a_soft_bar_of_any_items_is_read_and_one_drawn_as_it_was_is_not_read_as_it_should_be():
    rng = np.random.default_rng(2)
    for _ in range(40):
        slots, selected = stacks(rng), int(rng.integers(9))
        due = bar.bar_of(slots, selected)
        assert bar.read(softened(pictured(slots, selected))).same(due).all()
        place = int(rng.integers(9))
        slots[place] = (bar.KINDS[1], 5) if slots[place, 0] != bar.KINDS[1] else (bar.KINDS[2], 5)
        assert (bar.read(softened(pictured(slots, selected))).same(due) == (np.arange(9) != place)).all()


def test_a_blank_bar_holds_nothing_and_a_frame_of_another_size_is_refused():
    assert (bar.read(pictured(inventory.empty(), 0)).counts == 0).all()
    with pytest.raises(ValueError, match="multiple of 64"):
        bar.read(np.zeros((48, 48, 3), np.uint8))
