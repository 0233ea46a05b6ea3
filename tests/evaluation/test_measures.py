"""The paper's measures, worked by hand on four test images."""

import math

import pytest
import torch

from privacy_gan.evaluation import measures
from privacy_gan.evaluation.bootstrap import Bootstrap, of_all
from privacy_gan.evaluation.outputs import Outputs, TestOutputs
from privacy_gan.evaluation.scores import SCORES, bits_from
from privacy_gan.runs.result import AdversaryScores, Estimate

BOOTSTRAP = Bootstrap(resamples=20, seed=0)


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
    columns = (measure.censored, measure.original, measure.prior, measure.floor)
    return [None if column is None else pytest.approx(column.value) for column in columns]


def utility_of(*names):
    told = (seen.all_predicted(names) for seen in (OUTPUTS.censored, OUTPUTS.original))
    return measures.utility(*told, TRAIN, TEST, BOOTSTRAP)


def test_utility_is_each_attributes_accuracy_and_their_mean():
    found = utility_of("u", "v")
    # u: censored right in images 1 and 4, original in 1, 2 and 4; prior is a tie, won by class 0
    assert values(found["utility/u"])[:3] == [0.5, 0.75, 0.25]
    # v: always 1 is right thrice, as is the prior; original in images 2, 3 and 4
    assert values(found["utility/v"])[:3] == [0.75, 0.75, 0.75]
    assert values(found["utility_score"])[:3] == [(0.5 + 0.75) / 2, 0.75, 0.5]


def test_floors_come_from_all_other_attributes():
    found = utility_of("u", "v")
    # in training u is s: cells (s, v) = (0, 0), (0, 1), (1, 1) predict u = 0, 0, 1 and (1, 0) its
    # prior, a tie won by 0; test cells are (0, 1), (1, 0), (1, 1), (0, 1): right in 3 and 4
    assert values(found["utility/u"])[3] == 0.5


def test_success_is_seeing_the_synthetic_attribute():
    found = measures.replacement(OUTPUTS, "s", ["u", "v"], 2, BOOTSTRAP)
    # censored shows 1, 1, 0, 0 where 1, 1, 1, 0 was put in; originals show 1, 0, 1, 0
    assert values(found["success_rate"]) == [0.75, 0.75, None, None]


def test_correlations_are_between_what_classifiers_see():
    found = measures.replacement(OUTPUTS, "s", ["u", "v"], 2, BOOTSTRAP)
    # s and u censored: covariance 1/8, variances 1/4 and 3/16
    expected = (1 / 8) / math.sqrt(1 / 4 * 3 / 16)
    assert values(found["correlation/u"]) == [expected, 0, None, None]


def test_a_classifier_that_always_sees_the_same_has_no_correlation():
    found = measures.replacement(OUTPUTS, "s", ["v"], 2, BOOTSTRAP)
    assert values(found["correlation/v"]) == [None, 0, None, None]


def test_change_is_measured_by_image_and_by_batch():
    found = measures.change(OUTPUTS, epsilon=0.015, batch_size=2, bootstrap=BOOTSTRAP)
    assert values(found["distortion"])[0] == 0.01
    assert values(found["images_over_budget"])[0] == 0.25
    assert values(found["batches_over_budget"])[0] == 0.5  # of 0.02 and 0
    assert values(found["psnr"])[0] == 20  # -10 log10 0.01
    assert values(found["ssim"])[0] == 0.925


def test_a_last_smaller_batch_does_not_count():
    found = measures.change(OUTPUTS, epsilon=0.011, batch_size=3, bootstrap=BOOTSTRAP)
    assert values(found["batches_over_budget"])[0] == 1  # of 0.0133 alone


def test_unchanged_images_have_no_finite_psnr():
    assert of_all(measures.psnr, torch.zeros(3)) == math.inf


def right(*images):
    return torch.tensor(images, dtype=torch.float64)


def test_the_normalized_gain_is_nothing_at_the_prior_and_one_at_the_original():
    prior, original = right(1, 1, 0, 0), right(1, 1, 1, 1)
    gains = [of_all(measures.normalized_gain, prior, original, who) for who in (prior, original)]
    assert gains == [0, 1]
    # (3/4 - 2/4) / (4/4 - 2/4), and less than nothing for who is worse than the prior
    assert of_all(measures.normalized_gain, prior, original, right(0, 1, 1, 1)) == 0.5
    assert of_all(measures.normalized_gain, prior, original, right(0, 1, 0, 0)) == -0.5
    assert math.isnan(of_all(measures.normalized_gain, prior, prior, original))


def test_what_is_learned_is_held_against_the_same_adversaries_on_original_images():
    labels = TEST["s"]
    certain = dict.fromkeys(SCORES, sees(0, 1, 1, 1))  # three right
    perfect = dict.fromkeys(SCORES, sees(0, 1, 1, 0))
    frequencies = torch.tensor([0.6, 0.4], dtype=torch.float64)
    floor = sees(1, 0, 1, 0)  # two right
    found = measures.privacy(certain, perfect, floor, frequencies, labels, BOOTSTRAP)
    assert list(found) == [
        *("privacy_loss", "normalized_gain", "balanced_accuracy", "auroc", "leaked_bits")
    ]
    assert values(found["privacy_loss"]) == [0.75, 1.0, 0.5, 0.5]
    assert values(found["normalized_gain"]) == [0.5, 1.0, 0.0, 0.0]


def test_the_papers_measure_is_its_own_adversary_asked_once_and_taken_at_its_word():
    labels = TEST["s"]
    once, later = sees(0, 1, 0, 1), sees(0, 1, 1, 0)
    answers = {
        "resnet10": {"test": torch.stack([once, later])},
        "convnext": {"test": later[None]},
    }
    originals = {"resnet10": {"test": later[None]}}
    found = measures.as_in_the_paper(answers, originals, labels, BOOTSTRAP)
    assert values(found["paper_privacy_loss"]) == [0.5, 1.0, None, None]
    assert measures.as_in_the_paper({"mlp": {"test": once[None]}}, {}, labels, BOOTSTRAP) == {}


def scores(queries, valid, test):
    estimate = Estimate(test, test - 0.1, test + 0.1)
    return AdversaryScores("any", queries, {}, {"leaked_bits": valid}, {"leaked_bits": estimate})


def test_the_probing_gap_is_what_the_best_with_one_query_knows_and_the_discriminator_did_not():
    adversaries = [scores(1, 0.3, 0.4), scores(1, 0.2, 0.9), scores(16, 0.9, 0.9)]
    found = measures.probing_gap(adversaries, known=0.25)["probing_gap"].censored
    assert (found.value, found.low, found.high) == pytest.approx((0.15, 0.05, 0.25))
    assert measures.probing_gap(adversaries[2:], known=0.25) == {}


def test_a_cross_entropy_in_nats_is_what_is_known_in_bits():
    labels = torch.tensor([0, 0, 1, 1])  # one bit
    assert bits_from(0.0, labels) == pytest.approx(1)
    assert bits_from(math.log(2) / 2, labels) == pytest.approx(0.5)
    assert bits_from(1.0, labels) == 0  # who is worse than a guess knows nothing


def test_classifiers_that_labels_beat_are_warned_of():
    def of(floor):
        return measures.Measure(None, floor=Estimate(floor, floor, floor))

    found = {"privacy_loss": of(0.84), "utility/u": of(0.87), "utility/v": of(0.70)}
    (warning,) = measures.warnings(found, "s", {"s": 0.86, "u": 0.85, "v": 0.71})
    assert "u (85.0%, from labels 87.0%)" in warning
    assert "classifiers.epochs=N" in warning
    assert "v (" not in warning
    (both,) = measures.warnings(found, "s", {"s": 0.83, "u": 0.85, "v": 0.71})
    assert "s (83.0%, from labels 84.0%), u (" in both
    assert measures.warnings(found, "s", {"s": 0.84, "u": 0.87, "v": 0.7}) == ()
