"""Calibration of probabilities."""

import math

import pytest
import torch
from torch.nn.functional import nll_loss

from privacy_gan.models.calibration import calibrate


def predictions(*class_one):
    one = torch.tensor(class_one, dtype=torch.float64)
    return torch.stack([1 - one, one], dim=1)


# correct 8 times out of 10, but always almost certain
SURE = predictions(*[0.999] * 10, *[0.001] * 10)
LABELS = torch.tensor([1] * 8 + [0] * 2 + [0] * 8 + [1] * 2)


def test_overconfidence_is_reduced_to_the_accuracy():
    calibrated = calibrate(SURE, LABELS).apply(SURE)
    assert calibrated[0, 1].item() == pytest.approx(0.8, abs=0.005)
    assert calibrated[10, 0].item() == pytest.approx(0.8, abs=0.005)
    # minus the entropy of 0.8
    entropy = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert nll_loss(calibrated.log(), LABELS).item() == pytest.approx(entropy, abs=0.001)


def test_a_bias_towards_one_class_is_removed():
    leaning = predictions(*[0.9] * 10, *[0.6] * 10)  # all above 0.5, the first ten more so
    calibrated = calibrate(leaning, LABELS).apply(leaning)
    assert calibrated.argmax(dim=1).tolist() == [1] * 10 + [0] * 10


def test_calibrated_probabilities_do_not_change():
    honest = predictions(*[0.8] * 10, *[0.2] * 10)
    torch.testing.assert_close(calibrate(honest, LABELS).apply(honest), honest, atol=1e-3, rtol=0)


def test_a_perfect_adversary_stays_perfect_and_finite():
    labels = torch.tensor([1, 0, 1, 0])
    perfect = predictions(1.0, 0.0, 1.0, 0.0)
    calibration = calibrate(perfect, labels)
    assert math.isfinite(calibration.slope)
    assert nll_loss(calibration.apply(perfect).log(), labels).item() < 1e-3


def test_rows_are_probabilities():
    assert torch.allclose(calibrate(SURE, LABELS).apply(SURE).sum(dim=1), torch.ones(20).double())


def test_averages_over_many_queries_may_need_a_steep_slope():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (2000,), generator=rng)
    # an average of 0.731, whose small deviations reveal the label
    noise = 0.01 * torch.randn(2000, generator=rng, dtype=torch.float64)
    leaning = predictions(*torch.sigmoid(1 + 0.02 * (2 * labels - 1) + noise).tolist())
    assert (leaning.argmax(dim=1) == labels).double().mean() < 0.6
    calibrated = calibrate(leaning, labels).apply(leaning)
    # the means of the Gaussians are 4 deviations apart, so the accuracy is Phi(2)
    assert (calibrated.argmax(dim=1) == labels).double().mean() == pytest.approx(0.977, abs=0.01)
    bits = 1 - nll_loss(calibrated.log(), labels).item() / math.log(2)
    assert bits > 0.85


def test_uninformative_probabilities_do_not_change():
    uninformative = predictions(*[0.5] * 20)
    calibration = calibrate(uninformative, torch.tensor([0, 1] * 10))
    assert calibration.slope == pytest.approx(1)
    assert calibration.bias == pytest.approx((0, 0), abs=1e-6)
