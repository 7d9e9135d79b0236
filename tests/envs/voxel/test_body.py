"""The body: walking, falling, jumping, swimming, bumping."""

from dataclasses import replace

import numpy as np
import pytest

from envs.voxel.blocks import SOLID, block_id
from envs.voxel.env import advance_state
from envs.voxel.moves import MOVES
from envs.voxel.physics import _hits
from envs.voxel.state import start
from envs.voxel.terrain import generate


def test_turning_goes_round_in_24_steps_and_left_is_positive(flat, play):
    assert play(flat, "left").heading == 1
    assert play(flat, "left", 24).heading == flat.heading
    assert play(flat, "right", 5, "left", 5).heading == flat.heading


def test_looking_up_and_down_stops_at_75_degrees(flat, play):
    assert play(flat, "look_up", 9).eye_pitch == pytest.approx(np.radians(75))
    assert play(flat, "look_down", 9).eye_pitch == pytest.approx(-np.radians(75))


@pytest.mark.parametrize(
    ("action", "direction"),
    [("forward", (1, 0)), ("back", (-1, 0)), ("strafe_left", (0, 1)), ("strafe_right", (0, -1))],
)
def test_walking_goes_the_way_its_name_says(flat, play, action, direction):
    moved = play(flat, action, 6).body[:2] - flat.body[:2]
    assert np.dot(moved, direction) > 1.5
    assert abs(np.dot(moved, direction[::-1])) < 1e-9


def test_walking_follows_the_heading(flat, play):
    moved = play(flat, "left", 6, "forward", 6).body[:2] - flat.body[:2]
    assert moved[1] > 1.5
    assert abs(moved[0]) < 1e-6


def test_diagonals_are_no_faster_than_straight_lines(flat, play):
    straight = np.hypot(*(play(flat, "forward", 20).body[:2] - flat.body[:2]))
    diagonal = np.hypot(*(play(flat, "forward_strafe_left", 20).body[:2] - flat.body[:2]))
    assert diagonal == pytest.approx(straight, rel=1e-6)


def test_a_step_is_smaller_than_a_block_and_standing_still_stays(flat, play):
    assert 0.1 < play(flat, "forward").body[0] - flat.body[0] < 0.6
    rest = play(flat, "forward", 3, "noop", 20)
    assert (play(rest, "noop", 500).body == rest.body).all()


def test_a_wall_stops_the_body_and_lets_it_slide_along(flat, play, put):
    for z in (8, 9):
        for y in range(20, 30):
            flat = put(flat, (26, y, z), "stone")
    stopped = play(flat, "forward", 20)
    assert stopped.body[0] == pytest.approx(25.7, abs=1e-3)
    slid = play(stopped, "forward_left", 2, "forward", 6)
    assert slid.body[1] > stopped.body[1] + 0.5
    assert slid.body[0] <= 25.7 + 1e-6


def test_one_block_can_be_jumped_and_two_cannot(flat, play, put):
    one = put(flat, (26, 24, 8), "stone")
    assert play(one, "forward_jump", 8).body[2] >= 9.0
    two = put(one, (26, 24, 9), "stone")
    assert play(two, "forward_jump", 30).body[0] < 26.0


def test_a_jump_rises_one_and_a_quarter_blocks_and_lands_again(flat, play):
    heights, state = [], flat
    for _ in range(14):
        state = play(state, "jump" if not heights else "noop")
        heights.append(state.body[2] - 8.0)
    assert 1.1 < max(heights) < 1.3
    assert heights[-1] == pytest.approx(0.0, abs=1e-9)


def test_without_ground_the_body_falls_and_lands_on_a_whole_block(flat, play):
    flat.body[2] = 16.3
    landed = play(flat, "noop", 40)
    assert landed.body[2] == pytest.approx(8.0, abs=1e-9)
    assert landed.body[6] == 1.0


def test_a_ceiling_stops_a_jump(flat, play, put):
    low = put(flat, (24, 24, 10), "stone")
    state = low
    for _ in range(8):
        state = play(state, "jump")
        assert state.body[2] + 1.8 <= 10.0 + 1e-9


def test_in_water_the_body_sinks_slowly_swims_up_and_climbs_out(flat, play):
    blocks = flat.blocks.copy()
    blocks[20:27, 20:29, 3:8] = block_id("water")
    flat = replace(flat, blocks=blocks)
    sunk = play(flat, "noop", 8)
    assert 4.5 < sunk.body[2] < 7.0  # in the air it would have fallen twice as far
    assert play(flat, "noop", 60).body[2] == pytest.approx(3.0, abs=1e-3)
    risen = play(flat, "noop", 60, "jump", 60)
    assert risen.body[2] > 6.5
    assert play(risen, "forward_jump", 40).body[2] >= 8.0


def test_the_edge_of_the_world_is_a_wall(flat, play):
    for turn in (0, 6, 12, 18):
        end = play(flat, "left", turn, "forward", 200) if turn else play(flat, "forward", 200)
        assert ((end.body[:2] > 0.0) & (end.body[:2] < 48.0)).all()


def test_the_body_never_ends_up_inside_a_block():
    rng = np.random.default_rng(0)
    for seed in range(4):
        state = start(generate(seed))
        action = 0
        for _ in range(1500):
            action = int(rng.integers(22)) if rng.random() < 0.2 else action
            state = advance_state(state, MOVES[action])
            assert not _hits(state.blocks, SOLID, *state.body[:3])
