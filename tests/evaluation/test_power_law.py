"""Extrapolation of learning curves with a known law, and the binormal model."""

import math

import numpy as np
import pytest

from privacy_gan.evaluation.binormal import accuracy_from_bits, binormal_curve
from privacy_gan.evaluation.power_law import EXPONENTS, extrapolate, fit

SIZES = np.array([4000, 8000, 16000])
FORECAST = 160_000
COMMON = 0.015  # bits, error that all points share, as they have the same test images


def law(limit, scale, exponent, sizes):
    return limit - scale * (np.asarray(sizes) / SIZES[-1]) ** -exponent


def draws(truth, error, seed=0, resamples=200, entropy=1.0):
    """Return draws of the forecast from points with errors, as a bootstrap would estimate them."""
    rng = np.random.default_rng(seed)
    factor = np.linalg.cholesky(COMMON**2 + error**2 * np.eye(3))
    bits = truth + factor @ rng.standard_normal(3)
    samples = bits + rng.standard_normal((resamples, 3)) @ factor.T
    return extrapolate(SIZES, bits, samples, entropy, FORECAST, seed)


def test_the_fit_recovers_a_law():
    exponent = 0.3
    powers = (SIZES / 16000) ** -exponent
    limit, scale = fit(powers[None], law(0.4, 0.1, exponent, SIZES)[None], np.eye(3), entropy=1.0)
    assert (limit[0], scale[0]) == pytest.approx((0.4, 0.1))


def test_the_limit_is_at_most_the_entropy_and_bits_never_fall():
    powers = (SIZES / 16000) ** -0.1
    bits = np.array([[0.5, 0.7, 0.9], [0.5, 0.4, 0.3]])
    limit, scale = fit(np.stack([powers, powers]), bits, np.eye(3), entropy=1.0)
    assert limit == pytest.approx([1.0, 0.4])
    assert scale[0] > 0
    assert scale[1] == 0


@pytest.mark.parametrize("exponent", [0.1, 0.3, 1])
def test_exact_points_give_the_value_of_their_law(exponent):
    truth = law(0.4, 0.1, exponent, SIZES)
    samples = truth + COMMON * np.random.default_rng(0).standard_normal((100, 1)) * np.ones(3)
    shift = (samples - truth)[:, 0]
    found = extrapolate(SIZES, truth, samples, 1.0, FORECAST, seed=0) - shift
    assert np.median(found) == pytest.approx(law(0.4, 0.1, exponent, [FORECAST])[0], abs=2e-3)


def test_the_band_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(150):
        exponent, gain = rng.choice(EXPONENTS), rng.choice([0.1, 0.03, 0.01])  # n / 4 to n
        true = (0.4, gain / (4**exponent - 1), exponent)
        low, high = np.quantile(draws(law(*true, SIZES), 0.004, seed), [0.025, 0.975])
        covered.append(low <= law(*true, FORECAST) <= high)
    assert 0.90 <= np.mean(covered) <= 0.99  # 95.5% of 400


def test_a_flat_curve_stays_near_todays_value():
    low, high = np.quantile(draws(np.full(3, 0.1), 0.003), [0.025, 0.975])
    assert low < 0.1 < high < 0.2


def test_more_noise_gives_a_wider_band():
    truth = law(0.4, 0.1, 0.3, SIZES)
    widths = [np.ptp(np.quantile(draws(truth, error), [0.025, 0.975])) for error in (1e-3, 1e-2)]
    assert 1.3 * widths[0] < widths[1]


def test_the_same_seed_gives_the_same_draws():
    truth = law(0.4, 0.1, 0.3, SIZES)
    assert np.array_equal(draws(truth, 0.004), draws(truth, 0.004))


def test_one_bootstrap_sample_is_enough_to_run():
    found = extrapolate(SIZES, np.zeros(3), np.zeros((1, 3)), 1.0, FORECAST, seed=0)
    assert found == pytest.approx([0])


def test_a_separation_of_two_standard_deviations_is_worth_half_a_bit():
    # Two unit Gaussians at +1 and -1: Bayes accuracy Phi(1), capacity of the binary-input Gaussian
    # channel at a signal-to-noise ratio of 1
    information, accuracy = binormal_curve(0.5)
    index = int(np.interp(0.841345, accuracy, np.arange(len(accuracy))) + 0.5)
    assert accuracy[index] == pytest.approx(0.841345, abs=1e-6)
    assert information[index] == pytest.approx(0.4859, abs=1e-3)


@pytest.mark.parametrize("frequency", [0.5, 0.77, 0.1])
def test_accuracy_rises_from_the_majority_to_one(frequency):
    entropy = -sum(p * math.log2(p) for p in (frequency, 1 - frequency))
    found = accuracy_from_bits(np.linspace(-0.1, entropy, 50), frequency)
    assert found[0] == pytest.approx(max(frequency, 1 - frequency))
    assert found[-1] == pytest.approx(1)
    assert (np.diff(found) >= 0).all()
