"""A frame that is seen from elsewhere than believed is placed there; one that is as expected, or like nothing, is left alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from envs import pose as poses
from models.checkpoint import Checkpoint
from simulator.engine import Engine, Trait
from tests.models.tiny import episode
from tests.simulator import test_engine
from tests.simulator.test_engine import CONFIG, TRAIT, ego_motion


class Painted(Engine):
    """Draws a smooth picture that tells where it is seen from, and keeps all else of an engine."""

    def imagine(self, moment, actions, pose=None):
        pose, _ = self._told(moment, actions, pose)
        height, width, _ = self.frame_shape
        bearing = pose[:, 3, None] - np.linspace(-0.7, 0.7, width)
        waves = np.stack([np.sin(k * bearing + pose[:, :1] * k) for k in (1, 2, 3)], axis=-1)
        return np.broadcast_to(127 + 100 * waves[:, None], (len(pose), height, width, 3)).astype(np.uint8), pose


@pytest.fixture(scope="module")
def engine():
    config = dataclasses.replace(CONFIG, locates=True)
    network = ego_motion()
    network.scale.copy_(network.scale.new_tensor([0.2, 0.2, 0.001, 0.2, 0.001]))
    model = test_engine.randomised(config)
    return Painted(Checkpoint(model, network, "tiny", {"hall": episode(20)}, None), Trait(TRAIT.actions, TRAIT.fps))


def test_a_frame_from_elsewhere_is_placed_there(engine):
    moment, action = engine.begin([episode(5), episode(5, 1)], seed=0), np.array([1, 2])
    dream, led = engine.imagine(moment, action)
    motion = poses.motion_between(moment.pose, led)
    motion[1, 3] += 0.15
    true = poses.move(moment.pose, motion)
    frame, _ = engine.imagine(moment, action, true)
    found = engine.locate(moment, action, frame, (dream, led))
    assert np.array_equal(found[0], led[0]), "as expected"
    assert np.array_equal(engine.locate(moment, action, frame), found)
    seen, _ = engine.imagine(moment, action, found)
    assert np.abs(seen[1].astype(int) - frame[1]).mean() < 0.3 * np.abs(dream[1].astype(int) - frame[1]).mean()
    assert abs(poses.wrap(found[1, 3] - true[1, 3])) < abs(poses.wrap(led[1, 3] - true[1, 3]))


def test_what_looks_like_nothing_around_is_left_where_keys_led(engine):
    moment, action = engine.begin([episode(5)], seed=0), np.array([1])
    noise = np.random.default_rng(0).integers(0, 256, (1, *engine.frame_shape)).astype(np.uint8)
    assert np.array_equal(engine.locate(moment, action, noise), engine.imagine(moment, action)[1])


def test_a_model_that_does_not_locate_goes_by_keys():
    plain = test_engine.make()
    moment, action = plain.begin([episode(5)], seed=0), np.array([1])
    frame = np.zeros((1, *plain.frame_shape), np.uint8)
    assert np.array_equal(plain.locate(moment, action, frame), plain.imagine(moment, action)[1])
