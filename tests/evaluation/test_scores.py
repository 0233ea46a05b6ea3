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


def predictions(*class_one):
    one = torch.tensor(class_one, dtype=torch.float64)
    return torch.stack([1 - one, one], dim=1)


def test_accuracy_is_the_share_of_correct_images():
    labels = torch.tensor([1, 1, 0, 0])
    assert compute_on_all(accuracy, predictions(0.9, 0.4, 0.2, 0.1), labels, HALF) == 0.75


def test_balanced_accuracy_gives_classes_equal_weight_and_corrects_for_training_frequencies():
    labels = torch.tensor([1, 1, 1, 0])
    frequencies = torch.tensor([0.25, 0.75], dtype=torch.float64)
    # relative to a frequency of 0.75, only 0.8 and 0.9 predict class 1: recalls 2/3 and 1
    found = compute_on_all(balanced_accuracy, predictions(0.8, 0.9, 0.7, 0.6), labels, frequencies)
    assert found == pytest.approx((2 / 3 + 1) / 2)


def test_constant_predictions_have_a_balanced_accuracy_and_an_area_of_one_half():
    labels = torch.tensor([1, 1, 1, 0])
    frequencies = torch.tensor([0.25, 0.75], dtype=torch.float64)
    constant = frequencies.expand(4, -1)
    assert compute_on_all(accuracy, constant, labels, frequencies) == 0.75
    assert compute_on_all(balanced_accuracy, constant, labels, frequencies) == 0.5
    assert compute_on_all(auroc, constant, labels, frequencies) == 0.5


def test_auroc_is_the_share_of_ordered_pairs():
    labels = torch.tensor([1, 1, 0, 0])
    # pairs (1 before 0): 0.9 > 0.5, 0.9 > 0.1, 0.4 < 0.5, 0.4 > 0.1
    assert compute_on_all(auroc, predictions(0.9, 0.4, 0.5, 0.1), labels, HALF) == pytest.approx(
        0.75
    )


def test_leaked_bits_are_entropy_minus_cross_entropy():
    labels = torch.tensor([1, 0])
    # entropy 1 bit; cross-entropy minus log2 of 0.8 on average
    found = compute_on_all(leaked_bits, predictions(0.8, 0.2), labels, HALF)
    assert found == pytest.approx(1 + math.log2(0.8))
    assert compute_on_all(leaked_bits, predictions(1.0, 0.0), labels, HALF) == pytest.approx(1)


def test_leaked_bits_are_never_negative():
    assert compute_on_all(leaked_bits, predictions(0.1, 0.9), torch.tensor([1, 0]), HALF) == 0


def test_leaked_bits_of_a_certain_and_wrong_prediction_are_finite():
    assert math.isfinite(
        compute_on_all(leaked_bits, predictions(0.0, 1.0), torch.tensor([1, 0]), HALF)
    )


def test_auroc_needs_two_classes_and_averages_over_more():
    assert math.isnan(compute_on_all(auroc, predictions(0.9, 0.4), torch.tensor([1, 1]), HALF))
    frequencies = torch.full((3,), 1 / 3, dtype=torch.float64)
    rows = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.1, 0.4]]
    # each class is ranked first in its own column
    found = torch.tensor(rows, dtype=torch.float64)
    assert compute_on_all(auroc, found, torch.tensor([0, 1, 2]), frequencies) == 1
    # class 0: 0.2 is below 0.6 and 0.5; class 1: 0.3 is below 0.5 and above 0.1; class 2: highest
    assert compute_on_all(auroc, found, torch.tensor([1, 0, 2]), frequencies) == pytest.approx(
        (0 + 0.5 + 1) / 3
    )


def test_the_true_positive_rate_is_taken_at_one_percent_false_positives():
    labels = torch.tensor([1] * 4 + [0] * 200)
    shown = predictions(0.9, 0.65, 0.2, 0.05, 0.7, 0.6, *[0.1] * 198)
    # the threshold is between the second negative, 0.6, and the third, 0.1
    assert compute_on_all(partial(tpr_at_one_percent, value=1), shown, labels, HALF) == 0.75
    # for class 0, the highest value is a negative, one of four
    assert compute_on_all(
        partial(tpr_at_one_percent, value=0), shown, labels, HALF
    ) == pytest.approx(0.0)


def test_ties_are_broken_at_random():
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
