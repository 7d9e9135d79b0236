"""Pixels, patches and blocks there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.mamba import from_blocks, to_blocks
from models.patches import patchify, unpatchify
from models.pixels import to_float, to_uint8


def test_every_pixel_value_survives_the_round_trip():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    frames = to_float(pixels)
    assert frames.shape == (1, 3, 16, 16)
    assert (frames.min(), frames.max()) == (-1, 1)
    assert np.array_equal(to_uint8(frames), pixels)


def test_colours_stay_on_their_channel():
    red = np.zeros((2, 4, 4, 3), np.uint8)
    red[..., 0] = 255
    assert (to_float(red)[:, 0] == 1).all()
    assert (to_float(red)[:, 1:] == -1).all()


def test_pixels_out_of_range_are_clamped():
    assert to_uint8(torch.tensor([-3.0, 0.0, 7.0]).reshape(1, 3, 1, 1)).ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_network_that_produces_no_numbers_is_said_to(bad):
    frames = torch.zeros(1, 3, 4, 4)
    frames[0, 1, 2, 3] = bad
    with pytest.raises(ValueError, match="NaN or infinite pixels"):
        to_uint8(frames)


@pytest.mark.parametrize("patch", [(1, 1), (2, 4), (8, 2), (8, 16)])
def test_patches_round_trip(patch):
    frames = torch.randn(2, 3, 3, 8, 16)
    patches = patchify(frames, patch)
    assert patches.shape == (2, 3, 8 * 16 // (patch[0] * patch[1]), 3 * patch[0] * patch[1])
    assert torch.equal(unpatchify(patches, patch, (8, 16)), frames)


def test_patches_run_row_by_row():
    frames = torch.arange(16.0).reshape(1, 1, 1, 4, 4).expand(-1, -1, 3, -1, -1)
    assert patchify(frames, (2, 2))[0, 0, :, :4].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


@pytest.mark.parametrize("block", [(1, 1), (2, 2), (1, 6), (4, 6), (4, 1)])
def test_blocks_round_trip_and_hold_neighbours(block):
    tokens = torch.arange(2 * 3 * 24, dtype=torch.float32).reshape(2, 3, 24, 1)
    blocks = to_blocks(tokens, (4, 6), block)
    assert blocks.shape == (2 * 24 // (block[0] * block[1]), 3, block[0] * block[1], 1)
    assert torch.equal(from_blocks(blocks, (4, 6), block), tokens)
    rows, columns = blocks[0, 0, :, 0] // 6, blocks[0, 0, :, 0] % 6
    assert (rows.max(), columns.max()) == (block[0] - 1, block[1] - 1)
