"""Signs and sums of the addresses: what is left, what is right, and that nothing is lost."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from models import addressing
from models.config import MapGrid, ModelConfig
from tests.models.tiny import FAMILIES, walk

CONFIG = ModelConfig()


def view_from(x=4.0, y=5.0, heading=0.0):
    return addressing.rays(CONFIG, torch.tensor([[[x, y, 0.0, heading, 0.0]]]), addressing.token_angles(CONFIG))


def test_image_right_is_clockwise():
    angles = addressing.token_angles(CONFIG)
    assert (angles.diff() < 0).all(), "tokens run left to right, bearings fall"
    torch.testing.assert_close(angles, -angles.flip(0), atol=1e-6, rtol=0)
    assert math.degrees(angles[0]) == pytest.approx(38.2, abs=0.3), "the outermost strip of an 80 degree view"


def test_every_row_of_tokens_looks_along_the_same_columns():
    config = dataclasses.replace(CONFIG, patch=(16, 4))
    angles = addressing.token_angles(config).reshape(config.token_grid)
    assert (angles == angles[:1]).all()


def test_turning_left_raises_every_world_bearing():
    before, after = view_from(heading=0.3), view_from(heading=0.3 + math.radians(18))
    torch.testing.assert_close(after.bearing - before.bearing, torch.full_like(before.bearing, math.radians(18)))


def test_the_camera_sits_ahead_of_the_body():
    torch.testing.assert_close(
        view_from(heading=math.pi / 2).origin[0, 0], torch.tensor([4.0, 5.0 + CONFIG.camera.forward_cells])
    )


def test_depths_grow_from_the_nearest_to_the_farthest():
    distance = addressing.depths(CONFIG.grid)
    assert distance[0] == pytest.approx(CONFIG.grid.nearest_cells)
    assert distance[-1] == pytest.approx(CONFIG.grid.farthest_cells)
    assert (distance.diff().diff() > -1e-6).all(), "denser near the eye"


def address(pose=None):
    config = FAMILIES["maze-small"]
    pose = 3 * walk(2, 6, seed=3).pose if pose is None else pose
    view = addressing.rays(config, pose, addressing.token_angles(config))
    return addressing.map_address(config.grid, view, addressing.depths(config.grid)), config.grid


def test_writing_weights_sum_to_nearly_one_wherever_the_point_lies_on_the_ring():
    found, _ = address()
    ones = torch.ones(found.x.shape[:-1])
    for weights in (found.x, found.y):
        torch.testing.assert_close(weights.sum(-1), ones, atol=0.126, rtol=0)  # a hat 1.5 slots wide sums to 7/8 ... 9/8
        assert (weights >= 0).all()


@pytest.mark.parametrize("width", [1.0, 2.0, 3.0])
def test_hats_of_whole_widths_sum_to_exactly_one(width):
    position = torch.linspace(-7, 23, 301)[:, None]
    weights = addressing._hat(position, torch.tensor([width]), 10)
    torch.testing.assert_close(weights.sum(-1), torch.ones(301, 1), atol=1e-5, rtol=0)


def test_a_hat_is_highest_at_its_point_and_wraps_round_the_ring():
    weights = addressing._hat(torch.tensor([9.75]), torch.tensor([1.0]), 10)[0]
    assert weights[0] == pytest.approx(0.75)
    assert weights[9] == pytest.approx(0.25)
    assert weights[1:9].sum() == 0


def test_reading_shares_sum_to_one_and_lie_on_the_slots_around_the_point():
    found, grid = address()
    torch.testing.assert_close(found.share.sum(-1), torch.ones(found.share.shape[:-1]))
    assert (found.share >= 0).all()
    assert found.slot.min() >= 0
    assert found.slot.max() < grid.n_x * grid.n_y


def test_reading_interpolates_linearly_between_slots():
    grid = MapGrid(n_x=10, n_y=12)
    slot, share = addressing._around(torch.tensor([[3.25, 11.5]]), grid)
    found = {int(s): float(w) for s, w in zip(slot[0], share[0], strict=True)}
    assert found == pytest.approx({11 * 10 + 3: 0.375, 11 * 10 + 4: 0.125, 3: 0.375, 4: 0.125})


def test_places_a_whole_ring_apart_share_their_address():
    grid = FAMILIES["maze-small"].grid
    pose = walk(1, 4).pose
    shifted = pose + torch.tensor([grid.n_x, grid.n_y, 0, 0, 0]) * grid.cells_per_slot
    (one, _), (other, _) = address(pose), address(shifted)
    torch.testing.assert_close(one.x, other.x, atol=1e-4, rtol=0)
    dense = lambda a: torch.zeros(*a.slot.shape[:-1], grid.n_x * grid.n_y).scatter_add_(-1, a.slot, a.share)  # noqa: E731
    torch.testing.assert_close(dense(one), dense(other), atol=1e-4, rtol=0)


def test_writing_and_reading_agree_on_where_a_point_is():
    """The centre of mass of what is written and of what is read is the point itself."""
    grid = MapGrid(n_x=40, n_y=40, cells_per_slot=0.25)
    view = addressing.Rays(torch.tensor([[[4.1, 5.3]]]), torch.tensor([[[0.7]]]))
    found = addressing.map_address(grid, view, torch.tensor([1.0, 1.2]))
    point = torch.tensor([4.1 + math.cos(0.7), 5.3 + math.sin(0.7)]) / grid.cells_per_slot
    slots = torch.arange(40.0)
    written = torch.stack([found.x[0, 0, 0, 0] @ slots, found.y[0, 0, 0, 0] @ slots])
    read = torch.stack([(found.share * (found.slot % 40)).sum(-1), (found.share * (found.slot // 40)).sum(-1)])[:, 0, 0, 0, 0]
    torch.testing.assert_close(written, point, atol=1e-3, rtol=0)
    torch.testing.assert_close(read, point, atol=1e-3, rtol=0)


def test_rotating_keeps_lengths_and_depends_on_the_difference_of_phases_alone():
    q, k = torch.randn(2, 8), torch.randn(2, 8)
    a, b = torch.randn(2, 4), torch.randn(2, 4)
    torch.testing.assert_close(addressing.rotate(q, a).norm(dim=-1), q.norm(dim=-1))
    together = (addressing.rotate(q, a) * addressing.rotate(k, b)).sum(-1)
    shifted = (addressing.rotate(q, a + 0.9) * addressing.rotate(k, b + 0.9)).sum(-1)
    torch.testing.assert_close(together, shifted, atol=1e-5, rtol=1e-5)


def test_looking_at_the_same_direction_from_the_same_place_gives_the_same_phases():
    harmonics, distance, frequencies = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]), torch.randn(2, 2)
    phases = [addressing.rotary_phases(view_from(heading=h), harmonics, distance, frequencies) for h in (0.2, 0.2 + 2 * math.pi)]
    assert phases[0].shape == (1, 1, CONFIG.n_tokens, 2, 4)
    for wave in (torch.sin, torch.cos):
        torch.testing.assert_close(wave(phases[0]), wave(phases[1]), atol=1e-4, rtol=0)
