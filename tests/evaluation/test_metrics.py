"""The paper's measures, worked by hand on four test images."""

import math

import pytest
import torch

from privacy_gan.evaluation.evaluate import compute_measures, known_bits, weak_classifier_warnings
from privacy_gan.evaluation.metrics import build_scores
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap, compute_on_all
from privacy_gan.evaluation.metrics.distortion import decibels
from privacy_gan.evaluation.metrics.privacy import gain, paper_privacy_loss, probing_gap
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.outputs import Outputs, TestOutputs
from privacy_gan.evaluation.predictions import AdversaryPredictions, Prediction
from privacy_gan.runs.result import Estimate, Measure

BOOTSTRAP = Bootstrap(resamples=20, seed=0)
SCORES = build_scores(("no", "yes"))


def sees(*classes):
    """Probabilities of a classifier that is sure of what it sees."""
    return torch.eye(2, dtype=torch.float64)[torch.tensor(classes)]


def outputs(**seen):
    features = torch.randn(4, 2, generator=torch.Generator().manual_seed(len(seen)))
    return Outputs({name: sees(*classes) for name, classes in seen.items()}, features, None)


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


def seen(*utilities, **what):
    return Observations("s", ("no", "yes"), utilities, TRAIN, TEST, BOOTSTRAP, SCORES, **what)


def predicting(name, probabilities, valid=0.0, queries=1):
    """Return an adversary that predicts the same in whatever score."""
    prediction = Prediction(valid, probabilities, "as answered")
    return AdversaryPredictions(name, queries, dict.fromkeys(SCORES, prediction))


CERTAIN = {"predictions": [predicting("certain", sees(0, 1, 1, 1))]}  # three right


def found_of(*utilities, **what):
    return compute_measures(seen(*utilities, outputs=OUTPUTS, **CERTAIN, **what))


def test_utility_is_each_attributes_accuracy_and_their_mean():
    found = found_of("u", "v")
    # u: censored right in images 1 and 4, original in 1, 2 and 4; prior is a tie, won by class 0
    assert values(found["utility/u"])[:3] == [0.5, 0.75, 0.25]
    # v: always 1 is right thrice, as is the prior; original in images 2, 3 and 4
    assert values(found["utility/v"])[:3] == [0.75, 0.75, 0.75]
    assert values(found["utility_score"])[:3] == [(0.5 + 0.75) / 2, 0.75, 0.5]


def test_the_retrained_utility_is_that_of_who_learned_from_censored_images():
    found = found_of("u", retrained={"u": torch.tensor([1, 1, 0, 0])})
    assert values(found["retrained_utility/u"])[:3] == [0.75, None, 0.25]
    assert values(found["retrained_utility_score"]) == values(found["retrained_utility/u"])
    assert "retrained_utility_score" not in found_of("u")


def test_floors_come_from_all_other_attributes():
    found = found_of("u", "v")
    # in training u is s: cells (s, v) = (0, 0), (0, 1), (1, 1) predict u = 0, 0, 1 and (1, 0) its
    # prior, a tie won by 0; test cells are (0, 1), (1, 0), (1, 1), (0, 1): right in 3 and 4
    assert values(found["utility/u"])[3] == 0.5


def test_success_is_seeing_the_synthetic_attribute():
    # censored shows 1, 1, 0, 0 where 1, 1, 1, 0 was put in; originals show 1, 0, 1, 0
    assert values(found_of()["success_rate"]) == [0.75, 0.75, None, None]


def test_correlations_are_between_what_classifiers_see():
    found = found_of("u", "v")
    # s and u censored: covariance 1/8, variances 1/4 and 3/16
    expected = (1 / 8) / math.sqrt(1 / 4 * 3 / 16)
    assert values(found["correlation/u"]) == [expected, 0, None, None]
    # v is always seen as 1 in censored images
    assert values(found["correlation/v"]) == [None, 0, None, None]


def test_change_is_measured_by_image_and_by_batch():
    found = found_of(epsilon=0.015, epsilon_batch_size=2)
    assert values(found["distortion"])[0] == 0.01
    assert values(found["images_over_budget"])[0] == 0.25
    assert values(found["batches_over_budget"])[0] == 0.5  # of 0.02 and 0
    assert values(found["psnr"])[0] == 20  # -10 log10 0.01
    assert values(found["ssim"])[0] == 0.925
    assert "images_over_budget" not in found_of()


@pytest.mark.parametrize(("size", "share"), [(3, 1), (5, 0)])
def test_a_last_smaller_batch_does_not_count_unless_it_is_the_only_one(size, share):
    found = found_of(epsilon=0.011, epsilon_batch_size=size)
    assert values(found["batches_over_budget"])[0] == share  # of 0.0133 alone, or of 0.01


def test_unchanged_images_have_no_finite_psnr():
    assert compute_on_all(decibels, torch.zeros(3)) == math.inf


def right(*images):
    return torch.tensor(images, dtype=torch.float64)


def test_the_normalized_gain_is_nothing_at_the_prior_and_one_at_the_original():
    majority, original = right(1, 1, 0, 0), right(1, 1, 1, 1)
    gains = [compute_on_all(gain, majority, original, who) for who in (majority, original)]
    assert gains == [0, 1]
    # (3/4 - 2/4) / (4/4 - 2/4), and less than nothing for who is worse than the prior
    assert compute_on_all(gain, majority, original, right(0, 1, 1, 1)) == 0.5
    assert compute_on_all(gain, majority, original, right(0, 1, 0, 0)) == -0.5
    assert math.isnan(compute_on_all(gain, majority, majority, original))


def test_what_is_learned_is_held_against_the_same_adversaries_on_original_images():
    found = compute_measures(
        seen("u", **CERTAIN, original_predictions=[predicting("certain", sees(0, 1, 1, 0))])
    )
    assert list(found) == [
        *("privacy_loss", "normalized_gain", "balanced_accuracy", "auroc", "leaked_bits"),
        *("tpr_at_1_percent_fpr/no", "tpr_at_1_percent_fpr/yes"),
    ]
    # the prior is a tie, won by class 0; from (u, v) the floor tells 1, 0 (a tie), 1 and 0
    assert values(found["privacy_loss"]) == [0.75, 1.0, 0.5, 0.5]
    assert values(found["normalized_gain"]) == [0.5, 1.0, 0.0, 0.0]


def test_without_original_images_there_is_nothing_to_be_held_against():
    found = compute_measures(seen(**CERTAIN))
    assert "normalized_gain" not in found
    assert values(found["privacy_loss"]) == [0.75, None, 0.5, 0.5]


def test_an_adversary_is_bootstrapped_once_in_each_score(monkeypatch):
    both = seen(**CERTAIN)
    first = both.score_of("accuracy", CERTAIN["predictions"][0])
    monkeypatch.setattr(BOOTSTRAP, "percentile", None)
    assert both.score_of("accuracy", both.strongest("accuracy")) is first


def test_the_papers_measure_is_its_own_adversary_asked_once_and_taken_at_its_word():
    once, later = sees(0, 1, 0, 1), sees(0, 1, 1, 0)
    answers = {
        "resnet10": {"test": torch.stack([once, later])},
        "convnext": {"test": later[None]},
    }
    originals = {"resnet10": {"test": later[None]}}
    found = paper_privacy_loss(seen(answers=answers, original_probabilities=originals))
    assert values(found) == [0.5, 1.0, None, None]
    assert paper_privacy_loss(seen(answers={"mlp": {"test": once[None]}})) is None


def test_the_probing_gap_is_what_the_best_with_one_query_knows_and_the_discriminator_did_not():
    knows = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.9, 0.1]], dtype=torch.float64)
    adversaries = [
        predicting("best on validation images", knows, 0.3),
        predicting("best on test images", sees(0, 1, 1, 0), 0.2),
        predicting("asks again", sees(0, 1, 1, 0), 0.9, queries=16),
    ]
    found = probing_gap(seen(predictions=adversaries, discriminator_bits=0.25)).censored
    bits = 1 + math.log2(0.9)
    assert found.value == pytest.approx(bits - 0.25)
    assert found.low <= found.value <= found.high
    assert probing_gap(seen(predictions=adversaries[2:], discriminator_bits=0.25)) is None
    assert probing_gap(seen(predictions=adversaries)) is None  # there is no filter


def test_a_cross_entropy_in_nats_is_what_is_known_in_bits():
    labels = torch.tensor([0, 0, 1, 1])  # one bit
    assert known_bits(0.0, labels) == pytest.approx(1)
    assert known_bits(math.log(2) / 2, labels) == pytest.approx(0.5)
    assert known_bits(1.0, labels) == 0  # who is worse than a guess knows nothing


def test_classifiers_that_labels_beat_are_warned_of():
    def of(floor):
        return Measure(None, correlation_baseline=Estimate(floor, floor, floor))

    found = {"privacy_loss": of(0.84), "utility/u": of(0.87), "utility/v": of(0.70)}
    (warning,) = weak_classifier_warnings(found, "s", {"s": 0.86, "u": 0.85, "v": 0.71})
    assert "u (85.0%, from labels 87.0%)" in warning
    assert "classifiers.epochs=N" in warning
    assert "v (" not in warning
    (both,) = weak_classifier_warnings(found, "s", {"s": 0.83, "u": 0.85, "v": 0.71})
    assert "s (83.0%, from labels 84.0%), u (" in both
    assert weak_classifier_warnings(found, "s", {"s": 0.84, "u": 0.87, "v": 0.7}) == []
