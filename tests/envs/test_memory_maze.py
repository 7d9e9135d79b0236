"""The real Memory Maze: fast without changing a byte, the same from the same seed, and exactly rewindable."""

from __future__ import annotations

import ctypes.util
import gc
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs import maze_simulator
from envs import pose as poses
from envs.maze_simulator import MazeUnavailable
from envs.memory_maze import ACTIONS, MemoryMazeEnv
from envs.policies import MazeTour, shortest_path
from envs.snapshot import Rewindable

ROOT = Path(__file__).parents[2]
NOOP, FORWARD, LEFT, RIGHT = range(4)
real = pytest.mark.real_maze


@pytest.fixture(scope="module")
def env():
    made = MemoryMazeEnv(n_steps=400)
    yield made
    made.close()


def walk(env, actions):
    return [env.step(action) for action in actions]


def assert_same(one, other):
    """Equal (observation, info) or (observation, reward, terminated, truncated, info), byte for byte."""
    assert np.array_equal(one[0], other[0])
    assert one[1:-1] == other[1:-1]
    assert one[-1].keys() == other[-1].keys()
    for name, value in one[-1].items():
        assert np.array_equal(value, other[-1][name]), name


class BallHunt:
    """Walks to the current target and touches it."""

    def __init__(self, seed):
        self.tour = MazeTour(seed, slip=0.0)

    def act(self, observation, info):
        x, y = (int(value) for value in info["target_pos"])
        cell = self.tour._cell(info["pose"], info["maze_layout"])
        path = shortest_path(info["maze_layout"], cell, (x, y))
        return self.tour._towards(info["pose"], path[1] if len(path) > 1 else (x, y))


@real
def test_it_is_a_gymnasium_env(env):
    check_env(env, skip_render_check=False)
    assert isinstance(env, Rewindable)


@real
def test_the_fast_path_draws_and_rewards_byte_for_byte_like_the_unpatched_simulator_reset_after_reset(env):
    plain = MemoryMazeEnv(n_steps=400, fast=False)
    for seed in (21, 5):
        hunt, rewards = BallHunt(0), 0.0
        one, other = env.reset(seed=seed), plain.reset(seed=seed)
        assert_same(one, other)
        for _ in range(150):
            action = hunt.act(one[0], one[-1])
            one, other = env.step(action), plain.step(action)
            assert_same(one, other)
            rewards += one[1]
            if rewards >= 2:
                break
        assert rewards >= 2, "balls were touched on the way, and the next one became the target"
        kept, unpatched = env.snapshot(), plain.snapshot()
        assert np.array_equal(kept.physics, unpatched.physics)
        assert kept.target == unpatched.target
    env.reset(seed=3)
    env.restore(unpatched)
    plain.restore(kept)
    for one, two in zip(walk(env, [FORWARD, LEFT] * 5), walk(plain, [FORWARD, LEFT] * 5), strict=True):
        assert_same(one, two)
    plain.close()


@real
def test_a_maze_holds_only_the_textures_it_shows(env):
    env.reset(seed=7)
    model = env._inner.physics.model
    shown = {number for number in model.mat_texid.ravel() if number >= 0}
    sky = {number for number in range(model.ntex) if model.tex_type[number] == 2}
    assert shown | sky == set(range(model.ntex))
    assert len(sky) == 1


@real
def test_a_simulation_that_blows_up_says_so(env):
    env.reset(seed=7)
    env._inner.physics.data.qvel[0] = np.nan
    with pytest.raises(RuntimeError, match="Physics state is invalid"):
        env.step(FORWARD)


@real
def test_the_same_seed_is_the_same_maze_and_frames_in_another_process(env):
    script = (
        "import hashlib; from envs.memory_maze import MemoryMazeEnv; env = MemoryMazeEnv(n_steps=400);"
        "digest = hashlib.sha256(env.reset(seed=3)[0].tobytes());"
        "[digest.update(env.step(a)[0].tobytes()) for a in [1, 4, 4, 2, 1, 5, 0, 3] * 2]; print(digest.hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[
        -1
    ]
    here = hashlib.sha256(env.reset(seed=3)[0].tobytes())
    for frame, *_ in walk(env, [1, 4, 4, 2, 1, 5, 0, 3] * 2):
        here.update(frame.tobytes())
    assert here.hexdigest() == there


@real
def test_reset_in_place_equals_a_fresh_env(env):
    actions = [1, 4, 2, 1, 1, 5, 3, 0] * 2
    env.reset(seed=8)
    walk(env, actions)
    fresh = MemoryMazeEnv(n_steps=400)
    assert_same(env.reset(seed=9), fresh.reset(seed=9))
    for one, other in zip(walk(env, actions), walk(fresh, actions), strict=True):
        assert_same(one, other)
    fresh.close()


@real
def test_other_seeds_are_other_mazes(env):
    layouts = {env.reset(seed=seed)[1]["maze_layout"].tobytes() for seed in (1, 2)}
    assert len(layouts) == 2


@real
def test_a_snapshot_can_be_gone_back_to_also_from_another_maze(env):
    _, info = env.reset(seed=21)
    hunt = BallHunt(0)
    for _ in range(12):
        _, _, _, _, info = env.step(hunt.act(None, info))
    kept = env.snapshot()
    path, seen = [], []
    for _ in range(60):
        path.append(hunt.act(None, info))
        seen.append(env.step(path[-1]))
        info = seen[-1][-1]
    assert sum(reward for _, reward, *_ in seen) >= 1, "a target was reached and a new one drawn on the way"
    env.restore(kept)
    for one, other in zip(seen, walk(env, path), strict=True):
        assert_same(one, other)
    env.reset(seed=77)
    walk(env, [1, 1, 2])
    env.restore(kept)
    for one, other in zip(seen, walk(env, path), strict=True):
        assert_same(one, other)


@real
def test_a_fresh_env_can_go_on_from_another_ones_snapshot(env):
    env.reset(seed=5)
    walk(env, [1, 4, 4])
    kept = env.snapshot()
    other = MemoryMazeEnv(n_steps=400)
    other.restore(kept)
    for one, two in zip(walk(env, [1, 2, 1, 0]), walk(other, [1, 2, 1, 0]), strict=True):
        assert_same(one, two)
    other.close()


@real
def test_looking_changes_nothing(env):
    _, info = env.reset(seed=4)
    seen = walk(env, [1, 4, 1, 2, 1])
    env.reset(seed=4)
    looked = []
    for action in [1, 4, 1, 2, 1]:
        looked.append(env.step(action))
        first = env.render()
        first[:] = 0
        assert np.array_equal(env.render(), looked[-1][0])
        env.snapshot()
    looked[0][0][:] = 7
    looked[0][0][:] = seen[0][0]
    for one, other in zip(seen, looked, strict=True):
        assert_same(one, other)
    info["maze_layout"][:] = 9
    assert env.layout.max() == 1, "what is handed out can be written to without harm"


@real
def test_the_border_in_the_targets_colour_is_off_unless_asked_for(env):
    framed = MemoryMazeEnv(border=True, n_steps=10)
    with_border, info = framed.reset(seed=6)
    framed.close()
    without, _ = env.reset(seed=6)
    assert np.array_equal(with_border[2:-2, 2:-2], without[2:-2, 2:-2])
    edge = np.concatenate([with_border[:2].reshape(-1, 3), with_border[:, -2:].reshape(-1, 3)])
    assert len(np.unique(edge, axis=0)) == 1
    assert edge[0].argmax() == info["target_color"].argmax()
    assert len(np.unique(without[:, -2:].reshape(-1, 3), axis=0)) > 5


@real
def test_left_raises_the_heading_and_forward_goes_along_it(env):
    _, before = env.reset(seed=2)
    before = walk(env, [NOOP, NOOP])[-1][-1]
    after = walk(env, [LEFT] * 4)[-1][-1]
    turn = poses.motion_between(before["pose"], after["pose"])[3]
    assert np.radians(55) < turn < np.radians(85), "14 degrees at first, then 18 a step"
    coasting = walk(env, [NOOP] * 3)[-1][-1]
    back = walk(env, [RIGHT] * 4)[-1][-1]
    assert poses.motion_between(coasting["pose"], back["pose"])[3] < -np.radians(50)

    start = walk(env, [NOOP] * 3)[-1][-1]
    for _ in range(20):  # turn until there is room ahead
        x, y = poses.move(start["pose"], np.array([1.4, 0, 0, 0, 0]))[:2]
        if 0 < x < 9 and 0 < y < 9 and env.layout[int(y), int(x)]:
            break
        start = walk(env, [LEFT, NOOP, NOOP, NOOP])[-1][-1]
    end = walk(env, [FORWARD] * 5)[-1][-1]
    motion = poses.motion_between(start["pose"], end["pose"])
    assert 0.4 < motion[0] < 1.3, "0.117 cells at first, then up to 0.25 a step"
    assert abs(motion[1]) < 0.1


@real
def test_the_player_stands_in_a_free_cell_and_walls_stop_him(env):
    _, info = env.reset(seed=11)
    for _ in range(3):
        for _, _, _, _, info in walk(env, [FORWARD] * 12 + [LEFT] * 3):
            x, y = (int(value) for value in info["agent_pos"])
            assert info["maze_layout"][y, x] == 1
    assert info["maze_layout"].shape == (9, 9)
    assert set(np.unique(info["maze_layout"])) == {0, 1}


@real
def test_an_episode_ends_after_its_steps_and_says_so():
    short = MemoryMazeEnv(n_steps=3)
    with pytest.raises(RuntimeError, match="reset"):
        short.step(0)
    short.reset(seed=0)
    assert [short.step(1)[3] for _ in range(3)] == [False, False, True]
    with pytest.raises(RuntimeError, match=r"the episode has ended: call reset"):
        short.step(1)
    with pytest.raises(ValueError, match=r"action 6 is outside 0..5 for 'memory-maze'"):
        short.step(6)
    for seed in (-1, 2**31):
        with pytest.raises(ValueError, match=rf"seed {seed} is outside"):
            short.reset(seed=seed)
    short.close()
    short.close()


@real
def test_old_mazes_do_not_pile_up_in_memory(env):
    gc.collect()
    gc.disable()
    try:
        env.reset(seed=1)
        before = len(gc.get_objects())
        for seed in (2, 3):
            env.reset(seed=seed)
        grown = len(gc.get_objects()) - before
    finally:
        gc.enable()
    assert grown < 15_000, "a maze left in reference cycles is 25,000 objects"


@real
def test_a_reset_says_nothing(env, caplog):
    env.reset(seed=1)
    assert not caplog.records


@real
def test_data_sets_know_what_drew_them(env):
    assert {"mujoco", "dm-control", "memory-maze", "numpy", "renderer"} <= env.provenance.keys()
    assert all(env.provenance.values())


@pytest.mark.parametrize(
    ("options", "message"), [({"size": 10}, r"maze size 10 is not one of \(9, 11, 13, 15\)"), ({"n_steps": 0}, "n_steps 0")]
)
def test_a_maze_that_does_not_exist_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MemoryMazeEnv(**options)


@pytest.fixture
def unloaded(monkeypatch):
    """As in a process that has not imported the simulator yet."""
    maze_simulator.tasks.cache_clear()
    for name in [name for name in sys.modules if name == "memory_maze" or name.startswith("memory_maze.")]:
        monkeypatch.delitem(sys.modules, name)
    yield
    maze_simulator.tasks.cache_clear()


@pytest.mark.parametrize("missing", ["mujoco", "dm_control", "labmaze", "memory_maze"])
def test_without_the_simulator_the_error_names_what_to_install(unloaded, monkeypatch, missing):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setitem(sys.modules, missing, None)
    for name in [name for name in sys.modules if name.startswith(("dm_control.", "labmaze."))]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        MazeUnavailable, match=r"pip install 'revisit\[maze\]'.*libosmesa6.*learned world plays without"
    ) as caught:
        MemoryMazeEnv()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems bring their own OpenGL")
def test_without_opengl_the_error_names_what_to_install(unloaded, monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    with pytest.raises(MazeUnavailable, match=r"no off-screen OpenGL library was found; .*libosmesa6"):
        MemoryMazeEnv()


def test_actions_are_those_of_the_benchmark():
    assert ACTIONS.names == ("noop", "forward", "left", "right", "forward_left", "forward_right")
