import math

import pytest
import torch

from privacy_gan.evaluation.standard_error import clustered_standard_error

VALUES = torch.tensor([1.0, 2.0, 4.0, 7.0])


def test_without_persons_it_is_the_standard_error_of_a_mean():
    expected = float(VALUES.std()) / math.sqrt(4)
    assert clustered_standard_error(VALUES, None) == pytest.approx(expected)


def test_persons_with_one_image_each_change_nothing():
    persons = torch.tensor([30, 10, 40, 20])
    alone = clustered_standard_error(VALUES, None)
    assert clustered_standard_error(VALUES, persons) == pytest.approx(alone)


def test_two_persons_by_hand():
    # mean 3.5; residuals -2.5, -1.5, 0.5, 3.5; sums of the persons -4 and 4
    persons = torch.tensor([7, 7, 9, 9])
    expected = math.sqrt(2 / 1 * (16 + 16)) / 4
    assert clustered_standard_error(VALUES, persons) == pytest.approx(expected)


def test_a_person_with_three_images_by_hand():
    # mean 3.5; sums of the persons -2.5 - 1.5 + 0.5 and 3.5
    persons = torch.tensor([5, 5, 5, 2])
    expected = math.sqrt(2 * (3.5**2 + 3.5**2)) / 4
    assert clustered_standard_error(VALUES, persons) == pytest.approx(expected)


def test_copies_of_an_image_add_nothing():
    copies = VALUES.repeat_interleave(20)
    persons = torch.arange(4).repeat_interleave(20)
    alone = clustered_standard_error(VALUES, None)
    assert clustered_standard_error(copies, persons) == pytest.approx(alone)


def test_one_person_says_nothing_about_the_error():
    assert clustered_standard_error(VALUES, torch.zeros(4, dtype=torch.int64)) == math.inf
    assert clustered_standard_error(VALUES[:1], None) == math.inf
    assert clustered_standard_error(VALUES[:0], torch.zeros(0, dtype=torch.int64)) == math.inf


def test_a_value_that_is_not_finite_makes_it_nan():
    assert math.isnan(clustered_standard_error(torch.tensor([1.0, math.nan]), None))
