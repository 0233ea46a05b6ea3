"""The cost of complete hiding, for distributions whose optimal transport is known."""

import pytest
import torch

from privacy_gan.data.gaussian import GaussianDataModule
from privacy_gan.evaluation.least_distortion import least_distortion, least_error, pool

RNG = torch.Generator().manual_seed(0)
COUNT = 40_000


def normal(means, deviations, labels):
    """Return rows of normal values, with mean and deviation of each column by label."""
    noise = torch.randn(len(labels), means.shape[1], generator=RNG)
    return means[labels] + deviations[labels] * noise


def draw(*frequencies):
    weights = torch.tensor(frequencies)
    return torch.multinomial(weights, COUNT, replacement=True, generator=RNG)


def test_gaussian_toy_data_cost_the_distance_of_their_means():
    data = GaussianDataModule(
        num_train=16384,
        num_valid=8,
        num_test=8,
        mu=2**0.5,
        batch_size=8,
        seed=0,
    )
    data.setup()
    found = least_distortion(data, "Sign")
    # W2^2 = (2 mu)^2 = 8 in one value: a quarter of it to the barycentre, half to a random class
    assert found == {"hidden": pytest.approx(2, abs=0.05), "replaced": pytest.approx(4, abs=0.1)}


def test_means_deviations_and_class_frequencies_all_count():
    labels = draw(0.8, 0.2)
    means = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    deviations = torch.tensor([[1.0, 2.0, 0.5], [1.0, 0.5, 0.5]])
    squared = 1 + (2 - 0.5) ** 2  # W2^2 of normal distributions with the same axes
    found = least_error(normal(means, deviations, labels), labels, 2)
    assert found["hidden"] == pytest.approx(0.8 * 0.2 * squared / 3, rel=0.05)
    assert found["replaced"] == pytest.approx(squared / 2 / 3, rel=0.05)


def test_all_pairs_of_three_classes_count():
    labels = draw(0.5, 0.25, 0.25)
    means = torch.tensor([[0.0], [1.0], [3.0]])
    found = least_error(normal(means, torch.ones(3, 1), labels), labels, 3)
    # 1/2 1/4 1^2 + 1/2 1/4 3^2 + 1/4 1/4 2^2, the variance of the means, which is exact on a line
    assert found["hidden"] == pytest.approx(1.5, rel=0.05)
    # from 0: (0 + 1 + 9) / 3; from 1: (1 + 0 + 4) / 3; from 3: (9 + 4 + 0) / 3
    assert found["replaced"] == pytest.approx((10 / 2 + 5 / 4 + 13 / 4) / 3, rel=0.05)


def test_random_labels_cost_almost_nothing_even_with_few_images():
    labels = torch.arange(400) % 2
    values = torch.randn(400, 60, generator=RNG)
    found = least_error(values, labels, 2)
    uncorrected = 400 / 400 * (60 / 200 + 60 / 200) / 4 / 60  # bias from the means alone
    assert found["hidden"] < uncorrected / 3


def test_the_bound_for_pooled_images_is_below_the_exact_distance():
    labels = draw(0.5, 0.5)[:2000]
    images = torch.rand(2000, 3, 64, 64, generator=RNG)
    shift = 0.3 * (torch.rand(3, 64, 64, generator=RNG) > 0.5)
    images += labels[:, None, None, None] * (0.1 + shift)
    exact = (0.1 + shift).square().mean() / 4
    small = pool(images)
    assert small.shape == (2000, 3, 32, 32)
    assert 0 < least_error(small.flatten(1), labels, 2)["hidden"] < exact


def test_a_class_with_one_image_gives_no_bound():
    assert least_error(torch.rand(5, 3), torch.tensor([0, 0, 0, 0, 1]), 2) == {}
