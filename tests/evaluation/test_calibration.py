"""Probabilities that mean what they say."""

import math

import pytest
import torch
from torch.nn.functional import nll_loss

from privacy_gan.evaluation.calibration import calibrate


def predictions(*of_one):
    one = torch.tensor(of_one, dtype=torch.float64)
    return torch.stack([1 - one, one], dim=1)


# right 8 times of 10, and sure of it each time
SURE = predictions(*[0.999] * 10, *[0.001] * 10)
LABELS = torch.tensor([1] * 8 + [0] * 2 + [0] * 8 + [1] * 2)


def test_too_much_certainty_becomes_the_share_of_right_answers():
    mended = calibrate(SURE, LABELS).apply(SURE)
    assert mended[0, 1].item() == pytest.approx(0.8, abs=0.005)
    assert mended[10, 0].item() == pytest.approx(0.8, abs=0.005)
    # minus the entropy of 0.8
    entropy = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert nll_loss(mended.log(), LABELS).item() == pytest.approx(entropy, abs=0.001)


def test_who_leans_to_one_side_is_set_upright():
    leaning = predictions(*[0.9] * 10, *[0.6] * 10)  # says 1 of all, but more of the first ten
    mended = calibrate(leaning, LABELS).apply(leaning)
    assert mended.argmax(dim=1).tolist() == [1] * 10 + [0] * 10


def test_what_means_what_it_says_stays():
    meant = predictions(*[0.8] * 10, *[0.2] * 10)
    torch.testing.assert_close(calibrate(meant, LABELS).apply(meant), meant, atol=1e-3, rtol=0)


def test_a_perfect_adversary_stays_perfect_and_finite():
    labels = torch.tensor([1, 0, 1, 0])
    perfect = predictions(1.0, 0.0, 1.0, 0.0)
    found = calibrate(perfect, labels)
    assert math.isfinite(found.slope)
    assert nll_loss(found.apply(perfect).log(), labels).item() < 1e-3


def test_rows_are_probabilities():
    assert torch.allclose(calibrate(SURE, LABELS).apply(SURE).sum(dim=1), torch.ones(20).double())


def test_averages_of_many_answers_may_need_a_steep_slope():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (2000,), generator=rng)
    # an average of 0.731 and a bit more or less, whose little difference tells all
    noise = 0.01 * torch.randn(2000, generator=rng, dtype=torch.float64)
    leaning = predictions(*torch.sigmoid(1 + 0.02 * (2 * labels - 1) + noise).tolist())
    assert (leaning.argmax(dim=1) == labels).double().mean() < 0.6
    mended = calibrate(leaning, labels).apply(leaning)
    # the two Gaussians lie 4 deviations apart: right in Phi(2) of all cases
    assert (mended.argmax(dim=1) == labels).double().mean() == pytest.approx(0.977, abs=0.01)
    bits = 1 - nll_loss(mended.log(), labels).item() / math.log(2)
    assert bits > 0.85


def test_answers_that_say_nothing_are_left_alone():
    nothing = predictions(*[0.5] * 20)
    found = calibrate(nothing, torch.tensor([0, 1] * 10))
    assert found.slope == pytest.approx(1)
    assert found.bias == pytest.approx((0, 0), abs=1e-6)
