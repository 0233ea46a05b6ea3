"""Metrics worked by hand on four test images."""

import math

import pytest
import torch

from privacy_gan.evaluation.evaluate import compute_measures, known_bits
from privacy_gan.evaluation.metrics import build_scores
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap, compute_on_all
from privacy_gan.evaluation.metrics.distortion import decibels
from privacy_gan.evaluation.metrics.privacy import gain, paper_privacy_loss, probing_gap
from privacy_gan.evaluation.metrics.utility import attained
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.outputs import Outputs, TestOutputs
from privacy_gan.evaluation.predictions import AdversaryPredictions, Prediction
from privacy_gan.evaluation.warnings import weak_classifier_warnings
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure

BOOTSTRAP = Bootstrap(resamples=20, seed=0)
SCORES = build_scores(("no", "yes"))


def certain(*classes):
    """Return the probabilities of a classifier that is certain of these classes."""
    return torch.eye(2, dtype=torch.float64)[torch.tensor(classes)]


def outputs(**predicted):
    features = torch.randn(4, 2, generator=torch.Generator().manual_seed(len(predicted)))
    probabilities = {name: certain(*classes) for name, classes in predicted.items()}
    return Outputs(probabilities, features, None)


OUTPUTS = TestOutputs(
    censored=outputs(s=(1, 1, 0, 0), u=(1, 0, 0, 0), v=(1, 1, 1, 1)),
    original=outputs(s=(1, 0, 1, 0), u=(1, 1, 0, 0), v=(0, 0, 1, 1)),
    feature_sizes=[2],
    synthetic=torch.tensor([1, 1, 1, 0]),
    distortion=torch.tensor([0.01, 0.03, 0.00, 0.00]),
    ssim=torch.tensor([0.9, 0.8, 1.0, 1.0]),
)
TRAIN = {
    "s": torch.tensor([0, 0, 1, 1]),
    "u": torch.tensor([0, 0, 1, 1]),
    "v": torch.tensor([0, 1, 1, 1]),
}
TEST = {
    "s": torch.tensor([0, 1, 1, 0]),
    "u": torch.tensor([1, 1, 1, 0]),
    "v": torch.tensor([1, 0, 1, 1]),
}


def values(measure):
    columns = (
        measure.censored,
        measure.original,
        measure.majority_baseline,
        measure.correlation_baseline,
    )
    return [None if column is None else pytest.approx(column.value) for column in columns]


def observations(*utilities, **what):
    return Observations("s", ("no", "yes"), utilities, TRAIN, TEST, BOOTSTRAP, SCORES, **what)


def predicting(name, probabilities, valid=0.0, queries=1):
    """Return an adversary with the same predictions for every score."""
    prediction = Prediction(valid, probabilities, "as answered")
    return AdversaryPredictions(name, queries, dict.fromkeys(SCORES, prediction))


CERTAIN = {"predictions": [predicting("certain", certain(0, 1, 1, 1))]}  # three correct


def measures_of(*utilities, **what):
    return compute_measures(observations(*utilities, outputs=OUTPUTS, **CERTAIN, **what))


def test_utility_is_the_accuracy_per_attribute_and_the_score_their_mean():
    found = measures_of("u", "v")
    # u: correct on censored images 1 and 4, on originals 1, 2 and 4; the majority is a tie, so 0
    assert values(found["utility/u"])[:3] == [0.5, 0.75, 0.25]
    # v: always 1, as the majority, is correct three times; on originals 2, 3 and 4
    assert values(found["utility/v"])[:3] == [0.75, 0.75, 0.75]
    assert values(found["utility_score"])[:3] == [(0.5 + 0.75) / 2, 0.75, 0.5]


def test_the_retrained_utility_is_the_accuracy_of_the_retrained_classifier():
    found = measures_of("u", retrained={"u": torch.tensor([1, 1, 0, 0])})
    assert values(found["retrained_utility/u"])[:3] == [0.75, None, 0.25]
    assert values(found["retrained_utility_score"]) == values(found["retrained_utility/u"])
    assert "retrained_utility_score" not in measures_of("u")


def test_utilities_have_a_ceiling_from_the_frequencies_in_the_test_images():
    found = measures_of("u", "v", retrained={"u": torch.tensor([1, 1, 0, 0])})
    # s is 0, 1, 1, 0: u is 1, 0 given s = 0 and 1, 1 given s = 1; v is 1, 1 and 0, 1
    for name in ("utility/u", "utility/v", "retrained_utility/u"):
        assert found[name].ceiling.value == 1 - 0.5 * 0.5
    assert found["utility_score"].ceiling.value == 0.75
    assert found["privacy_loss"].ceiling is None


def test_the_attained_utility_is_1_at_the_lower_of_ceiling_and_original():
    # 16 images: u is s in 12 of them, so the ceiling is 1 - 0.5 * 0.5 = 0.75; half have u = 1
    sensitive = torch.tensor([0] * 8 + [1] * 8)
    utility = torch.tensor([0] * 6 + [1] * 2 + [0] * 2 + [1] * 6)

    def attained_by(censored, original):
        correct = torch.zeros(16, 1, 4, dtype=torch.float64)
        correct[:censored, 0, 0] = 1
        correct[:original, 0, 1] = 1
        correct[:, 0, 2] = utility == 0
        known = torch.ones(16, 1, dtype=torch.bool)
        return compute_on_all(attained, correct, known, utility[:, None], sensitive)

    assert attained_by(12, 16) == 1  # at the ceiling
    assert attained_by(10, 16) == (10 - 8) / (12 - 8)
    assert attained_by(10, 10) == 1  # as much as on original images, which is below the ceiling
    assert attained_by(14, 16) == (14 - 8) / (12 - 8)  # more than is possible without s
    assert attained_by(8, 16) == 0
    assert math.isnan(attained_by(10, 8))  # nothing is learned from original images


def test_the_attained_utility_is_undefined_where_there_may_be_no_room():
    retrained = {"u": torch.tensor([1, 1, 0, 0])}
    assert "attained_utility/u" not in measures_of("u", retrained=retrained)  # no reference
    originals = {"u": torch.tensor([1, 1, 1, 0])}
    found = measures_of("u", retrained=retrained, retrained_on_originals=originals)
    # the majority baseline has 1/4, originals 1 and the ceiling 3/4, but of four images alone the
    # interval of the ceiling reaches the majority baseline
    assert found["attained_utility/u"] == found["attained_utility_score"] == Measure(None)


def test_the_possible_utility_is_the_ceiling_at_the_leak_that_was_found():
    found = measures_of("u", retrained={"u": torch.tensor([1, 1, 0, 0])})
    # u has a total variation of 1/2; the adversary recognizes one of two with s = 0 and both with
    # s = 1, a balanced accuracy of 3/4, which shows a total variation of 1/2
    assert found["possible_utility/u"].censored.value == 1


def test_the_correlation_baseline_uses_all_other_attributes():
    found = measures_of("u", "v")
    # in training u is s: cells (s, v) = (0, 0), (0, 1), (1, 1) predict u = 0, 0, 1 and (1, 0) the
    # overall tie, so 0; test cells are (0, 1), (1, 0), (1, 1), (0, 1): correct in 3 and 4
    assert values(found["utility/u"])[3] == 0.5


def test_the_success_rate_counts_predictions_of_the_synthetic_attribute():
    # s' is 1, 1, 1, 0; predictions are 1, 1, 0, 0 on censored images and 1, 0, 1, 0 on originals
    assert values(measures_of()["success_rate"]) == [0.75, 0.75, None, None]


def test_correlations_are_between_predictions_of_classifiers():
    found = measures_of("u", "v")
    # s and u censored: covariance 1/8, variances 1/4 and 3/16
    expected = (1 / 8) / math.sqrt(1 / 4 * 3 / 16)
    assert values(found["correlation/u"]) == [expected, 0, None, None]
    # v is always predicted as 1 on censored images
    assert values(found["correlation/v"]) == [None, 0, None, None]


def test_distortion_is_measured_by_image_and_by_batch():
    found = measures_of(epsilon=0.015, epsilon_batch_size=2)
    assert values(found["distortion"])[0] == 0.01
    assert values(found["images_over_budget"])[0] == 0.25
    assert values(found["batches_over_budget"])[0] == 0.5  # of 0.02 and 0
    assert values(found["psnr"])[0] == 20  # -10 log10 0.01
    assert values(found["ssim"])[0] == 0.925
    assert "images_over_budget" not in measures_of()


@pytest.mark.parametrize(("size", "share"), [(3, 1), (5, 0)])
def test_a_smaller_last_batch_counts_only_if_it_is_the_only_batch(size, share):
    found = measures_of(epsilon=0.011, epsilon_batch_size=size)
    assert values(found["batches_over_budget"])[0] == share  # of 0.0133 alone, or of 0.01


def test_unchanged_images_have_no_finite_psnr():
    assert compute_on_all(decibels, torch.zeros(3)) == math.inf


def correct(*images):
    return torch.tensor(images, dtype=torch.float64)


def test_the_normalized_gain_is_0_at_the_majority_baseline_and_1_at_the_original():
    majority, original = correct(1, 1, 0, 0), correct(1, 1, 1, 1)
    gains = [compute_on_all(gain, majority, original, each) for each in (majority, original)]
    assert gains == [0, 1]
    # (3/4 - 2/4) / (4/4 - 2/4), and negative below the majority baseline
    assert compute_on_all(gain, majority, original, correct(0, 1, 1, 1)) == 0.5
    assert compute_on_all(gain, majority, original, correct(0, 1, 0, 0)) == -0.5
    assert math.isnan(compute_on_all(gain, majority, majority, original))


def test_privacy_measures_have_the_same_adversaries_on_originals_as_reference():
    found = compute_measures(
        observations(
            "u", **CERTAIN, original_predictions=[predicting("certain", certain(0, 1, 1, 0))]
        )
    )
    assert list(found) == [
        *("privacy_loss", "normalized_gain", "balanced_accuracy", "auroc", "leaked_bits"),
        *("tpr_at_1_percent_fpr/no", "tpr_at_1_percent_fpr/yes"),
    ]
    # the majority is a tie, so 0; the baseline predicts 1, 0 (a tie), 1 and 0 from (u, v)
    assert values(found["privacy_loss"]) == [0.75, 1.0, 0.5, 0.5]
    assert values(found["normalized_gain"]) == [0.5, 1.0, 0.0, 0.0]


def test_without_originals_privacy_measures_have_no_reference():
    found = compute_measures(observations(**CERTAIN))
    assert "normalized_gain" not in found
    assert values(found["privacy_loss"]) == [0.75, None, 0.5, 0.5]


def test_each_score_of_an_adversary_is_bootstrapped_once(monkeypatch):
    both = observations(**CERTAIN)
    first = both.score_of("accuracy", CERTAIN["predictions"][0])
    monkeypatch.setattr(BOOTSTRAP, "percentile", None)
    assert both.score_of("accuracy", both.strongest("accuracy")) is first


def test_the_papers_measure_uses_one_uncalibrated_query_of_its_own_adversary():
    half, all_correct = certain(0, 1, 0, 1), certain(0, 1, 1, 0)
    panel = {"resnet10": {"test": all_correct[None]}}
    papers = {"censored": half, "original": all_correct}
    found = paper_privacy_loss(observations(probabilities=panel, paper_probabilities=papers))
    assert values(found) == [0.5, 1.0, None, None]
    assert paper_privacy_loss(observations(probabilities=panel)) is None


def test_the_probing_gap_is_the_best_one_query_adversarys_bits_minus_the_discriminators():
    knows = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.9, 0.1]], dtype=torch.float64)
    adversaries = [
        predicting("best on validation images", knows, 0.3),
        predicting("best on test images", certain(0, 1, 1, 0), 0.2),
        predicting("several queries", certain(0, 1, 1, 0), 0.9, queries=16),
    ]
    found = probing_gap(observations(predictions=adversaries, discriminator_bits=0.25)).censored
    bits = 1 + math.log2(0.9)
    assert found.value == pytest.approx(bits - 0.25)
    assert found.low <= found.value <= found.high
    assert probing_gap(observations(predictions=adversaries[2:], discriminator_bits=0.25)) is None
    assert probing_gap(observations(predictions=adversaries)) is None  # without a filter


def test_known_bits_from_a_cross_entropy_in_nats():
    labels = torch.tensor([0, 0, 1, 1])  # one bit
    assert known_bits(0.0, labels) == pytest.approx(1)
    assert known_bits(math.log(2) / 2, labels) == pytest.approx(0.5)
    assert known_bits(1.0, labels) == 0  # worse than guessing is 0 bits


def test_a_warning_names_the_classifiers_that_labels_beat():
    def with_baseline(value):
        return Measure(None, correlation_baseline=Estimate(value, value, value))

    found = {
        "privacy_loss": with_baseline(0.84),
        "utility/u": with_baseline(0.87),
        "utility/v": with_baseline(0.70),
    }
    (warning,) = weak_classifier_warnings(found, "s", {"s": 0.86, "u": 0.85, "v": 0.71})
    assert "u (85.0%, from labels 87.0%)" in warning
    assert "classifiers.epochs=N" in warning
    assert "v (" not in warning
    (both,) = weak_classifier_warnings(found, "s", {"s": 0.83, "u": 0.85, "v": 0.71})
    assert "s (83.0%, from labels 84.0%), u (" in both
    assert weak_classifier_warnings(found, "s", {"s": 0.84, "u": 0.87, "v": 0.7}) == []
