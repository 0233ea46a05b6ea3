"""Bootstrap intervals."""

import math

import pytest
import torch

from privacy_gan.evaluation.metrics.bootstrap import Bootstrap, compute_on_all
from privacy_gan.evaluation.metrics.samples import mean

BOOTSTRAP = Bootstrap(resamples=2000, seed=0)


def test_the_interval_of_a_mean_is_1_96_standard_errors_to_each_side():
    heads = torch.tensor([1] * 300 + [0] * 100)
    estimate = BOOTSTRAP.percentile(mean, heads)
    error = math.sqrt(0.75 * 0.25 / 400)
    assert estimate.value == 0.75
    assert estimate.low == pytest.approx(0.75 - 1.96 * error, abs=0.004)
    assert estimate.high == pytest.approx(0.75 + 1.96 * error, abs=0.004)


def test_the_interval_of_a_constant_has_no_width():
    estimate = BOOTSTRAP.percentile(mean, torch.ones(10))
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


def test_columns_are_resampled_together():
    column = torch.randn(50, generator=torch.Generator().manual_seed(0))
    difference = BOOTSTRAP.percentile(lambda w, a, b: mean(w, a) - mean(w, b), column, column)
    assert (difference.low, difference.high) == (0, 0)


def test_undefined_statistics_have_no_estimate():
    assert BOOTSTRAP.percentile(lambda w, column: torch.tensor(math.nan), torch.ones(3)) is None
    assert BOOTSTRAP.percentile(lambda w, column: torch.tensor(math.inf), torch.ones(3)) is None


def test_the_same_seed_gives_the_same_interval():
    column = torch.arange(30.0)
    again = Bootstrap(resamples=2000, seed=0).percentile(mean, column)
    assert BOOTSTRAP.percentile(mean, column) == again
    assert Bootstrap(resamples=2000, seed=1).percentile(mean, column) != again


def test_the_normal_interval_of_a_mean_is_the_percentile_interval():
    column = torch.randn(400, generator=torch.Generator().manual_seed(0)) + 10
    normal = BOOTSTRAP.normal(lambda sample: compute_on_all(mean, sample), 1000, column)
    percentile = BOOTSTRAP.percentile(mean, column)
    assert normal.low == pytest.approx(percentile.low, abs=0.02)
    assert normal.high == pytest.approx(percentile.high, abs=0.02)


def test_weights_count_how_often_each_image_was_drawn():
    bootstrap = Bootstrap(resamples=3, seed=0)
    weights = bootstrap.weights(50)
    assert weights.sum(dim=1).tolist() == [50, 50, 50]
    for row, indices in zip(weights, bootstrap.draw_indices(50, 3), strict=True):
        assert row.tolist() == [int((indices == image).sum()) for image in range(50)]
