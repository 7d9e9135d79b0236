"""Cubes are carved from what is seen, and views moved by them show what there is: held to the real island's distances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import pose as poses
from models import album, cubes
from models.config import CubesSize
from models.cubes import FARTHEST, SOLID, SURE, Change, after, carved, ends, look, n_cubes
from models.depth import Seen
from models.hands import GOES
from models.kinds import Kinds
from models.pixels import to_float
from models.presets import preset
from models.reprojection import bare, pixel_rays
from models.shown import Around, Shown
from tests.models.tiny import FAMILIES, assert_same_state, inputs, part_of, randomised

CONFIG = replace(preset("voxel-small"), cubes=CubesSize(channels=3))
RAYS = pixel_rays(CONFIG)
ROWS = CONFIG.bar_rows[0]
WORN = Kinds(CONFIG).worn


def blank(b: int = 1) -> torch.Tensor:
    return torch.zeros(b, n_cubes(CONFIG), dtype=torch.int8)


def at(x: float = 20.0, y: float = 20.0, heading: float = 0.0, pitch: float = 0.0) -> torch.Tensor:
    return torch.tensor([[x, y, 5.0, heading, pitch]])


def wall(pose: torch.Tensor, x: float) -> Seen:
    """What is seen from `pose` of a wall across x that fills everything: blocks away (1, 1, rows, W)."""
    eye, _, rays = look(CONFIG, RAYS, pose)
    away = (x - eye[:, 0, None]) / rays[:, 0]
    away = torch.where(away > 0, away, torch.inf).view(1, 1, ROWS, -1)
    return Seen(away, torch.full_like(away, 0.02))


def seen_wall(x: float = 26.0, n: int = 3) -> torch.Tensor:
    pose = at()[None].expand(1, n, 5)
    told = Seen(*(part.expand(1, n, -1, -1) for part in wall(at(), x)))
    return after(CONFIG, RAYS, blank(), told, pose)[0]


def test_what_was_seen_from_one_place_is_where_it_is_from_another():
    found = seen_wall()[:, -1]
    pose = at(x=22.0, y=20.6, heading=0.2)
    eye, _, rays = look(CONFIG, RAYS, pose)
    away, free, slot, axis = ends(CONFIG, found, eye, rays)
    truth = wall(pose, 26.0).away.flatten()
    middle = torch.zeros(ROWS, CONFIG.image[1], dtype=torch.bool)
    middle[16:36, 16:48] = True  # elsewhere one looks past what was in view
    middle = middle.flatten() & away[0].isfinite()
    assert middle.float().sum() > 600
    off = (away[0] - truth)[middle].abs()
    assert (off < 0.01).float().mean() > 0.97, "but for corners that places along a ray step over"
    assert off.max() < 0.3
    assert (free[0, middle] > 0.15).all()
    assert (axis[0, middle] == 0).float().mean() > 0.97, "it is entered across x"
    assert (found.flatten()[slot[0, middle].long()] >= SOLID).all()


def test_what_goes_is_free_and_what_comes_is_solid_after_a_few_looks():
    before = seen_wall(26.0)[:, -1]
    told = Seen(*(part.expand(1, 6, -1, -1) for part in wall(at(), 28.0)))
    moved = after(CONFIG, RAYS, before, told, at()[None].expand(1, 6, 5))[0][:, -1]
    eye, _, rays = look(CONFIG, RAYS, at())
    centre = (ROWS // 2) * CONFIG.image[1] + CONFIG.image[1] // 2
    assert abs(float(ends(CONFIG, before, eye, rays).away[0, centre]) - 6) < 0.1
    assert abs(float(ends(CONFIG, moved, eye, rays).away[0, centre]) - 8) < 0.1


def test_nothing_is_known_of_what_lies_outside():
    eye, _, rays = look(CONFIG, RAYS, at(x=46.0))
    away = torch.full((1, rays.shape[2]), 30.0)
    found = carved(CONFIG, blank(), eye, rays, away, torch.full_like(away, 0.02))
    grid = found[0].view(CONFIG.cubes.n_x, CONFIG.cubes.n_y, CONFIG.cubes.n_z)
    assert not grid[1:40, 1:-1, 1:-1].any(), "rays that leave the cubes come in again on the other side"
    assert int(grid[-1].max()) < SOLID


def test_how_far_away_a_frame_was_is_told_by_all_looks_so_far():
    """One look that errs by a block among right ones is outvoted."""
    right, wrong = wall(at(), 26.0), wall(at(), 27.5)
    told = Seen(*(torch.cat([a, a, a, b], dim=1) for a, b in zip(right, wrong, strict=True)))
    away = after(CONFIG, RAYS, blank(), told, at()[None].expand(1, 4, 5))[1]
    centre = ROWS // 2, CONFIG.image[1] // 2
    assert away.shape == (1, 4, ROWS, CONFIG.image[1])
    assert abs(float(away[0, -1][centre]) - 6) < 0.1


def test_vague_looks_put_nothing_anywhere():
    seen = wall(at(), 26.0)._replace(width=torch.ones(1, 1, ROWS, CONFIG.image[1]))
    assert int(after(CONFIG, RAYS, blank(), seen, at()[None])[0][:, -1].max()) < SOLID


def test_the_state_handed_in_is_left_as_it_was_and_rows_do_not_mix():
    one, other = blank(), seen_wall()[:, -1]
    pose = torch.stack([at(), at(heading=1.0)], dim=1)[0]
    told = Seen(*(part.expand(2, 1, -1, -1) for part in wall(at(), 26.0)))
    both = torch.cat([one, other])
    kept = both.clone()
    together = after(CONFIG, RAYS, both, told, pose[:, None])[0][:, -1]
    assert torch.equal(both, kept)
    for row in (0, 1):
        part = Seen(*(value[row : row + 1] for value in told))
        alone = after(CONFIG, RAYS, both[row : row + 1], part, pose[row : row + 1, None])[0][:, -1]
        assert torch.equal(alone, together[row : row + 1])


@pytest.fixture(scope="module")
def island():
    """Frames and true distances along a walk on a real island: (frames, pose, away), the last two steps not yet seen."""
    pytest.importorskip("numba")
    from envs.voxel.env import VoxelEnv
    from envs.voxel.moves import ACTIONS
    from envs.voxel.sight import distances

    env = VoxelEnv()
    frame, info = env.reset(seed=900)
    keys = {name: i for i, name in enumerate(ACTIONS.names)}
    frames, pose, away = [frame], [info["pose"]], [distances(env.state, 64)]
    for key in ["right"] * 4 + ["forward"] * 3 + ["left"] * 3 + ["forward"] * 3:
        frame, _, _, _, info = env.step(keys[key])
        frames.append(frame)
        pose.append(info["pose"])
        away.append(distances(env.state, 64))
    told = torch.from_numpy(np.stack(pose)).float(), torch.from_numpy(np.stack(away))
    return to_float(np.stack(frames)), *told


def pages_of(frames: torch.Tensor, pose: torch.Tensor, away: torch.Tensor) -> album.Pages:
    empty = album.blank(CONFIG, CONFIG.album.n_views, 1, torch.device("cpu"), ROWS)
    pages = album.leaf_through(CONFIG, empty, frames[None], pose[None])
    depth = torch.cat([pages.depth[:, : -len(frames)], away.half()[None]], dim=1)
    return pages._replace(depth=depth, place=pages.place[:, -1:], stamp=pages.stamp[:, -1:], now=pages.now[:, -1:])


def around(cubes):
    """These cubes, of which nobody knows what they are made of, at an hour that nobody knows, where hands rest."""
    b, t = cubes.shape[:2]
    kinds, nothing = torch.zeros_like(cubes, dtype=torch.int16), torch.zeros(b, t, dtype=torch.int64)
    return Around(cubes, kinds, torch.zeros(b, t, 2), nothing - 1, nothing, torch.zeros(b, t, 3))


@torch.no_grad()
def test_views_moved_by_true_cubes_show_the_real_island(island):
    frames, pose, away = island
    told = Seen(away[None, :-1], torch.full_like(away[None, :-1], 0.02))
    known = after(CONFIG, RAYS, blank(), told, pose[None, :-1])[0][:, -1:]
    shown = Shown(CONFIG, RAYS)
    found = shown.found(around(known), WORN, pages_of(frames[:-1], pose[:-1], away[:-1]), pose[None, -1:])
    there, truth = found.told[0, 0] > 0, frames[-1, :, :ROWS]
    off = (found.colour[0] - truth).square().mean(dim=0)
    copied = (frames[-2, :, :ROWS] - truth).square().mean(dim=0)
    assert there.float().mean() > 0.6, "little of what is in view was found in earlier views"
    assert off[there].mean() < 0.3 * copied[there].mean(), "the frame before, as it is, shows as much"


@torch.no_grad()
def test_without_views_nothing_is_drawn_and_never_over_the_bar_or_the_cross(island):
    frames, pose, away = island
    shown, drawn = Shown(CONFIG, RAYS), torch.zeros_like(frames[None, -1:])
    no_rate = torch.zeros(())
    empty = album.left_alone(album.blank(CONFIG, CONFIG.album.n_views, 1, torch.device("cpu"), ROWS), 0)
    same, effect = shown(drawn, around(blank()[:, None]), WORN, empty, pose[None, -1:], no_rate)
    assert torch.equal(same, drawn)
    assert not effect.there.any()
    assert (effect.light == 1).all()
    told = Seen(away[None], torch.full_like(away[None], 0.02))
    known = after(CONFIG, RAYS, blank(), told, pose[None])[0][:, -1:]
    pages = pages_of(frames, pose, away)
    shows, _ = shown(drawn, around(known), WORN, pages, pose[None, -1:], no_rate)
    changed = (shows != drawn).any(dim=2)[0, 0]
    assert changed[:ROWS].float().mean() > 0.8
    assert not changed[ROWS:].any()
    assert not changed[bare(CONFIG, drawn[0, :1])[0, 0] == 0].any()


@torch.no_grad()
def test_what_a_block_hid_is_seen_when_it_goes_and_the_network_is_not_asked(island):
    frames, pose, away = island
    told = Seen(away[None], torch.full_like(away[None], 0.02))
    known = after(CONFIG, RAYS, blank(), told, pose[None])[0][:, -1:]
    eye, _, rays = look(CONFIG, RAYS, pose[-1:])
    met = cubes.ends(CONFIG, known[:, 0], eye, rays)
    pixel = int(met.away.masked_fill(met.away < 2, torch.inf).argmin())  # the nearest cube that hides something
    cell = (eye + (met.away + 0.01)[:, pixel, None] * rays[:, :, pixel]).floor()
    value = torch.full((1,), -cubes.SURE, dtype=torch.int8)
    left = cubes.put(CONFIG, known[:, 0], cell, torch.tensor([True]), value)[:, None]
    shown, no_rate, pages = Shown(CONFIG, RAYS), torch.zeros(()), pages_of(frames, pose, away)
    there = around(left)._replace(cracked=torch.zeros(1, 1), kind=torch.full((1, 1), GOES), cell=cell[:, None])
    found = shown.found(there, WORN, pages, pose[None, -1:])
    hidden = (met.slot == met.slot[0, pixel]) & met.away.isfinite()
    both, either = found.effect.there.flatten(1) & hidden, found.effect.there.flatten(1) | hidden
    assert both.sum() > 0.9 * either.sum(), "what one sees where it stood"
    with torch.no_grad():
        shown.out.bias.fill_(-50.0)  # the network is believed, wherever it is asked
    drawn = torch.full_like(frames[None, -1:], -0.7)
    shows, (opened, light) = shown(drawn, there, WORN, pages, pose[None, -1:], no_rate)
    changed = (shows != drawn).any(dim=2)[0, 0, :ROWS]
    assert opened.any()
    assert torch.equal(changed, opened[0, 0] & (bare(CONFIG, drawn[0, :1])[0, 0, :ROWS] > 0))
    as_was, (none, same) = shown(drawn, around(left), WORN, pages, pose[None, -1:], no_rate)
    assert torch.equal(as_was, drawn)
    assert not none.any()
    assert (same == 1).all()
    assert (light >= 1).all(), "where a block was there is more light"
    assert (light > 1.05).any()


def test_what_hands_did_is_in_the_cubes_at_once():
    cell = torch.tensor([[[24.0, 20, 5], [26, 20, 5]]])
    change = Change(cell, torch.tensor([[cubes.SURE, -cubes.SURE]], dtype=torch.int8))
    nothing = Seen(torch.full((1, 2, ROWS, CONFIG.image[1]), 0.1), torch.ones(1, 2, ROWS, CONFIG.image[1]))
    found = after(CONFIG, RAYS, seen_wall()[:, -1], nothing, at()[None].expand(1, 2, 5), change)[0]
    grid = found.view(3, CONFIG.cubes.n_x, CONFIG.cubes.n_y, CONFIG.cubes.n_z)
    came, went = ((cell[0, i] - torch.tensor(cubes.lowest(CONFIG))).long() for i in (0, 1))
    assert (grid[(slice(None), *came)] >= SOLID).tolist() == [False, True, True]
    assert (grid[(slice(None), *went)] >= SOLID).tolist() == [True, True, False]


def test_a_dream_carves_nothing_keeps_no_view_and_is_otherwise_absorbed_as_the_truth_is():
    model = randomised(FAMILIES["voxel-cubes"])
    frames, level, control = inputs(model.config, 2, 6)
    _, state = model(frames, level, control, model.init_state(2), predict=False)
    given = frames[:, -1:], level[:, -1:], part_of(control, (slice(None), slice(-1, None))), state
    true, dream = (model(*given, predict=False, dreamt=dreamt)[1] for dreamt in (False, True))
    assert torch.equal(dream.cubes, state.cubes)
    assert torch.equal(dream.kinds, state.kinds)
    assert all(torch.equal(a, b) for a, b in zip(dream.album[:-1], state.album[:-1], strict=True))
    assert torch.equal(dream.album.now, state.album.now + 1), "but views grow older: it is later"
    assert torch.equal(dream.album.now, true.album.now)
    assert not torch.equal(true.cubes, state.cubes)
    assert not torch.equal(true.album.stamp, state.album.stamp)
    rest = (part._replace(cubes=state.cubes, kinds=state.kinds, hour=state.hour, album=state.album) for part in (true, dream))
    assert_same_state(*rest, tolerance=0)


def test_a_cube_seen_past_the_last_place_is_not_kept():
    assert float(cubes._places(torch.device("cpu"))[-1]) >= FARTHEST
    assert not (seen_wall(20.0 + FARTHEST + 1)[:, -1] >= SOLID).any()


def test_motion_is_told_by_poses_alone():
    """`envs.pose` and the eye of the cubes agree on which way is ahead."""
    pose = poses.move(np.array([20.0, 20, 5, 0.7, 0.0]), np.array([1.0, 0, 0, 0, 0]))
    eye, axes, _ = look(CONFIG, RAYS, torch.from_numpy(np.array([[20.0, 20, 5, 0.7, 0.0]])).float())
    there = eye[0] + axes[0, 0]
    np.testing.assert_allclose(there[:2].numpy(), pose[:2], atol=1e-5)


def test_what_lies_under_a_roof_is_less_open_to_the_sky_and_rays_know_out_of_what_they_come():
    size = CONFIG.cubes
    grid = torch.full((2, size.n_x, size.n_y, size.n_z), -SURE, dtype=torch.int8)
    grid[1, 10:30, 10:30, 9] = SURE  # a roof over the second of two rows
    grid[:, :, :, 4] = SURE
    share = cubes.open_to_sky(CONFIG, grid.flatten(1)).view(grid.shape)
    assert (share[0, :, :, 5:] == 1).all()
    assert (share[1, 12:28, 12:28, 5:9] == 0).all()
    assert (share[1, 13:27, 13:27, 10:] == 1).all()
    assert 0.3 < share[1, 10, 20, 6] < 0.7, "light comes in from the side"
    assert (share[:, :, :, :4] == 0).all()
    low = torch.tensor(cubes.lowest(CONFIG))
    eye = (low + torch.tensor([20.5, 20.5, 6.6])).expand(2, 3).contiguous()
    ways = torch.tensor([[0.6, 0.0, -0.8], [0.0, -0.6, -0.8], [0.0, 0.0, 1.0]]).T.expand(2, 3, 3)
    met = ends(CONFIG, grid.flatten(1), eye, ways)
    before = cubes.before_side(CONFIG, met, ways)
    found = share.flatten()[before[met.away.isfinite()]]
    assert met.away.isfinite().tolist() == [[True, True, False], [True, True, True]]
    assert found.tolist() == [1, 1, 0, 0, 0], "out of the open, out of the hall thrice"
    assert (grid.flatten()[before[met.away.isfinite()]] < SOLID).all()


def test_a_place_is_closed_in_by_what_stands_nearest_before_it():
    """A floor seen from above, with a wall along one side and a pillar at a corner."""
    grid = torch.zeros(1, CONFIG.cubes.n_x, CONFIG.cubes.n_y, CONFIG.cubes.n_z, dtype=torch.int8)
    grid[..., 4], grid[:, 21, :, 5], grid[:, 19, 19, 5] = cubes.SURE, cubes.SURE, cubes.SURE
    low = torch.tensor(cubes.lowest(CONFIG))

    def closed(x: float, y: float) -> float:
        eye, down = torch.tensor([[x, y, 8.0]]) + low * torch.tensor([1.0, 1.0, 1.0]), torch.tensor([[[0.0], [0.0], [-1.0]]])
        met = cubes.ends(CONFIG, grid.flatten(1), eye, down)
        assert met.axis.item() == 2
        before = cubes.before_side(CONFIG, met, down)
        return cubes.closed_in(CONFIG, grid.flatten(1), met, before, eye, down).item()

    assert closed(20.5, 22.5) == pytest.approx(0, abs=1e-5), "the middle of a cube is as far from all others as can be"
    assert closed(20.99, 22.5) == pytest.approx(0.49, abs=1e-4)
    assert closed(20.75, 22.5) == pytest.approx(0.25, abs=1e-4)
    assert closed(20.99, 22.99) == pytest.approx(0.49, abs=1e-2), "along a wall it is all the same"
    assert closed(20.01, 20.01) == pytest.approx(0.25, abs=1e-2), "a quarter of what is before the corner"
    assert closed(20.01, 22.5) == pytest.approx(0, abs=1e-5)
