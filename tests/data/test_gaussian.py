"""Gaussian toy data: their distribution, their order and what is refused."""

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


def test_each_kind_has_its_mean_and_spread_and_half_of_the_numbers():
    drawn = table(mu=3.0, sigma=0.5)
    train = drawn.splits == 0
    numbers, signs = drawn.images[train].ravel(), drawn.attributes[train, 0]
    assert signs.mean() == pytest.approx(0.5, abs=0.01)
    for sign, mean in ((0, -3.0), (1, 3.0)):
        # a mean of 20,000 numbers is off by 0.5 / sqrt(20000) = 0.0035 typically
        assert numbers[signs == sign].mean() == pytest.approx(mean, abs=0.015)
        assert numbers[signs == sign].std() == pytest.approx(0.5, abs=0.012)


def test_mu_is_the_square_root_of_two_unless_said_otherwise():
    drawn = table(sigma=1e-6)
    assert np.abs(drawn.images) == pytest.approx(math.sqrt(2), abs=1e-4)


def test_a_batch_holds_floats_as_drawn_in_images_of_one_pixel():
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


def test_the_same_seed_draws_the_same_numbers_and_another_others():
    again = table().images.tobytes()
    assert table().images.tobytes() == again
    assert table(drawing_seed=1).images.tobytes() != again
    assert table(seed=1).images.tobytes() == again


def test_a_longer_split_begins_with_the_numbers_of_a_shorter_one():
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
def test_whatever_changes_the_numbers_changes_the_content_key(change):
    assert module(**change).content_key() != module().content_key()


def test_how_numbers_are_served_leaves_the_content_key():
    assert module(batch_size=4, seed=1).content_key() == module().content_key()


@pytest.mark.parametrize(
    ("mistake", "said"),
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
def test_what_makes_no_sense_is_refused_in_one_line(mistake, said):
    with pytest.raises(UserError, match=f"^{said}.*$"):
        module(**mistake)
