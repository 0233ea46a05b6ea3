"""The distribution, order and arguments of Gaussian toy data."""

import math

import numpy as np
import pytest
import torch

from privacy_gan.data.gaussian import GaussianDataModule
from privacy_gan.errors import UserError


def module(**options):
    defaults = {"num_train": 40_000, "num_valid": 10, "num_test": 10, "batch_size": 8, "seed": 0}
    return GaussianDataModule(**(defaults | options))


def table(**options):
    data = module(**options)
    data.setup()
    return data.table


def test_each_class_has_its_mean_its_standard_deviation_and_half_of_the_samples():
    samples = table(mu=3.0, sigma=0.5)
    train = samples.splits == 0
    numbers, signs = samples.images[train].ravel(), samples.attributes[train, 0]
    assert signs.mean() == pytest.approx(0.5, abs=0.01)
    for sign, mean in ((0, -3.0), (1, 3.0)):
        # the standard error of the mean of 20,000 numbers is 0.5 / sqrt(20000) = 0.0035
        assert numbers[signs == sign].mean() == pytest.approx(mean, abs=0.015)
        assert numbers[signs == sign].std() == pytest.approx(0.5, abs=0.012)


def test_a_prior_sets_the_share_of_each_class():
    samples = table(prior=0.8)
    # the standard error of a share of 40,000 is 0.002
    assert samples.attributes[samples.splits == 0, 0].mean() == pytest.approx(0.8, abs=0.008)
    assert module(prior=0.8).content_key() != module().content_key()


def test_mu_is_the_square_root_of_two_by_default():
    samples = table(sigma=1e-6)
    assert np.abs(samples.images) == pytest.approx(math.sqrt(2), abs=1e-4)


def test_batches_have_unscaled_floats_in_images_of_one_pixel():
    data = module()
    data.setup()
    images, attributes = data.gather(torch.arange(5))
    assert images.shape == (5, 1, 1, 1)
    assert images.dtype == torch.float32
    assert images.flatten().tolist() == data.table.images[:5].ravel().tolist()
    assert images.min() < 0
    assert attributes.shape == (5, 1)
    assert data.attribute_names == ("Sign",)
    assert not data.viewable


def test_samples_depend_on_the_drawing_seed_only():
    again = table().images.tobytes()
    assert table().images.tobytes() == again
    assert table(drawing_seed=1).images.tobytes() != again
    assert table(seed=1).images.tobytes() == again


def test_a_longer_split_starts_with_the_samples_of_a_shorter_one():
    short, long = table(num_train=8, num_valid=3), table(num_train=9, num_valid=3)
    assert short.images[:8].tolist() == long.images[:8].tolist()
    assert short.images[8:].tolist() == long.images[9:].tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"mu": 1.0},
        {"sigma": 0.8},
        {"num_train": 39_999},
        {"num_valid": 11},
        {"num_test": 11},
        {"drawing_seed": 1},
    ],
)
def test_the_content_key_depends_on_all_arguments_of_the_distribution(change):
    assert module(**change).content_key() != module().content_key()


def test_the_content_key_does_not_depend_on_batch_size_and_seed():
    assert module(batch_size=4, seed=1).content_key() == module().content_key()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"sigma": 0.0}, "data.sigma=0.0"),
        ({"sigma": -1.0}, "data.sigma=-1.0"),
        ({"sigma": math.nan}, "data.sigma=nan"),
        ({"mu": -1.0}, "data.mu=-1.0"),
        ({"num_train": 0}, "data.num_train=0"),
        ({"num_valid": 0}, "data.num_valid=0"),
        ({"num_test": -1}, "data.num_test=-1"),
        ({"drawing_seed": -1}, "data.drawing_seed=-1"),
        ({"image_size": 64}, "image_size=64"),
    ],
)
def test_invalid_arguments_raise_a_one_line_error(argument, message):
    with pytest.raises(UserError, match=f"^{message}.*$"):
        module(**argument)
