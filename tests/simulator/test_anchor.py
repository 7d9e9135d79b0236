"""What keys let drift unseen is held by what the memory alone would draw, and by no more than that tells."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simulator.anchor import ASIDE, EVERY, FAR, FROM, anchored
from tests.models.tiny import episode
from tests.simulator.test_locate import engine  # noqa: F401  (a fixture)

ACTION = np.array([1, 2])


@pytest.fixture
def seen(engine):  # noqa: F811
    """A moment of two rows in which one looks, the frame that is truly seen next, from where, and where one believes to be."""
    moment = engine.begin([episode(5), episode(5, 1)], seed=0)
    moment = dataclasses.replace(moment, t=FROM + FROM % EVERY)
    _, led = engine.imagine(moment, ACTION)
    true = led + np.array([[0, 0, 0, 0.01, 0], [0, 0, 0, -0.012, 0]])
    frame, _ = engine.imagine(moment, ACTION, true)
    return moment, frame, true, led


def test_again_and_again_it_comes_nearer(engine, seen):  # noqa: F811
    moment, frame, true, believed = seen
    off = [np.abs(believed - true)[:, 3]]
    for _ in range(6):
        was = moment.pose
        moved, found = anchored(engine, moment, ACTION, frame, believed)
        np.testing.assert_allclose(moved.pose - was, found - believed, atol=1e-9)
        assert (np.abs(found - believed) <= FAR[-1] * ASIDE + 1e-9).all(), "no further than one looks"
        moment, believed = moved, found
        off.append(np.abs(believed - true)[:, 3])
    assert (off[1] < off[0]).all(), off
    assert (off[-1] < 0.5 * off[0]).all(), off


def test_who_was_turned_far_at_a_wall_is_turned_back_at_once(engine, seen):  # noqa: F811
    moment, _, _, believed = seen
    turned = FAR[0] * ASIDE * [0, 0, 0, 1, 0]
    frame, _ = engine.imagine(moment, ACTION, believed + turned)
    _, found = anchored(engine, moment, ACTION, frame, believed)
    np.testing.assert_allclose(found[:, 3], (believed + turned)[:, 3], atol=1e-6)


def test_nobody_looks_too_early_in_between_or_standing_still(engine, seen):  # noqa: F811
    moment, frame, _, believed = seen
    for t in (FROM - EVERY, moment.t + 1):
        other = dataclasses.replace(moment, t=t)
        same, found = anchored(engine, other, ACTION, frame, believed)
        assert same is other
        assert found is believed
    resting, found = anchored(engine, engine.placed(moment, believed), ACTION, frame, believed)
    assert np.array_equal(found, believed)
    assert np.array_equal(resting.pose, believed)


def test_where_the_memory_draws_the_same_from_everywhere_nothing_is_told(engine, seen, monkeypatch):  # noqa: F811
    moment, frame, _, believed = seen
    monkeypatch.setattr(type(engine), "imagine", lambda self, moment, actions, pose=None: (np.zeros_like(frame), pose))
    same, found = anchored(engine, moment, ACTION, frame, believed)
    np.testing.assert_allclose(found, believed, atol=1e-4)
    np.testing.assert_allclose(same.pose, moment.pose, atol=1e-4)
