"""From a world file to a dream that plays without the world: collected, trained, recorded, replayed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import run_sim
from envs import episode as episodes
from envs.catalog import find
from models.checkpoint import read_config
from models.world_model import WorldModel
from simulator.commands.train import config_for
from simulator.load import load_engine
from simulator.recipe import Recipe, load_dream, world_of
from tests.envs.test_gym_world import TOY

ROOT = Path(__file__).parents[2]

MODEL = """
[options]
n_steps = 1000

[model]
d_model = 32
d_head = 16
d_state = 8
n_ssd_heads = 2
d_ssd_head = 8
d_condition = 16
layers = [{ mixer = "ssd", block = [2, 2] }]
camera = { fov_degrees = 60 }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with dot.toml, its episodes and a model trained on them for two steps."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "dot.toml").write_text(TOY + MODEL)
    world = ["--world", str(folder / "dot.toml")]
    assert run_sim.main(["collect", *world, "--episodes", "2", "--steps", "70", "--out", str(folder / "data")]) == 0
    small = [f"--stages.{i}.{key}" for i in range(3) for key in ("n-frames=8", "n-rows=2")]
    flags = ["--preset", "generic-small", "--steps", "2", "--threads", "1", "--no-compile", "--no-bf16", *small]
    flags += ["--data", str(folder / "data"), "--validation", str(folder / "data"), "--out", str(folder / "run")]
    assert run_sim.main(["train", *world, *flags]) == 0
    return folder


def test_the_model_is_the_preset_with_what_its_world_says(made):
    config = read_config(made / "run" / "model")
    assert (config.world, config.n_actions, config.d_model, config.pose) == ("dot", 3, 32, False)
    assert (config.camera.fov_degrees, config.camera.tilt_degrees) == (60.0, -5.71)
    assert (made / "run" / "model" / "world.toml").read_text() == (made / "dot.toml").read_text()
    assert not (made / "run" / "model" / "ego_motion.safetensors").exists()


def test_the_dream_plays_from_its_folder_alone_and_again_from_its_log(made, tmp_path, capsys):
    folder = (made / "run" / "model").rename(tmp_path / "moved")
    try:
        carried = (folder / "world.toml").read_text()
        (folder / "world.toml").write_text(carried.replace("tests.envs.toy", "atlantis"))
        assert world_of(folder) == "dot"
        out = tmp_path / "dream.gif"
        assert run_sim.main(["record", "--checkpoint", str(folder), "--cold", "--frames", "6", "--out", str(out)]) == 0
        assert run_sim.main(["replay", str(out.with_suffix(".jsonl"))]) == 0
        assert "7 of 7 frames are identical" in capsys.readouterr().out
        recipe = json.loads(out.with_suffix(".jsonl").read_text().split("\n")[0])["recipe"]
        assert (recipe["world"], recipe["checkpoint"]) == ("dot", str(folder))
        assert run_sim.main(["record", "--checkpoint", str(folder), "--beside", "--frames", "6", "--out", str(out)]) == 2
        assert "unknown world 'dot'; known: memory-maze" in capsys.readouterr().err
        (folder / "world.toml").write_text(carried)
    finally:
        folder.rename(made / "run" / "model")


def test_without_poses_the_keys_alone_drive_and_nobody_claims_to_stand_anywhere(made):
    dream = load_dream(Recipe(world=str(made / "dot.toml"), checkpoint=str(made / "run" / "model"), device="cpu"))
    assert (dream.name, dream.fps, dream.actions.names) == ("dot", 5.0, ("wait", "up", "down"))
    dream.choose_start("")
    dream.reset(1)
    ticks = [dream.step(action) for action in (1, 1, 2)]
    assert [tick.pose for tick in ticks] == [None] * 3
    assert dream.engine.has_ego_motion
    dream.resync(1, ticks[0].frame, np.array([5.0, 5.0, 0.0, 1.0, 0.0]))
    assert not dream.moment.pose.any(), "a pose that is given is not looked at"
    followed = dream.step(1)
    other = load_dream(Recipe(world="dot", checkpoint=str(made / "run" / "model"), device="cpu"))
    other.choose_start("")
    other.reset(1)
    for action in (1, 1, 2):
        other.step(action)
    other.resync(1, ticks[0].frame, None)
    assert np.array_equal(other.step(1).frame, followed.frame)


def test_a_model_of_another_world_is_refused_by_name(made):
    with pytest.raises(ValueError, match="is a model of 'dot', not of 'memory-maze'; give --world dot"):
        load_engine(made / "run" / "model", "memory-maze")


def test_a_demonstration_follows_a_walk_of_any_world(made, capsys):
    path = sorted((made / "data").glob("*.npz"))[0]
    assert episodes.load(path).pose is not None
    flags = ["--checkpoint", str(made / "run" / "model"), "--context", str(path), "--at", "9", "--gap", "12"]
    assert run_sim.main(["demo", "follow", *flags, "--out", str(made / "follow")]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found["psnr"]) == ["dream, keys only"]
    assert (made / "follow" / "follow.png").stat().st_size > 1000


def test_episodes_without_poses_are_refused_by_a_model_that_goes_by_them(made, tmp_path, capsys):
    clip = episodes.load(sorted((made / "data").glob("*.npz"))[0])
    blind = episodes.Episode(clip.image, clip.action, 3)
    episodes.save(blind, tmp_path / "blind.npz")
    (tmp_path / "dot.toml").write_text(TOY)
    flags = ["--world", str(tmp_path / "dot.toml"), "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--no-compile"]
    assert run_sim.main(["train", "--preset", "maze-small", "--steps", "1", *flags]) == 2
    out = capsys.readouterr()
    assert "blind.npz: no poses, by which this model remembers; one of --preset generic-small does without" in out.out
    assert "no usable episode" in out.err


def test_a_preset_for_any_world_wants_to_know_which(tmp_path, capsys):
    assert run_sim.main(["train", "--preset", "generic-small", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "unknown world 'generic'; known: memory-maze" in capsys.readouterr().err
    (tmp_path / "dot.toml").write_text(TOY + "[model]\nd_modell = 32")
    flags = ["--world", str(tmp_path / "dot.toml"), "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert run_sim.main(["train", "--preset", "generic-small", *flags]) == 2
    assert "[model] of 'dot' has unknown key 'd_modell'; did you mean 'd_model'?" in capsys.readouterr().err


def test_a_clip_with_poses_is_seen_without_them_by_a_model_that_has_none(made):
    engine = load_engine(made / "run" / "model", "dot", device="cpu")
    clip = episodes.load(sorted((made / "data").glob("*.npz"))[0]).clip(0, 20)
    told, blind = engine.begin([clip], 0), engine.begin([episodes.Episode(clip.image, clip.action, 3)], 0)
    assert not told.pose.any()
    for moment in (told, blind):
        assert np.array_equal(engine.step(moment, np.array([1])).frame, engine.step(told, np.array([1])).frame)


def test_the_worlds_shown_in_the_documentation_are_models_with_and_without_a_pose():
    examples = ROOT / "examples" / "minigrid"
    doorkey, playground = (
        config_for("generic-small", find(str(examples / f"{name}.toml"))) for name in ("doorkey", "playground")
    )
    assert (doorkey.world, doorkey.n_actions, doorkey.pose) == ("doorkey", 7, False)
    assert (playground.world, playground.n_actions, playground.pose) == ("playground", 5, True)
    for config in (doorkey, playground):
        assert WorldModel(config).config.image == (64, 64)
