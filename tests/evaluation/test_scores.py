"""Scores of predictions, worked by hand."""

import math
from functools import partial

import pytest
import torch

from privacy_gan.evaluation.metrics.bootstrap import compute_on_all
from privacy_gan.evaluation.metrics.privacy import (
    accuracy,
    auroc,
    balanced_accuracy,
    leaked_bits,
    tpr_at_one_percent,
)

HALF = torch.tensor([0.5, 0.5], dtype=torch.float64)


def predictions(*of_one):
    one = torch.tensor(of_one, dtype=torch.float64)
    return torch.stack([1 - one, one], dim=1)


def test_accuracy_counts_images():
    labels = torch.tensor([1, 1, 0, 0])
    assert compute_on_all(accuracy, predictions(0.9, 0.4, 0.2, 0.1), labels, HALF) == 0.75


def test_balanced_accuracy_weighs_classes_alike_and_expects_no_class_more_than_training_does():
    labels = torch.tensor([1, 1, 1, 0])
    frequencies = torch.tensor([0.25, 0.75], dtype=torch.float64)
    # against a prior of 0.75 only 0.8 and 0.9 speak for class 1: recalls 2/3 and 1
    found = compute_on_all(balanced_accuracy, predictions(0.8, 0.9, 0.7, 0.6), labels, frequencies)
    assert found == pytest.approx((2 / 3 + 1) / 2)


def test_always_the_majority_has_half_of_the_balanced_accuracy_and_of_the_area():
    labels = torch.tensor([1, 1, 1, 0])
    frequencies = torch.tensor([0.25, 0.75], dtype=torch.float64)
    constant = frequencies.expand(4, -1)
    assert compute_on_all(accuracy, constant, labels, frequencies) == 0.75
    assert compute_on_all(balanced_accuracy, constant, labels, frequencies) == 0.5
    assert compute_on_all(auroc, constant, labels, frequencies) == 0.5


def test_auroc_is_the_share_of_pairs_in_order():
    labels = torch.tensor([1, 1, 0, 0])
    # pairs (1 before 0): 0.9 > 0.5, 0.9 > 0.1, 0.4 < 0.5, 0.4 > 0.1
    assert compute_on_all(auroc, predictions(0.9, 0.4, 0.5, 0.1), labels, HALF) == pytest.approx(
        0.75
    )


def test_leaked_bits_are_entropy_less_cross_entropy():
    labels = torch.tensor([1, 0])
    # entropy 1 bit; cross-entropy minus log2 of 0.8 on average
    found = compute_on_all(leaked_bits, predictions(0.8, 0.2), labels, HALF)
    assert found == pytest.approx(1 + math.log2(0.8))
    assert compute_on_all(leaked_bits, predictions(1.0, 0.0), labels, HALF) == pytest.approx(1)


def test_a_wrong_adversary_leaks_nothing_rather_than_less():
    assert compute_on_all(leaked_bits, predictions(0.1, 0.9), torch.tensor([1, 0]), HALF) == 0


def test_certain_and_wrong_is_finite():
    assert math.isfinite(
        compute_on_all(leaked_bits, predictions(0.0, 1.0), torch.tensor([1, 0]), HALF)
    )


def test_auroc_needs_two_classes_and_takes_the_mean_over_more():
    assert math.isnan(compute_on_all(auroc, predictions(0.9, 0.4), torch.tensor([1, 1]), HALF))
    frequencies = torch.full((3,), 1 / 3, dtype=torch.float64)
    rows = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.1, 0.4]]
    # class 0 before both others; class 1 likewise; class 2 likewise
    found = torch.tensor(rows, dtype=torch.float64)
    assert compute_on_all(auroc, found, torch.tensor([0, 1, 2]), frequencies) == 1
    # class 0's 0.2 is behind 0.6 and 0.5, class 1's 0.3 before 0.5 or not: 0.3 < 0.5 and > 0.1
    assert compute_on_all(auroc, found, torch.tensor([1, 0, 2]), frequencies) == pytest.approx(
        (0 + 0.5 + 1) / 3
    )


def test_the_true_positive_rate_is_that_where_one_percent_of_the_negatives_is_above():
    labels = torch.tensor([1] * 4 + [0] * 200)
    shown = predictions(0.9, 0.65, 0.2, 0.05, 0.7, 0.6, *[0.1] * 198)
    # down to the second negative, 0.6, and on to what comes before the third, 0.1
    assert compute_on_all(partial(tpr_at_one_percent, value=1), shown, labels, HALF) == 0.75
    # of class 0 the first is a negative, one of four
    assert compute_on_all(
        partial(tpr_at_one_percent, value=0), shown, labels, HALF
    ) == pytest.approx(0.0)


def test_equal_values_are_taken_by_lot():
    labels = torch.tensor([1, 0, 0, 1])
    constant = HALF.expand(4, -1)
    assert compute_on_all(
        partial(tpr_at_one_percent, value=1), constant, labels, HALF
    ) == pytest.approx(0.01)
    alone = torch.tensor([1, 1])
    assert math.isnan(
        compute_on_all(partial(tpr_at_one_percent, value=1), constant[:2], alone, HALF)
    )
    assert math.isnan(
        compute_on_all(partial(tpr_at_one_percent, value=0), constant[:2], alone, HALF)
    )
