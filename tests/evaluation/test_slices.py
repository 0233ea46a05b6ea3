"""What the strongest adversary finds within the values of other attributes."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from privacy_gan.evaluation.metrics import build_scores
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.predictions import predict_all
from privacy_gan.evaluation.slices import MIN_IMAGES, MIN_OF_CLASS, measure_slices
from privacy_gan.runs.slices import Slices

CLASSES = ("no", "yes")
SCORES = build_scores(CLASSES)
SPLITS = ("train", "valid", "test")


def observe(labels, probabilities, utilities=("u",)):
    """Return observations of one adversary with the same labels in every split."""
    by_split = dict.fromkeys(SPLITS, probabilities[None])
    frequencies = torch.bincount(labels["s"], minlength=2).double() / len(labels["s"])
    predictions = predict_all({"one": by_split}, labels["s"], frequencies, [1], SCORES)
    return Observations(
        "s",
        CLASSES,
        utilities,
        labels,
        labels,
        Bootstrap(20, 0),
        SCORES,
        probabilities={"one": by_split},
        predictions=predictions,
    )


def slices_of(observations):
    names = dict.fromkeys(observations.utilities, ("0", "1"))
    return measure_slices(observations, observations.test_labels, names)


def certain(classes, confidence=0.9):
    """Return the probabilities of an adversary that predicts these classes, [N, 2]."""
    of_yes = torch.where(classes == 1, confidence, 1 - confidence).double()
    return torch.stack([1 - of_yes, of_yes], dim=1)


def test_a_slice_has_the_accuracy_of_its_images():
    # in u = 0, 80 images, half of each class: all predicted correctly; in u = 1, 40 images, 30 of
    # them "no": all predicted as "no"
    s = torch.cat([torch.arange(80) % 2, torch.arange(40) % 4 == 0]).long()
    u = torch.tensor([0] * 80 + [1] * 40)
    predicted = torch.where(u == 0, s, 0)
    found = slices_of(observe({"s": s, "u": u}, certain(predicted)))
    assert (found.adversary, found.queries) == ("one", 1)
    first, second = found.each
    assert (first.attribute, first.value, first.images) == ("u", "0", 80)
    assert first.accuracy.value == first.balanced_accuracy.value == 1
    assert first.majority_baseline.value == 0.5
    assert (second.value, second.images) == ("1", 40)
    assert second.accuracy.value == second.majority_baseline.value == 0.75
    assert second.balanced_accuracy.value == 0.5
    assert found.overall.images == 120
    assert found.overall.accuracy.value == pytest.approx(110 / 120)
    assert second.accuracy.low < 0.75 < second.accuracy.high


def test_the_majority_baseline_is_the_most_frequent_class_in_training_images_of_the_slice():
    s, u = torch.arange(200) % 2, torch.arange(200) // 100
    observations = observe({"s": s, "u": u}, certain(torch.zeros(200).long()))
    trained = {"s": torch.cat([torch.zeros(100), torch.arange(100) % 4 > 0]).long(), "u": u}
    observations.train_labels = trained
    test = {"s": (torch.arange(200) % 5 == 0).long(), "u": u}  # a fifth is "yes"
    observations.test_labels, observations.labels = test, test["s"]
    first, second = slices_of(observations).each
    assert first.majority_baseline.value == 0.8  # "no" in training and in most test images
    assert second.majority_baseline.value == pytest.approx(0.2)  # "yes" in training


def test_the_threshold_within_a_slice_is_chosen_on_validation_images():
    # In u = 0, a fifth is "yes". An adversary that sees u there says 0.1 or 0.3, never above the
    # frequency of "yes" among all images, but above that in the slice for each "yes".
    s = torch.cat([torch.arange(100) % 5 == 0, torch.arange(100) % 5 > 0]).long()
    u = torch.tensor([0] * 100 + [1] * 100)
    of_yes = torch.where(u == 0, 0.1 + 0.2 * s, 0.7 + 0.2 * s).double()
    observations = observe({"s": s, "u": u}, torch.stack([1 - of_yes, of_yes], dim=1))
    assert [each.balanced_accuracy.value for each in slices_of(observations).each] == [1, 1]
    # if the frequencies of the slice are worse on validation images, those of all images are used
    valid = {"s": torch.where(u == 0, 1 - s, s), "u": u}
    names = {"u": ("0", "1")}
    first, _ = measure_slices(observations, valid, names).each
    assert first.balanced_accuracy.value == 0.5


@pytest.mark.parametrize(
    ("yes", "no", "reason"),
    [
        (MIN_OF_CLASS, MIN_IMAGES - MIN_OF_CLASS - 1, f"fewer than {MIN_IMAGES} images"),
        (0, MIN_IMAGES, "only one class"),
        (MIN_OF_CLASS - 1, MIN_IMAGES, f"fewer than {MIN_OF_CLASS} of a class"),
        (MIN_OF_CLASS, MIN_IMAGES - MIN_OF_CLASS, ""),
    ],
)
def test_slices_that_are_too_small_are_left_out_by_name_and_count(yes, no, reason):
    s = torch.tensor([0, 1] * 50 + [1] * yes + [0] * no)
    u = torch.tensor([0] * 100 + [1] * (yes + no))
    _, small = slices_of(observe({"s": s, "u": u}, certain(s))).each
    assert (small.left_out, small.images) == (reason, yes + no)
    assert (small.accuracy is None) == bool(reason)


def test_slices_are_read_back_from_json():
    s, u = torch.arange(60) % 2, torch.arange(60) // 50
    found = slices_of(observe({"s": s, "u": u}, certain(s)))
    assert found.each[1].left_out
    assert Slices.from_json(json.loads(json.dumps(asdict(found)))) == found
    assert replace(found, queries=2) != found


def test_without_utility_attributes_there_are_only_all_images():
    s = torch.arange(60) % 2
    found = slices_of(observe({"s": s}, certain(s), utilities=()))
    assert found.each == ()
    assert found.overall.balanced_accuracy.value == 1
