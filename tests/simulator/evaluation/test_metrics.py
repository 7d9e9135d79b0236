"""Metrics against other people's implementations and against scores worked out by hand."""

import numpy as np
import pytest

from simulator.evaluation import metrics
from simulator.evaluation.tally import Tally, bin_of, estimate


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.repeat(rng.integers(0, 256, (2, 16, 16, 3)), 4, 1), 4, 2).astype(np.uint8)
    return np.clip(truth + rng.normal(0, 10, truth.shape), 0, 255).astype(np.uint8), truth


def test_ssim_is_the_usual_one(pair: tuple[np.ndarray, np.ndarray]):
    theirs = pytest.importorskip("skimage.metrics").structural_similarity
    for row in range(2):
        options = {"data_range": 255, "channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        expected = theirs(pair[0][row], pair[1][row], full=True, **options)[1]
        assert metrics.column_ssim(*pair)[row] == pytest.approx(expected.mean(axis=(0, 2)), abs=1e-3)


def test_psnr_of_a_known_error_and_of_none():
    truth = np.zeros((1, 8, 8, 3), np.uint8)
    assert metrics.psnr(metrics.column_mse(truth + 10, truth)) == pytest.approx(np.full((1, 8), 28.13), abs=0.01)
    assert (metrics.psnr(metrics.column_mse(truth, truth)) == 60).all()


def test_the_perceptual_distance_forgives_brightness_and_punishes_lost_edges(pair: tuple[np.ndarray, np.ndarray]):
    truth = (pair[1] // 2).astype(np.uint8)
    brighter = metrics.column_perceptual(truth + 10, truth).mean()
    flat = np.broadcast_to(truth.mean(axis=(1, 2), keepdims=True), truth.shape)
    assert brighter < 1e-6 < metrics.column_perceptual(flat, truth).mean()
    assert metrics.column_perceptual(truth, truth).max() == 0


def test_ages_fall_into_the_bins_they_are_named_for():
    ages = np.array([1, 2, 3, 8, 9, 24, 25, 64, 65, 256, 257, 9999, np.inf])
    assert bin_of(ages).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]


def test_a_tally_means_over_columns_and_leaves_out_what_it_is_told_to():
    tally = Tally(2)
    bins = np.array([[0, 0, 6], [0, 6, 6]])
    tally.add("x", np.array([[1.0, 3.0, 9.0], [5.0, 7.0, 100.0]]), bins, np.array([[True, True, True], [True, True, False]]))
    assert tally.by_age("x")["age_lt3"] == 3.0
    assert tally.by_age("x")["first_seen"] == 8.0
    assert tally.by_age("x")["age_9_24"] is None


def test_the_interval_spans_the_mazes_and_needs_two():
    value, interval = estimate(np.array([1.0, 3.0]), np.ones(2))
    assert value == 2.0
    assert interval == [1.0, 3.0]
    assert estimate(np.array([1.0]), np.ones(1)) == (1.0, None)
    assert estimate(np.zeros(2), np.zeros(2)) == (None, None)
