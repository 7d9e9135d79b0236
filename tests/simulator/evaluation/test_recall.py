"""Drawing frames gone by: perfect memory draws them all, amnesia none, and what one looked at last gives nothing away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.state import tensors
from simulator.evaluation import maze
from simulator.evaluation.recall import EVERY, Recall
from tests.simulator.evaluation import fakes
from tests.simulator.evaluation.test_evaluation_evaluated import CEILING
from tests.simulator.test_engine import make

AT = 120


def recall(fake: type[fakes.Fake]) -> Recall:
    batch = [maze.make_scene(str(seed), fakes.make_episode(AT, seed)) for seed in range(2)]
    engine = fake([scene.episode for scene in batch])
    asked, moment = Recall(engine, batch, AT), engine.begin(None, 0, batch=2)
    moment = replace(moment, stream=(np.array([[0], [1]]), moment.stream[1]))
    for t in range(AT):
        frames, pose = (np.stack([getattr(scene.episode, name)[t] for scene in batch]) for name in ("image", "pose"))
        moment = engine.absorb(moment, frames, np.zeros(2, int), pose)
        asked(t + 1, moment)
    return asked


@pytest.fixture(scope="module")
def perfect() -> Recall:
    return recall(fakes.PerfectMemory)


def test_perfect_memory_draws_all_that_was_seen_and_nothing_once_emptied_or_exchanged(perfect: Recall):
    found = perfect.summary()["recall"]
    assert found["psnr"]["age_9_24"] == found["psnr"]["age_65_256"] == CEILING
    assert found["psnr"]["age_gt256"] is None
    assert found["psnr_reset"]["age_65_256"] < 25
    assert found["psnr_swapped"]["age_65_256"] < 25


def test_amnesia_and_copying_draw_nothing():
    for fake in (fakes.Amnesiac, fakes.CopyLast):
        found = recall(fake).summary()["recall"]
        assert found["psnr"]["age_25_64"] < 25
        assert found["psnr"] == found["psnr_reset"]


def test_pictures_are_of_each_maze_oldest_first(perfect: Recall):
    truth, dream = perfect.pictures["recall"][1]
    assert len(truth) == len(dream) > 5
    first = fakes.make_episode(AT, 1).image[EVERY - 1]
    np.testing.assert_array_equal(truth[0], first)
    np.testing.assert_array_equal(dream[0], first)


def test_episodes_too_short_say_nothing():
    batch = [maze.make_scene("a", fakes.make_episode(20, 0))]
    assert Recall(fakes.PerfectMemory([batch[0].episode]), batch, AT).summary() == {}


def test_who_is_blindfolded_draws_from_the_long_memory_alone():
    engine = make()
    moment = engine.begin(None, 0)
    actions = np.full(1, engine.actions.noop)
    for _ in range(3):
        moment = engine.step(moment, actions)
    before = [part.clone() for part in tensors(moment.stream)]
    blind = engine.blindfold(moment)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors(moment.stream), strict=True))
    assert not blind.motion.any()
    assert not blind.stream.last.seen.any()
    assert not any(layer.local.valid.any() for layer in blind.stream.layers)
    longs = [layer.long.ssm for layer in moment.stream.layers]
    assert any(part.any() for part in longs if part.numel())
    assert all(torch.equal(layer.long.ssm, part) for layer, part in zip(blind.stream.layers, longs, strict=True))
