"""The learned world behind Gymnasium's API."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from simulator.gym_env import LearnedEnv, LearnedVectorEnv
from tests.simulator.fakes import FakeEngine


def test_gymnasiums_own_check_passes():
    check_env(gym.make("Revisit/MemoryMaze-v0", engine=FakeEngine(), render_mode="rgb_array").unwrapped)


def test_the_same_seed_is_the_same_dream():
    env = LearnedEnv(FakeEngine())
    runs = []
    for _ in range(2):
        frames = [env.reset(seed=5)[0]] + [env.step(a)[0] for a in (1, 2, 4)]
        runs.append(np.stack(frames))
    assert np.array_equal(*runs)


def test_a_made_env_ends_after_its_steps_and_starts_where_told():
    env = gym.make("Revisit/MemoryMaze-v0", engine=FakeEngine(), max_episode_steps=3)
    observation, _ = env.reset(seed=1, options={"clip": ""})
    assert not observation.any(), "a cold start"
    observation, _ = env.reset(seed=1, options={"clip": "garden", "frame": 2})
    assert np.array_equal(observation, FakeEngine().contexts["garden"].image[2])
    assert [env.step(1)[3] for _ in range(3)] == [False, False, True]


def test_planning_can_try_and_take_back():
    env = LearnedEnv(FakeEngine())
    env.reset(seed=1)
    kept = env.snapshot()
    tried = env.step(1)[0]
    env.restore(kept)
    env.step(2)
    env.restore(kept)
    assert np.array_equal(env.step(1)[0], tried)


def test_rows_of_a_vector_env_follow_their_own_actions():
    envs = gym.make_vec("Revisit/MemoryMaze-v0", num_envs=3, engine=FakeEngine(), max_episode_steps=3)
    assert isinstance(envs.unwrapped, LearnedVectorEnv)
    observation, _ = envs.reset(seed=1)
    assert observation.shape == envs.observation_space.shape == (3, 32, 32, 3)
    single = LearnedEnv(FakeEngine())
    single.reset(seed=1)
    for actions in ([1, 2, 3], [1, 1, 1], [0, 4, 5]):
        observation, reward, terminated, truncated, info = envs.step(np.array(actions))
        assert np.array_equal(observation[0], single.step(actions[0])[0]), "the fake draws the same noise in every row"
    assert not np.array_equal(observation[0], observation[1])
    assert not terminated.any()
    assert truncated.all(), "three steps were asked for"
    assert reward.shape == (3,)
    assert info["pose"].shape == (3, 5)


def test_wrong_actions_and_sizes_are_named():
    envs = LearnedVectorEnv(2, FakeEngine())
    with pytest.raises(RuntimeError, match="before reset"):
        envs.step(np.zeros(2, int))
    envs.reset(seed=1)
    with pytest.raises(ValueError, match=r"expected \(2,\)"):
        envs.step(np.zeros(3, int))
    with pytest.raises(ValueError, match="num_envs 0"):
        LearnedVectorEnv(0, FakeEngine())
    with pytest.raises(ValueError, match="render_mode 'human'"):
        LearnedEnv(FakeEngine(), render_mode="human")
