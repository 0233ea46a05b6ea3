"""Combining queries, for each score by the method that is best on validation images."""

import pytest
import torch

from privacy_gan.evaluation.metrics import build_scores
from privacy_gan.evaluation.predictions import (
    AdversaryPredictions,
    Prediction,
    combinations,
    combine_queries,
    select_strongest,
)
from privacy_gan.models.calibration import calibrate

FREQUENCIES = torch.tensor([0.5, 0.5], dtype=torch.float64)
SCORES = build_scores(("no", "yes"))


def probabilities(*class_one):
    ones = torch.tensor(class_one, dtype=torch.float64)
    return torch.stack([1 - ones, ones], dim=1)


def accuracy(probabilities, labels):
    return float((probabilities.argmax(dim=1) == labels).double().mean())


def test_calibration_is_not_used_for_a_score_that_it_worsens():
    # most predictions are weak but informative; a few confident random ones spoil the fit
    labels = torch.tensor([1] * 60 + [0] * 40 + [1] * 40 + [0] * 60 + [1, 0] * 25)
    predicted = probabilities(*[0.574] * 100, *[0.426] * 100, *[0.9975] * 50)
    found = combine_queries(predicted[None], predicted[None], labels, FREQUENCIES, SCORES)
    calibrated = calibrate(predicted, labels).apply(predicted)
    assert accuracy(calibrated, labels) < accuracy(predicted, labels)
    assert found["accuracy"].valid == accuracy(predicted, labels)
    assert found["accuracy"].method == "as answered"
    assert torch.equal(found["accuracy"].test, predicted)
    assert found["leaked_bits"].method == "as answered, calibrated"
    assert torch.equal(found["leaked_bits"].test, calibrated)


def test_queries_are_combined_by_two_methods():
    # odds of 19, 1/4 and 1/4: their product is 1.1875, while the mean probability is below a half
    both = combinations(torch.stack([probabilities(0.95), probabilities(0.2), probabilities(0.2)]))
    assert both["mean"][0, 1].item() == pytest.approx(0.45)
    assert both["sum of log-odds"][0, 1].item() == pytest.approx(1.1875 / 2.1875)
    assert list(combinations(probabilities(0.7)[None])) == ["as answered"]


def test_independent_queries_are_combined_by_the_sum_of_log_odds():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (2000,), generator=rng)
    # queries are calibrated, at 99 or 60 %, and independent
    certainty = torch.where(torch.rand(8, 2000, generator=rng) < 0.1, 0.99, 0.6).double()
    correct = torch.rand(8, 2000, generator=rng) < certainty
    shown = torch.where(correct, labels, 1 - labels)
    ones = torch.where(shown == 1, certainty, 1 - certainty)
    queries = torch.stack([1 - ones, ones], dim=2)
    found = combine_queries(queries, queries, labels, FREQUENCIES, SCORES)
    assert found["leaked_bits"].method.startswith("sum of log-odds")


def test_queries_that_can_be_confident_and_wrong_are_combined_by_the_mean():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (2000,), generator=rng)
    correct = torch.rand(5, 2000, generator=rng) < 0.8
    shown = torch.where(correct, labels, 1 - labels)
    # one query in ten is certain of the wrong class; the others predict 0.7
    poisoned = torch.rand(5, 2000, generator=rng) < 0.1
    ones = torch.where(shown == 1, 0.7, 0.3).double()
    ones = torch.where(poisoned, torch.where(labels == 1, 1e-9, 1 - 1e-9).double(), ones)
    queries = torch.stack([1 - ones, ones], dim=2)
    found = combine_queries(queries, queries, labels, FREQUENCIES, SCORES)
    assert found["accuracy"].method.startswith("mean")


def predictions_with(name, accuracy, bits):
    nothing = torch.zeros(1, 2)
    return AdversaryPredictions(
        name,
        1,
        {
            "accuracy": Prediction(accuracy, nothing, ""),
            "leaked_bits": Prediction(bits, nothing, ""),
        },
    )


def test_the_strongest_is_the_best_on_validation_and_ties_go_to_the_most_informative():
    candidates = [
        predictions_with("a", 0.8, 0.2),
        predictions_with("b", 0.9, 0.1),
        predictions_with("c", 0.9, 0.3),
    ]
    assert select_strongest(candidates, "accuracy").adversary == "c"
    assert select_strongest(candidates, "leaked_bits").adversary == "c"
    assert select_strongest(candidates[:2], "leaked_bits").adversary == "a"
