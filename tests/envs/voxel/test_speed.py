"""A floor under the speed: far below what an idle core does, so that only a real loss is noticed."""

import pytest

from envs.voxel.bench import measure


@pytest.mark.slow
def test_a_thousand_steps_a_second_on_one_core():
    assert measure(64, n_steps=600).steps_per_second > 1000.0


def test_playing_is_faster_than_watching():
    rates = measure(64, n_steps=100)
    assert rates.steps_per_second > 200.0
    assert rates.render_ms > rates.step_ms > 0.0
