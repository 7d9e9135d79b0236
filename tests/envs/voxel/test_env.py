"""The Gymnasium env: its API, determinism, rewinding, and what `info` tells."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.collect import rollout
from envs.episode import load, save
from envs.policies import RandomPolicy
from envs.pose import N_POSE
from envs.snapshot import Rewindable
from envs.voxel.blocks import ITEMS, block_id
from envs.voxel.env import VoxelEnv
from envs.voxel.landmarks import NAMES
from envs.voxel.moves import ACTIONS
from envs.voxel.sky import DAY_STEPS


def _actions(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.repeat(rng.integers(ACTIONS.n_actions, size=n // 4 + 1), 4)[:n]


def _frames(env, actions):
    return np.stack([env.step(int(action))[0] for action in actions])


@pytest.fixture(scope="module")
def env():
    return VoxelEnv()


def test_the_env_passes_gymnasiums_checks():
    check_env(VoxelEnv(n_steps=50), skip_render_check=True)


def test_the_same_seed_and_actions_give_the_same_bytes_in_every_process(env):
    script = """
import sys, zlib
from envs.voxel.env import VoxelEnv
env = VoxelEnv()
sums = [zlib.crc32(env.reset(seed=5)[0])]
for action in sys.argv[1].split(","):
    frame, _, _, _, info = env.step(int(action))
    sums += [zlib.crc32(frame), zlib.crc32(info["pose"])]
print(sums)
"""
    actions = ",".join(str(a) for a in _actions(120))
    run = [sys.executable, "-c", script, actions]
    assert len({subprocess.run(run, capture_output=True, text=True, check=True).stdout for _ in range(2)}) == 1


def test_a_used_env_and_a_fresh_one_agree_after_reset(env):
    env.reset(seed=1)
    _frames(env, _actions(60))
    env.reset(seed=2)
    used = _frames(env, _actions(60, 1))
    fresh = VoxelEnv()
    fresh.reset(seed=2)
    assert (_frames(fresh, _actions(60, 1)) == used).all()


def test_drawing_and_describing_change_nothing(env):
    env.reset(seed=3)
    plain = _frames(env, _actions(40))
    env.reset(seed=3)
    for frame, action in zip(plain, _actions(40), strict=True):
        env.render()
        env.describe()
        seen = env.step(int(action))[0]
        assert (seen == frame).all()
        assert (env.render() == seen).all()


def test_restore_repeats_every_frame_and_info(env):
    assert isinstance(env, Rewindable)
    env.reset(seed=4)
    _frames(env, _actions(80))
    snapshot = env.snapshot()
    before = env.describe()
    future = _frames(env, _actions(80, 2))
    env.restore(snapshot)
    for name, value in env.describe().items():
        assert np.array_equal(value, before[name]), name
    assert (_frames(env, _actions(80, 2)) == future).all()
    other = VoxelEnv()
    other.restore(snapshot)
    assert (_frames(other, _actions(80, 2)) == future).all()


def test_a_snapshot_is_a_value(env):
    env.reset(seed=4)
    snapshot = env.snapshot()
    blocks, body, slots = snapshot.blocks.copy(), snapshot.body.copy(), snapshot.slots.copy()
    _frames(env, _actions(200, 3))
    assert np.array_equal(blocks, snapshot.blocks)
    assert np.array_equal(body, snapshot.body)
    assert np.array_equal(slots, snapshot.slots)


@pytest.mark.parametrize("wrong", [None, 3, "state"])
def test_something_that_is_no_snapshot_is_refused_and_nothing_is_lost(env, wrong):
    env.reset(seed=4)
    before = env.render()
    with pytest.raises(ValueError, match="cannot restore a"):
        env.restore(wrong)
    assert (env.render() == before).all()


def test_a_snapshot_of_another_version_is_refused_and_nothing_is_lost(env):
    env.reset(seed=4)
    old = replace(env.snapshot(), version=0)
    env.step(1)
    before = env.render()
    with pytest.raises(ValueError, match="version 0, this world of version 2; take a new one"):
        env.restore(old)
    assert (env.render() == before).all()


def test_bad_arguments_are_named_with_what_was_expected(env):
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action 99 is outside 0\.\.39 for 'voxel'"):
        env.step(99)
    with pytest.raises(ValueError, match="seed -3 is outside"):
        env.reset(seed=-3)
    with pytest.raises(ValueError, match="resolution 100 is not one of"):
        VoxelEnv(resolution=100)
    with pytest.raises(ValueError, match="n_steps 0 must be at least 1"):
        VoxelEnv(n_steps=0)
    with pytest.raises(ValueError, match="render_mode 'human' is unknown"):
        VoxelEnv(render_mode="human")
    with pytest.raises(RuntimeError, match="call reset"):
        VoxelEnv().step(0)


def test_info_tells_pose_aim_inventory_and_landmarks_in_fixed_shapes(env):
    _, first = env.reset(seed=0)
    shapes = {name: (np.shape(value), np.asarray(value).dtype) for name, value in first.items()}
    for action in _actions(100):
        info = env.step(int(action))[-1]
        assert {name: (np.shape(value), np.asarray(value).dtype) for name, value in info.items()} == shapes
    assert shapes["pose"] == ((N_POSE,), np.float64)
    assert shapes["inventory"][0] == (len(ITEMS),)
    assert shapes["landmarks_pos"][0] == (len(NAMES), 3)


def test_the_hut_is_in_view_at_the_start_and_not_behind_the_back():
    env = VoxelEnv()
    hut = NAMES.index("hut")
    seen_ahead = seen_behind = 0
    for seed in range(6):
        _, info = env.reset(seed=seed)
        seen_ahead += bool(info["landmarks_in_view"][hut])
        for _ in range(12):
            info = env.step(ACTIONS.id_of("left"))[-1]
        seen_behind += bool(info["landmarks_in_view"][hut])
    assert seen_ahead >= 5
    assert seen_behind == 0


def test_a_landmark_behind_a_wall_is_not_in_view(env):
    _, info = env.reset(seed=0)
    hut = NAMES.index("hut")
    assert info["landmarks_in_view"][hut]
    x, y, z = np.floor(info["pose"][:3]).astype(int)
    blocks = env.state.blocks.copy()
    blocks[x - 1 : x + 2, y - 1 : y + 2, z : z + 3] = block_id("stone")
    blocks[x, y, z : z + 2] = block_id("air")
    env.restore(replace(env.state, blocks=blocks))
    assert not env.describe()["landmarks_in_view"].any()


def test_the_day_goes_on_with_the_steps(env):
    _, info = env.reset(seed=0)
    later = [env.step(ACTIONS.noop)[-1] for _ in range(24)][-1]
    assert later["time_of_day"] - info["time_of_day"] == pytest.approx(24 / DAY_STEPS, abs=1e-6)


def test_changes_are_told_one_by_one_and_counted_against_the_terrain(env):
    _, info = env.reset(seed=0)
    assert info["last_change"][0] == -1
    for _ in range(5):
        env.step(ACTIONS.id_of("look_down"))
    for _ in range(8):
        info = env.step(ACTIONS.id_of("mine"))[-1]
        if info["n_changes"]:
            break
    assert info["n_changes"] == info["n_edits"] == 1
    t, x, y, z, block = info["last_change"]
    assert t == info["t"]
    assert block == env.state.blocks[x, y, z] == block_id("air")


def test_the_first_of_each_kind_is_rewarded_once():
    env = VoxelEnv()
    env.reset(seed=0)
    rewards = [env.step(ACTIONS.id_of("look_down"))[1] for _ in range(5)]
    rewards += [env.step(ACTIONS.id_of("mine"))[1] for _ in range(30)]
    assert sum(rewards) == 1.0


def test_n_steps_truncates():
    env = VoxelEnv(n_steps=3)
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(3)] == [False, False, True]


def test_an_episode_carries_the_hidden_state_through_its_file(env, tmp_path):
    episode = rollout(env, RandomPolicy(ACTIONS, 0), 30, 0)
    save(episode, tmp_path / "episode.npz")
    again = load(tmp_path / "episode.npz")
    assert again.n_actions == ACTIONS.n_actions
    assert np.allclose(again.pose, episode.pose, atol=1e-5)
    for name in ("inventory", "hotbar", "selected", "aim", "event", "landmarks_in_view", "last_change", "n_edits", "reward"):
        assert np.array_equal(again.extras[name], episode.extras[name]), name


def test_without_numba_the_error_names_what_to_install():
    script = (
        "import sys; sys.modules['numba'] = None\n"
        "import envs, envs.collect\n"
        "try:\n    import envs.voxel.env\nexcept ImportError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "pip install 'revisit[voxel]'" in said
    assert said.count("\n") == 1
