"""The learned world behind Gymnasium's API."""

from __future__ import annotations

import gymnasium as gym
import imageio.v3 as iio
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from simulator.gym_env import LearnedEnv, LearnedVectorEnv
from tests.simulator.fakes import FakeEngine
from tests.simulator.test_app import run_python
from tests.simulator.test_engine import make


def test_gymnasiums_own_check_passes():
    check_env(gym.make("Revisit/MemoryMaze-v0", engine=FakeEngine(), render_mode="rgb_array").unwrapped)


def test_an_id_with_its_module_needs_no_import():
    env = gym.make("simulator.gym_env:Revisit/MemoryMaze-v0", engine=FakeEngine())
    assert isinstance(env.unwrapped, LearnedEnv)
    assert gym.spec("Revisit/Voxel-v0").kwargs["world"] == "voxel"


def test_videos_are_recorded_by_gymnasiums_own_wrapper(tmp_path):
    pytest.importorskip("moviepy")
    env = gym.make("Revisit/MemoryMaze-v0", engine=FakeEngine(), render_mode="rgb_array", max_episode_steps=12)
    env = gym.wrappers.RecordVideo(env, str(tmp_path), episode_trigger=lambda episode: True)
    first, _ = env.reset(seed=1)
    for _ in range(12):
        last, *_ = env.step(1)
    env.close()
    frames = list(iio.imiter(tmp_path / "rl-video-episode-0.mp4", plugin="FFMPEG"))
    assert len(frames) == 13
    assert np.abs(frames[0].astype(int) - first).mean() < np.abs(frames[0].astype(int) - last).mean()


PLAY_SCRIPT = """
import gymnasium, pygame, simulator.gym_env
from gymnasium.utils import play
from tests.simulator.fakes import FakeEngine

done, real_get = [], pygame.event.get
def get():
    kind, key = [(pygame.KEYDOWN, "w"), (pygame.KEYDOWN, "a"), (pygame.KEYUP, "w"), (pygame.QUIT, "")][min(len(done), 3)]
    return [pygame.event.Event(kind, **({"key": ord(key)} if key else {}))]
pygame.event.get = get
env = gymnasium.make("Revisit/MemoryMaze-v0", engine=FakeEngine(), render_mode="rgb_array")
play.play(env, fps=100, noop=0, callback=lambda before, after, action, *rest: done.append(action))
print([env.unwrapped.actions.names[action] for action in done])
"""


def test_gymnasiums_own_player_knows_the_keys():
    done = run_python(PLAY_SCRIPT, SDL_VIDEODRIVER="dummy")
    assert done.stdout.strip().endswith("['forward', 'forward_left', 'left']"), done.stdout + done.stderr


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
        assert np.array_equal(observation[0], single.step(actions[0])[0])
    assert not np.array_equal(observation[0], observation[1])
    assert not terminated.any()
    assert truncated.all(), "three steps were asked for"
    assert reward.shape == (3,)
    assert info["pose"].shape == (3, 5)


@pytest.mark.parametrize("seed", [7, [7, 3, 21]])
def test_every_row_is_the_single_run_of_its_seed(seed):
    """Batches are multiplied in another order than single rows, so pictures may differ by one of 255 levels."""
    checkpoint = make()
    clip = next(iter(checkpoint.contexts))
    envs = LearnedVectorEnv(3, checkpoint, clip=clip)
    together = [envs.reset(seed=seed)[0]] + [envs.step(np.array([1, 2, t % 6]))[0] for t in range(8)]
    for row, own in enumerate([7, 8, 9] if seed == 7 else seed):
        env = LearnedEnv(checkpoint, clip=clip)
        alone = [env.reset(seed=own)[0]] + [env.step((1, 2, t % 6)[row])[0] for t in range(8)]
        apart = np.abs(np.stack(together)[:, row].astype(int) - np.stack(alone))
        assert apart.max() <= 1
    assert not np.array_equal(together[-1][0], together[-1][1])


def test_plans_are_tried_side_by_side_from_one_moment():
    env, envs = LearnedEnv(FakeEngine()), LearnedVectorEnv(3, FakeEngine())
    env.reset(seed=5)
    env.step(1)
    envs.restore(env.snapshot())
    tried = envs.step(np.array([1, 2, 4]))[0]
    kept = env.snapshot()
    for row, action in enumerate((1, 2, 4)):
        env.restore(kept)
        assert np.array_equal(env.step(action)[0], tried[row]), "the fake draws the same noise in every row"


def test_a_vector_env_is_drawn_row_by_row_and_draws_its_seeds():
    envs = gym.make_vec("Revisit/MemoryMaze-v0", num_envs=2, engine=FakeEngine(), render_mode="rgb_array")
    envs.reset(options={"clip": "garden", "frame": 2})
    assert np.array_equal(envs.render()[1], FakeEngine().contexts["garden"].image[2])
    observation = envs.step(np.array([1, 1]))[0]
    assert not np.array_equal(*observation), "two rows, two seeds"
    assert np.array_equal(np.stack(envs.render()), observation)
    with pytest.raises(ValueError, match="3 seeds for 2 rows"):
        envs.reset(seed=[1, 2, 3])
    with pytest.raises(TypeError, match="unknown clipp; known: engine, world"):
        LearnedEnv(FakeEngine(), clipp="x")


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
