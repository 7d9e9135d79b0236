"""The island: a pure function of the seed, with everything a player needs in reach."""

import subprocess
import sys

import numpy as np
import pytest

from envs.voxel import noise
from envs.voxel.blocks import SOLID, block_id
from envs.voxel.ground import DESERT, FOREST, LAKE, MEADOW, SEA, SHAPE, SNOW, make_ground
from envs.voxel.landmarks import NAMES
from envs.voxel.navigate import UNREACHED, cell_of, stands_with_view, steps_to
from envs.voxel.terrain import N_SEEDS, generate

SEEDS = range(12)


def _count(seed, name):
    return int((generate(seed).blocks == block_id(name)).sum())


def test_the_same_seed_is_the_same_island_in_another_process():
    script = "from envs.voxel.terrain import generate; import zlib; print(zlib.crc32(generate(7).blocks.tobytes()))"
    runs = {subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1


def test_different_seeds_are_different_islands():
    assert len({generate(seed).blocks.tobytes() for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_island_has_all_its_regions_materials_and_ores(seed):
    assert generate(seed).blocks.shape == SHAPE
    assert set(np.unique(make_ground(seed).region)) == {MEADOW, FOREST, DESERT, SNOW, LAKE}
    for name, at_least in (
        ("water", 500), ("sand", 100), ("snow", 20), ("grass", 200), ("log", 20), ("leaves", 100), ("stone", 2000),
        ("coal_ore", 10), ("iron_ore", 8), ("gold_ore", 4), ("diamond_ore", 3),
    ):  # fmt: skip
        assert _count(seed, name) >= at_least, name


@pytest.mark.parametrize("seed", SEEDS)
def test_every_island_has_five_landmarks_apart_from_each_other(seed):
    marks = generate(seed).landmarks
    assert tuple(mark.name for mark in marks) == NAMES
    places = np.array([(mark.x, mark.y) for mark in marks])
    away = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + 99 * np.eye(len(places))
    assert away.min() > 6.0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_player_starts_on_dry_ground_with_room_to_stand(seed):
    terrain = generate(seed)
    x, y, z = cell_of(np.array(terrain.spawn))
    assert z > SEA
    assert SOLID[terrain.blocks[x, y, z - 1]]
    assert not SOLID[terrain.blocks[x, y, z : z + 2]].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_wood_and_coal_can_be_walked_to(seed):
    terrain = generate(seed)
    home = steps_to(terrain.blocks, np.array([cell_of(np.array(terrain.spawn))]))
    for name in ("log", "coal_ore"):
        stands = stands_with_view(terrain.blocks, np.argwhere(terrain.blocks == block_id(name)))
        assert any(home[tuple(stand)] < 60 for stand in stands), name


def test_most_islands_have_a_cave_down_to_gold_that_can_be_walked():
    reached = 0
    for seed in SEEDS:
        terrain = generate(seed)
        home = steps_to(terrain.blocks, np.array([cell_of(np.array(terrain.spawn))]))
        stands = stands_with_view(terrain.blocks, np.argwhere(terrain.blocks == block_id("gold_ore")))
        reached += any(home[tuple(stand)] < UNREACHED for stand in stands)
    assert reached >= 9


@pytest.mark.slow
def test_no_seed_breaks_the_generator():
    for seed in (*range(300), N_SEEDS - 1):
        generate(seed)


@pytest.mark.parametrize("seed", [-1, N_SEEDS])
def test_a_seed_out_of_range_is_refused_with_the_range(seed):
    with pytest.raises(ValueError, match=f"seed {seed} is outside 0"):
        generate(seed)


def test_a_terrain_cannot_be_written_into():
    with pytest.raises(ValueError, match="read-only"):
        generate(0).blocks[0, 0, 0] = 1


def test_noise_does_not_depend_on_how_it_is_asked():
    x, y = np.meshgrid(np.arange(9), np.arange(9), indexing="ij")
    whole = noise.smooth(3, 4.0, x, y)
    assert noise.smooth(3, 4.0, np.array(5), np.array(7)) == whole[5, 7]
    assert 0.0 <= whole.min() <= whole.max() < 1.0
    assert abs(noise.uniform(1, np.arange(10000)).mean() - 0.5) < 0.02
