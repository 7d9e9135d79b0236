"""Any Gymnasium env as a world: what its file says, what is seen, where it stands, and what is wrong in one line."""

from __future__ import annotations

import math
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs import pose as poses
from envs import world_file
from envs.catalog import find
from envs.collect import rollout
from envs.policies import RandomPolicy
from envs.snapshot import SnapshotUnsupported
from tests.envs.toy import ToyEnv, ToyPolicy

ROOT = Path(__file__).parents[2]
TOY = """
name = "dot"
fps = 5
env = "Toy-v0"
modules = ["tests.envs.toy"]
pose = "tests.envs.toy:pose_of"
actions = [
    { name = "wait", keys = [] },
    { name = "up", keys = ["up"], id = 1 },
    { name = "down", keys = ["down"], id = 2 },
]
"""
CARTPOLE = """
name = "pole"
fps = 50
env = "CartPole-v1"
actions = [{ name = "left", keys = [], id = 0 }, { name = "right", keys = ["right"], id = 1 }]
"""


@pytest.fixture
def make(tmp_path):
    """Text of a world file -> its env."""

    def build(text, n_steps=None, resolution=16):
        (tmp_path / "world.toml").write_text(text)
        return find(str(tmp_path / "world.toml")).env_maker(n_steps, resolution)()

    return build


def write(tmp_path, text):
    (tmp_path / "world.toml").write_text(text)
    return tmp_path / "world.toml"


def test_a_file_is_a_world_like_those_known_by_name(tmp_path):
    entry = find(str(write(tmp_path, TOY)))
    assert (entry.name, entry.fps) == ("dot", 5.0)
    assert entry.actions.names == ("wait", "up", "down")
    assert entry.actions.from_keys({"down"}) == 2
    assert isinstance(entry.explorer_maker()(3), RandomPolicy)
    env = pickle.loads(pickle.dumps(entry.env_maker(4, 32)))()
    assert env.observation_space.shape == (32, 32, 3)
    assert env.metadata["render_fps"] == 5.0
    own = find(str(write(tmp_path, TOY.replace("fps", 'explorer = "tests.envs.toy:ToyPolicy"\nfps'))))
    assert own.explorer_maker() is ToyPolicy


@pytest.mark.parametrize("world", ["memory-maze", "voxel", str(ROOT / "examples" / "minigrid" / "doorkey.toml")])
def test_no_world_draws_a_picture_without_pixels(world):
    for resolution in (0, -5):
        with pytest.raises(ValueError, match=f"resolution {resolution}; expected 1 pixel or more"):
            find(world).env_maker(9, resolution)


def test_it_passes_gymnasiums_own_check(make):
    check_env(make(TOY), skip_render_check=True)


def test_the_picture_is_the_envs_own_fitted_to_the_square(make):
    image, info = make(TOY).reset(seed=3)
    assert image.shape == (16, 16, 3)
    assert np.array_equal(image[::2, ::2], ToyEnv().reset(seed=3)[0])
    assert np.array_equal(image, image.repeat(2, 0)[::2])
    small, _ = make(TOY, resolution=4).reset(seed=3)
    assert small.max() == 100, "half a lit row and half a dark one"
    assert info["pose"][1] == 3


def test_an_action_means_the_envs_id_and_one_without_lets_it_stand_still(make):
    env = make(TOY)
    _, before = env.reset(seed=3)
    up, reward, *_, after = env.step(1)
    assert (after["pose"][1], reward, after["t"]) == (4, 1.0, 1)
    still, reward, *_, waited = env.step(0)
    assert np.array_equal(still, up)
    assert (waited["pose"][1], reward, waited["t"]) == (4, 0.0, 2)
    assert before["t"] == 0, "what was handed out stays as it was"
    with pytest.raises(ValueError, match="action 3 is outside"):
        env.step(3)


def test_an_episode_ends_with_its_env_or_with_its_time(make):
    for env in (make(TOY, n_steps=3), make(TOY + "[options]\nn_steps = 3")):
        with pytest.raises(RuntimeError, match="ended or not begun"):
            env.step(1)
        env.reset(seed=0)
        assert [env.step(1)[3] for _ in range(3)] == [False, False, True]
        with pytest.raises(RuntimeError, match=r"call reset\(seed"):
            env.step(1)


def test_its_episodes_have_poses_where_a_function_tells_them_and_none_otherwise(make):
    told = rollout(make(TOY), ToyPolicy(1), 6, seed=2)
    assert np.array_equal(np.diff(told.pose[:, 1]), np.array([0, 1, -1])[told.action[1:]])
    untold = rollout(make(TOY.replace("pose =", "install =")), ToyPolicy(1), 6, seed=2)
    assert untold.pose is None
    assert np.array_equal(untold.image, told.image)


def test_a_moment_can_be_gone_back_to_more_than_once(make):
    env = make(TOY)
    env.reset(seed=3)
    env.step(1)
    moment = env.snapshot()
    assert moment.nbytes > 100
    futures = []
    for _ in range(2):
        futures.append([(image.tobytes(), info["t"], info["pose"][1]) for image, *_, info in map(env.step, (1, 1, 2, 0))])
        env.restore(moment)
        assert np.array_equal(env.render(), moment.picture)
    assert futures[0] == futures[1]
    other = make(TOY)
    other.restore(pickle.loads(pickle.dumps(moment)))
    assert other.step(1)[4]["pose"][1] == 5


def test_an_env_that_cannot_be_copied_says_so(make):
    env = make(TOY)
    env.reset(seed=0)
    env._env.unwrapped.lock = threading.Lock()
    with pytest.raises(SnapshotUnsupported, match=r"'dot' cannot be put back to an earlier moment: .*lock"):
        env.snapshot()


def test_what_an_env_draws_is_its_picture_where_it_observes_none(make):
    env = make(CARTPOLE + '[options]\nrender_mode = "rgb_array"')
    image, _ = env.reset(seed=1)
    assert image.std() > 5
    assert not np.array_equal(image, [env.step(1) for _ in range(5)][-1][0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CARTPOLE, r"'pole': the observations of 'CartPole-v1' are Box and no pictures; .*render_mode = \"rgb_array\""),
        (CARTPOLE.replace("CartPole-v1", "Pendulum-v1"), "the observations of 'Pendulum-v1' are Box and no pictures"),
        (
            CARTPOLE.replace("CartPole-v1", "Pendulum-v1") + '[options]\nrender_mode = "rgb_array"',
            r"the actions of 'Pendulum-v1' are Box.*expected Discrete",
        ),
        (TOY.replace("id = 2", "id = 3"), r"action 'down' has id 3; the ids of 'Toy-v0' are 0..2"),
        (TOY.replace("Toy-v0", "Tyo-v0"), "the env of 'dot' cannot be built .*Tyo"),
        (
            TOY + '[[wrappers]]\nname = "tests.envs.toy:Fussy"',
            r"the env of 'dot' cannot be built \(KeyError: 'mission'\)",
        ),
        (TOY + "[options]\ngravity = 1", "the env of 'dot' cannot be built .*gravity"),
        (TOY.replace("toy:pose_of", "toy:pose_off"), "'tests.envs.toy:pose_off' names nothing"),
        (
            TOY.replace('["tests.envs.toy"]', '["atlantis"]\ninstall = "pip install atlantis"'),
            r"the simulator of 'dot' is not installed \(No module named 'atlantis'\); pip install atlantis",
        ),
    ],
)
def test_an_env_that_will_not_do_is_one_line(make, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        make(text)
    assert "\n" not in str(caught.value)


def test_a_pose_that_is_none_is_named(make, monkeypatch):
    env = make(TOY)
    monkeypatch.setattr(env, "_pose_of", lambda env, info: (1.0, math.nan))
    with pytest.raises(ValueError, match=r"tests.envs.toy:pose_of gave \[ 1. nan\]; expected x, y, z"):
        env.reset(seed=0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fps = 5", "fps = 0", "fps is 0; expected steps a second"),
        ("fps = 5", "fps = nan", "fps is nan; expected steps a second"),
        ("fps = 5", 'fps = "5"', "fps is '5'; expected a number"),
        ("fps = 5", "", "the world has no fps; expected name, fps, env, actions"),
        ("fps = 5", "fps = 5\nxyz = 5", "the world has unknown key 'xyz'; known: name, fps"),
        ("modules", "module", "the world has unknown key 'module'; did you mean 'modules'?"),
        ('["tests.envs.toy"]', "[1]", r"modules is \[1\]; expected a list of names"),
        ('"dot"', '"a/b"', "name is 'a/b'; expected letters, digits"),
        ('"dot"', '"voxel"', "the name 'voxel' is taken; choose another"),
        ("keys = []", 'keys = ["q"]', r"the first action must have keys = \[\]"),
        ('"down", keys = ["down"]', '"down", keys = ["up"]', "an action key chord is used twice"),
        ("id = 2", 'id = "2"', r"actions\[2\]: id is '2'; expected a whole number"),
        ("id = 2", "ids = 2", r"actions\[2\] has unknown key 'ids'; did you mean 'id'"),
        ("toy:pose_of", "toy.pose_of", 'no place in a module; expected "package.module:name"'),
        ("name = ", "name ", "not a readable world file"),
    ],
)
def test_a_file_that_will_not_do_is_one_line_that_names_it(tmp_path, old, new, message):
    assert old in TOY
    path = write(tmp_path, TOY.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as caught:
        find(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"none\.toml: not a readable world file"):
        find("none.toml")
    with pytest.raises(
        ValueError, match=r"unknown world 'none'; known: memory-maze, .*voxel-practice, or a world file \(\.toml\)"
    ):
        find("none")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.toml")), ids=lambda path: path.stem)
def test_the_worlds_shown_in_the_documentation_can_be_collected_and_gone_back_in(path):
    pytest.importorskip("minigrid", reason="MiniGrid is not installed: pip install -e '.[minigrid]'")
    entry = find(str(path))
    env = entry.env_maker(40)()
    episode = rollout(env, entry.explorer_maker()(1), 30, seed=7)
    assert episode.image.shape == (31, 64, 64, 3)
    assert len(np.unique(episode.image, axis=0)) > 3, "keys change the picture"
    again = rollout(env, entry.explorer_maker()(1), 30, seed=7)
    assert np.array_equal(again.image, episode.image)
    env.reset(seed=7)
    moment = env.snapshot()
    futures = []
    for _ in range(2):
        futures.append([env.step(action)[0].tobytes() for action in (1, 3, 3, 2)])
        env.restore(pickle.loads(pickle.dumps(moment)))
    assert futures[0] == futures[1]
    assert {"minigrid", "gymnasium"} <= set(env.provenance)


def test_minigrids_poses_are_those_of_the_house():
    pytest.importorskip("minigrid", reason="MiniGrid is not installed: pip install -e '.[minigrid]'")
    world = world_file.read(ROOT / "examples" / "minigrid" / "playground.toml")
    env = find(str(ROOT / "examples" / "minigrid" / "playground.toml")).env_maker(400)()
    _, info = env.reset(seed=3)
    seen = set()
    policy = RandomPolicy(world.actions, 5)
    for _ in range(300):
        action = policy.act(None, info)
        before, (*_, info) = info["pose"], env.step(action)
        motion = poses.motion_between(before, info["pose"])
        seen.add((world.actions.names[action], *np.round(motion, 6)))
    quarter = round(math.pi / 2, 6)
    still = (0.0,) * 5
    assert seen - {("forward", *still)} == {
        ("wait", *still),
        ("open", *still),
        ("forward", 1.0, 0.0, 0.0, 0.0, 0.0),
        ("left", 0.0, 0.0, 0.0, quarter, 0.0),
        ("right", 0.0, 0.0, 0.0, -quarter, 0.0),
    }
