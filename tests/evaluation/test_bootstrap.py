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


# --- Persons

COLUMN = torch.tensor([1.0, 2.0, 4.0, 8.0])


def test_a_person_brings_all_their_images():
    # person 7 has images 0, 1 and 3, person 2 has image 2
    bootstrap = Bootstrap(resamples=40, seed=0, persons=torch.tensor([7, 7, 2, 7]))
    weights = bootstrap.weights(4)
    # two persons are drawn with replacement: both, or one of them twice
    assert set(map(tuple, weights.tolist())) == {(1, 1, 1, 1), (2, 2, 0, 2), (0, 0, 2, 0)}
    for row, indices in zip(weights, bootstrap.draw_indices(4, 40), strict=True):
        assert row.tolist() == [int((indices == image).sum()) for image in range(4)]


def test_the_mean_of_a_sample_is_over_the_images_of_the_drawn_persons():
    bootstrap = Bootstrap(resamples=2000, seed=0, persons=torch.tensor([7, 7, 2, 7]))
    estimate = bootstrap.percentile(mean, COLUMN)
    assert estimate.value == 15 / 4
    assert estimate.high == 4  # person 2 twice
    assert estimate.low == pytest.approx(11 / 3)  # person 7 twice


def test_persons_with_one_image_each_change_nothing():
    column = torch.randn(60, generator=torch.Generator().manual_seed(0))
    persons = BOOTSTRAP.over(torch.arange(60) + 1000)
    assert persons.percentile(mean, column) == BOOTSTRAP.percentile(mean, column)


@pytest.mark.parametrize("copies", [2, 20])
def test_copies_of_images_do_not_narrow_the_intervals_of_persons(copies):
    column = torch.randn(60, generator=torch.Generator().manual_seed(0))
    persons = torch.arange(60).repeat_interleave(copies)
    copied = column.repeat_interleave(copies)
    over_persons, single = BOOTSTRAP.over(persons), BOOTSTRAP.percentile(mean, column)
    estimate = over_persons.percentile(mean, copied)
    assert estimate.low == pytest.approx(single.low, abs=1e-6)
    assert estimate.high == pytest.approx(single.high, abs=1e-6)
    # as if images were independent: narrower by the root of the number of copies
    narrow = BOOTSTRAP.percentile(mean, copied)
    ratio = (estimate.high - estimate.low) / (narrow.high - narrow.low)
    assert ratio == pytest.approx(copies**0.5, rel=0.1)


def test_the_normal_interval_resamples_persons_too():
    column = torch.randn(40, generator=torch.Generator().manual_seed(0)).abs()
    persons = torch.arange(40).repeat_interleave(5)

    def root_mean_square(sample):
        return float(sample.square().mean().sqrt())

    single = BOOTSTRAP.over(torch.arange(40)).normal(root_mean_square, 50, column)
    copied = BOOTSTRAP.over(persons).normal(root_mean_square, 50, column.repeat_interleave(5))
    assert copied.low == pytest.approx(single.low, abs=1e-5)
    assert copied.high == pytest.approx(single.high, abs=1e-5)


def test_columns_must_be_those_of_the_persons_images():
    with pytest.raises(ValueError, match="3 persons for 4 images"):
        BOOTSTRAP.over(torch.tensor([1, 2, 3])).percentile(mean, COLUMN)
