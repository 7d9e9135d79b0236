"""The frame before, moved to the new pose: geometry, checked on pictures whose answer is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from models.config import Camera, ModelConfig
from models.pixels import to_float
from models.reprojection import candidates, n_candidates, pixel_rays, sweep

CONFIG = ModelConfig(camera=Camera(tilt_degrees=0.0))


def pose(x=0.0, y=0.0, degrees=0.0, pitch=0.0):
    return torch.tensor([[x, y, 0.0, math.radians(degrees), math.radians(pitch)]])


def moved(frame, before, now, nearness=(0.0,), config=CONFIG):
    result = sweep(config, nearness, pixel_rays(config), frame, before, now)
    return result[:, :, :3], result[:, :, 3:]


def panorama(degrees, config=CONFIG, pitch=0.0):
    """A smooth world infinitely far away, seen at a heading and pitch in degrees: (1, 3, H, W)."""
    rays = pixel_rays(config).double()
    tilt = math.radians(pitch + config.camera.tilt_degrees)
    ahead, right, up = rays.unbind(-1)
    level, high = ahead * math.cos(tilt) - up * math.sin(tilt), ahead * math.sin(tilt) + up * math.cos(tilt)
    bearing = math.radians(degrees) - torch.atan2(right, level)
    rise = high / torch.hypot(level, right)
    return torch.stack([torch.sin(5 * bearing), torch.cos(3 * bearing + 2 * rise), torch.sin(4 * rise)])[None].float()


@pytest.mark.parametrize("config", [CONFIG, ModelConfig()], ids=["level", "tilted"])
@pytest.mark.parametrize("turn", [-18.4, 5.0, 18.4])
def test_a_turned_frame_is_what_the_turned_camera_sees(turn, config):
    guess, reach = moved(panorama(30.0, config), pose(degrees=30.0), pose(degrees=30.0 + turn), config=config)
    inside = reach[0, 0, 0] > 0
    assert 0.6 < inside.float().mean() < 0.97
    error = (guess[0, 0] - panorama(30.0 + turn, config)[0])[:, inside].abs()
    assert error.mean() < 0.003
    assert error.max() < 0.08, "within half a pixel of the old edge there is nothing to interpolate with"
    assert (panorama(30.0, config) - panorama(30.0 + turn, config)).abs().max() > 0.3, "copying would not do"


def test_looking_up_and_down_is_followed_too():
    config = ModelConfig()
    guess, reach = moved(panorama(10.0, config), pose(degrees=10.0), pose(degrees=10.0, pitch=12.0), config=config)
    inside = reach[0, 0, 0] > 0
    assert (guess[0, 0] - panorama(10.0, config, pitch=12.0)[0])[:, inside].abs().max() < 0.04


def test_turning_left_moves_the_picture_right():
    frame = torch.zeros(1, 3, 64, 64)
    frame[..., 30:34] = 1.0
    guess, _ = moved(frame, pose(), pose(degrees=18.0))
    assert 42 < guess[0, 0, 0, 32].argmax() < 50


def test_turning_there_and_back_gives_the_frame_back():
    frame = panorama(0.0)
    away, reach = moved(frame, pose(), pose(degrees=15.0))
    back, again = moved(away[:, 0], pose(degrees=15.0), pose())
    came_back = (moved(reach[:, 0].expand(-1, 3, -1, -1), pose(degrees=15.0), pose())[0][0, 0, 0] > 0.99) & (again[0, 0, 0] > 0)
    assert came_back.float().mean() > 0.6
    assert (back[0, 0] - frame[0])[:, came_back].abs().max() < 0.05


def test_without_motion_every_distance_gives_the_frame_itself():
    frame = torch.rand(1, 3, 64, 64)
    guess, reach = moved(frame, pose(1, 2, 40), pose(1, 2, 40), (0.0, 0.5, 2.0))
    torch.testing.assert_close(guess[0], frame.expand(3, -1, -1, -1), atol=2e-4, rtol=0)
    assert (reach == 1).float().mean() > 0.95


def test_what_lay_behind_is_out_of_reach_and_black():
    guess, reach = moved(torch.ones(1, 3, 64, 64), pose(), pose(degrees=180.0))
    assert reach.abs().max() == 0
    assert guess.abs().max() == 0


def test_walking_towards_a_wall_at_the_guessed_distance_magnifies_it_rightly():
    """Two posts on a wall 2 cells ahead of the camera: after a step of 0.5 cells they stand 2 / 1.5 times as far apart."""
    config = dataclasses.replace(CONFIG, camera=Camera(tilt_degrees=0.0, forward_cells=0.0))
    focal = 32 / math.tan(math.radians(40))
    frame = torch.zeros(1, 3, 64, 64)
    side = round(focal * 0.4 / 2)
    frame[..., 32 - side], frame[..., 31 + side] = 1.0, 1.0
    near = 1 / 1.5  # the distance is the one after the step
    guess, _ = moved(frame, pose(), pose(x=0.5), (0.0, near), config)
    apart = guess[0, :, 0, 32, 32:].argmax(-1) + 0.5
    assert apart[0] == pytest.approx(side - 0.5, abs=1), "infinitely far: nothing moves"
    assert apart[1] == pytest.approx((side - 0.5) * 2 / 1.5, abs=1)


def test_rows_are_moved_apart_from_one_another():
    frames = torch.cat([panorama(0.0), panorama(50.0)])
    before, now = torch.cat([pose(), pose(degrees=50)]), torch.cat([pose(degrees=10), pose(degrees=35)])
    together, _ = moved(frames, before, now)
    for row in range(2):
        alone, _ = moved(frames[row : row + 1], before[row : row + 1], now[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone)


@pytest.mark.real_maze
def test_a_turned_real_frame_beats_copying_it():
    from envs.memory_maze import MemoryMazeEnv

    env = MemoryMazeEnv(n_steps=30)
    frames, poses = [], []
    observation, info = env.reset(seed=5)
    for action in [2] * 6 + [0] * 2 + [3] * 8:
        frames.append(observation)
        poses.append(info["pose"])
        observation, _, _, _, info = env.step(action)
    env.close()
    config = ModelConfig()
    clean, place = to_float(np.stack(frames)), torch.as_tensor(np.stack(poses)).float()
    guess, reach = moved(clean[:-1], place[:-1], place[1:], config=config)
    inside = (reach[:, 0] > 0).expand(-1, 3, -1, -1)
    turned = (guess[:, 0] - clean[1:])[inside].square().mean()
    copied = (clean[:-1] - clean[1:])[inside].square().mean()
    assert turned < 0.2 * copied, f"mean squared error turned {turned:.4f}, copied {copied:.4f}"


def test_an_overlay_below_the_view_stays_where_it_was_and_the_view_turns_about_its_own_middle():
    config = ModelConfig(camera=Camera(tilt_degrees=0.0, view_rows=48))
    frame = panorama(20.0, config)
    frame[..., 48:, :] = torch.rand(1, 3, 16, 64)
    guess, reach = moved(frame, pose(degrees=20.0), pose(degrees=30.0, pitch=6.0), (0.0, 1.0), config=config)
    torch.testing.assert_close(guess[0, :, :, 48:], frame[..., 48:, :].expand(2, -1, -1, -1), atol=1e-5, rtol=0)
    assert (reach[..., 48:, :] == 1).all()
    inside = reach[0, 0, 0] > 0
    inside[46:] = False
    assert (guess[0, 0] - panorama(30.0, config, pitch=6.0)[0])[:, inside].abs().max() < 0.08


def test_what_is_drawn_over_the_view_does_not_move_with_it():
    config = ModelConfig(camera=Camera(tilt_degrees=0.0, drawn_over=((25, 31, 28, 34),)))
    frame = panorama(20.0, config)
    frame[..., 25:28, 31:34] = 1.0
    guess, reach = moved(frame, pose(degrees=20.0), pose(degrees=25.0), (0.0,), config=config)
    hole = reach[0, 0, 0, 16:48, 16:48] == 0
    assert 9 <= hole.sum() <= 30, "where the cross was there is a hole and no cross"
    clear = panorama(25.0, config)[0]
    assert (guess[0, 0] - clear)[:, reach[0, 0, 0] > 0].abs().max() < 0.08


@pytest.mark.parametrize("box", [(3, 3, 3, 5), (-1, 0, 2, 2), (60, 60, 65, 64)])
def test_a_box_outside_the_picture_is_refused(box):
    with pytest.raises(ValueError, match="drawn over the view"):
        ModelConfig(camera=Camera(drawn_over=(box,)))


def test_what_is_drawn_over_the_view_and_below_it_is_offered_where_it_was_and_nothing_else():
    camera = Camera(view_rows=52, drawn_over=((25, 31, 28, 34),))
    config = ModelConfig(nearness=(0.0, 1.0), unmoved=True, camera=camera)
    frame = torch.rand(2, 3, 64, 64)
    offered = candidates(config, pixel_rays(config), frame, pose(degrees=20.0).expand(2, -1), pose(degrees=50.0).expand(2, -1))
    assert offered.shape[:2] == (2, n_candidates(config)) == (2, 3)
    stays = torch.zeros(64, 64, dtype=torch.bool)
    stays[52:], stays[25:28, 31:34] = True, True
    assert torch.equal(offered[:, 2, 3] == 1, stays.expand(2, -1, -1)), "the world never moves along with the player"
    torch.testing.assert_close(offered[:, 2, :3] * stays, frame * stays)
    assert (offered[:, 2, :3, ~stays] == 0).all()
    assert (offered[:, 0, :3] - frame)[..., :52, :].abs().mean() > 0.1, "the others have turned"
