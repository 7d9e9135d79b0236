"""Noise is a function of (seed, row, t); sampling walks a straight path."""

from __future__ import annotations

import pytest
import torch

from models.diffusion import add_noise, steps_table
from models.sampler import frame_noise, sample

SHAPE = (1, 3, 4, 4)


def test_noise_depends_on_seed_row_and_time_alone():
    torch.manual_seed(1)
    first = frame_noise(7, 3, (2, *SHAPE))
    torch.manual_seed(2)
    torch.randn(5)
    assert torch.equal(first, frame_noise(7, 3, (2, *SHAPE)))
    assert torch.equal(first, frame_noise(7, 3, (5, *SHAPE))[:2]), "the batch a row is in does not matter"


def test_another_seed_row_or_time_is_other_noise():
    draws = [frame_noise(seed, t, (2, *SHAPE))[row] for seed in (0, 1, 2**31) for t in (0, 1, 2) for row in (0, 1)]
    for i, one in enumerate(draws):
        assert not any(torch.equal(one, other) for other in draws[:i])


def test_noise_is_standard_normal():
    noise = frame_noise(0, 0, (4, 1, 3, 64, 64))
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02


def test_steps_fall_from_one_and_never_reach_zero():
    assert steps_table(1) == [1]
    assert steps_table(4) == [1, 0.75, 0.5, 0.25]
    for n in (0, -1):
        with pytest.raises(ValueError, match=f"denoising steps {n} must be at least 1"):
            steps_table(n)


@pytest.mark.parametrize("n_steps", [1, 2, 5])
def test_a_perfect_denoiser_is_followed_along_the_straight_path(n_steps):
    clean, noise = torch.randn(2, *SHAPE), torch.randn(2, *SHAPE)
    visited = []

    def denoise(x, level):
        visited.append(level)
        torch.testing.assert_close(x, add_noise(clean, noise, torch.full((2, 1), level)), atol=1e-5, rtol=1e-5)
        return clean

    torch.testing.assert_close(sample(denoise, noise, n_steps), clean)
    assert visited == steps_table(n_steps)


def test_the_last_prediction_is_the_frame():
    guesses = [torch.full((1, *SHAPE), value) for value in (0.1, 0.2, 0.3)]
    queue = iter(guesses)
    assert torch.equal(sample(lambda x, level: next(queue), torch.randn(1, *SHAPE), 3), guesses[-1])
