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
    """Draws a smooth picture that tells where it is seen from, in its lower half what the step there was, as what is taken over
    from the frame before does; keeps all else of an engine."""

    def imagine(self, moment, actions, pose=None):
        pose, _ = self._told(moment, actions, pose)
        height, width, _ = self.frame_shape
        upper, lower = (self.waves(part, width) for part in (pose, poses.motion_between(moment.pose, pose)))
        picture = np.concatenate([np.tile(half[:, None], (1, height // 2, 1, 1)) for half in (upper, lower)], axis=1)
        return picture.astype(np.uint8), pose

    @staticmethod
    def waves(pose, width):
        bearing = pose[:, 3, None] - np.linspace(-0.7, 0.7, width)
        return 127 + 100 * np.stack([np.sin(k * bearing + 0.3 * pose[:, :1]) for k in (1, 2, 3)], axis=-1)


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
    stood, found = engine.locate(moment, action, frame, (dream, led))
    assert np.array_equal(found[0], led[0]), "as expected"
    assert np.array_equal(stood.pose, moment.pose), "another motion tells it all"
    assert np.array_equal(engine.locate(moment, action, frame)[1], found)
    seen, _ = engine.imagine(moment, action, found)
    assert np.abs(seen[1].astype(int) - frame[1]).mean() < 0.3 * np.abs(dream[1].astype(int) - frame[1]).mean()
    assert abs(poses.wrap(found[1, 3] - true[1, 3])) < abs(poses.wrap(led[1, 3] - true[1, 3]))


def test_who_is_held_back_far_is_found_too(engine):
    """A body in a corner: keys lead ahead and well round, it goes a little of both. No single step leads there downhill."""
    moment, action = engine.begin([episode(5)], seed=0), np.array([1])
    meant = np.array([[0.3, 0.05, 0.0, 0.7, 0.0]])
    dream, led = engine.imagine(moment, action, poses.move(moment.pose, meant))
    true = poses.move(moment.pose, meant * [0.25, 0.25, 1, 0.2, 1])
    frame, _ = engine.imagine(moment, action, true)
    _, found = engine.locate(moment, action, frame, (dream, led))
    assert abs(poses.wrap(found[0, 3] - true[0, 3])) < 0.05
    np.testing.assert_allclose(found[0, :2], true[0, :2], atol=0.1)


def test_who_stood_elsewhere_before_is_placed_there_and_his_step_is_kept(engine):
    moment, action = engine.begin([episode(5), episode(5, 1)], seed=0), np.array([1, 2])
    _, led = engine.imagine(moment, action)
    there = moment.pose + np.array([[0, 0, 0, 0, 0], [0, 0, 0, -0.12, 0]])
    frame, _ = engine.imagine(engine.placed(moment, there), action, poses.move(there, poses.motion_between(moment.pose, led)))
    stood, found = engine.locate(moment, action, frame)
    assert np.array_equal(stood.pose[0], moment.pose[0])
    assert abs(stood.pose[1, 3] - there[1, 3]) < 0.02
    np.testing.assert_allclose(stood.stream.last.pose[1].numpy(), stood.pose[1], atol=1e-6)
    np.testing.assert_allclose(poses.motion_between(stood.pose, found), poses.motion_between(moment.pose, led), atol=1e-9)
    assert moment.pose[1, 3] != stood.pose[1, 3], "the moment handed in is a value"


def test_what_looks_like_nothing_around_is_left_where_keys_led(engine):
    moment, action = engine.begin([episode(5)], seed=0), np.array([1])
    noise = np.random.default_rng(0).integers(0, 256, (1, *engine.frame_shape)).astype(np.uint8)
    stood, found = engine.locate(moment, action, noise)
    assert np.array_equal(found, engine.imagine(moment, action)[1])
    assert np.array_equal(stood.pose, moment.pose)


def test_a_model_that_does_not_locate_goes_by_keys():
    plain = test_engine.make()
    moment, action = plain.begin([episode(5)], seed=0), np.array([1])
    frame = np.zeros((1, *plain.frame_shape), np.uint8)
    stood, found = plain.locate(moment, action, frame)
    assert stood is moment
    assert np.array_equal(found, plain.imagine(moment, action)[1])
