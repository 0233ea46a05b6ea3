"""Verdicts are derived from intervals."""

from dataclasses import replace

import pytest
from sample_results import evaluation, learning_curves

from privacy_gan.evaluation.certification import contradiction_warnings
from privacy_gan.reporting.verdict import summary_sentence, verdict
from privacy_gan.runs.certificate import Certificate, UpperBound
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure

DONE = (
    "the adversaries were done: two doublings of their training in a row gained less than the "
    "standard error (4 epochs of 16,000 images, 4,000 steps)"
)


def judged(
    accuracy, auroc=(0.5, 0.45, 0.55), original=(0.9, 0.88, 0.92), queries=1, classes=("0", "1")
):
    base = evaluation(0.5)
    known = None if original is None else Estimate(*original)
    majority = Estimate(0.6, 0.57, 0.63)
    measures = {
        "privacy_loss": Measure(Estimate(*accuracy), known, majority),
        "balanced_accuracy": Measure(Estimate(0.5, 0.45, 0.55), known, Estimate(0.5, 0.5, 0.5)),
        "auroc": Measure(Estimate(*auroc), None if known is None else Estimate(0.95, 0.94, 0.96)),
    }
    strongest = {"accuracy": replace(base.strongest["accuracy"], queries=queries)}
    images = {"train": 16000, "valid": 100, "test": 200}
    return replace(base, measures=measures, strongest=strongest, images=images, classes=classes)


CERTIFICATE = Certificate(
    num_outcomes=128,
    images=4000,
    persons=1575,
    independent_images=False,
    left_out=0,
    majority=0.516,
    bounds={
        "0.95": {
            "accuracy": UpperBound(0.594, 0.6, 0.586, "asymptotic"),
            "balanced_accuracy": UpperBound(0.554, 0.598, 0.548, "asymptotic"),
        },
        "0.99": {
            "accuracy": UpperBound(0.609, 0.609, 0.603, "asymptotic"),
            "balanced_accuracy": UpperBound(0.566, 0.607, 0.561, "asymptotic"),
        },
    },
    bits={"0.95": 0.187, "0.99": 0.217},
    bootstrap={
        "0.95": {"accuracy": 0.571, "balanced_accuracy": 0.572},
        "0.99": {"accuracy": 0.58, "balanced_accuracy": 0.581},
    },
    found={
        "accuracy": Estimate(0.511, 0.5, 0.522),
        "balanced_accuracy": Estimate(0.506, 0.495, 0.517),
    },
)


def test_a_certificate_stands_first_and_says_what_it_does_not_cover():
    certified = replace(judged((0.6, 0.55, 0.65)), certificate=CERTIFICATE)
    claim, details, estimates, limits, *rest = verdict(certified)
    assert claim == (
        "no adversary predicts Smiling from one release with a balanced accuracy above 55.4% "
        "(asymptotic bound; guessing 50.0%), or an accuracy above 59.4% (asymptotic bound; "
        "majority 51.6%), with 95% confidence (4,000 held-out images of 1,575 persons)"
    )
    assert details == (
        "with 99% confidence, the bounds are 56.6% and 60.9%; the exact ones, which do not need "
        "many persons, are 59.8% and 60.0%, each by itself with 95% confidence; a release tells no "
        "more than which of 128 codewords was chosen, at most 0.187 bits at these frequencies"
    )
    assert estimates == (
        "on the same images, guessing the value that is most frequent with a codeword among other "
        "persons finds 50.6% [49.5, 51.7%] and 51.1% [50.0, 52.2%]; by a bootstrap over persons, "
        "the best possible adversary has at most 57.2% and 57.1%"
    )
    assert "several photographs of one person" in limits
    assert rest == verdict(judged((0.6, 0.55, 0.65)))
    sentence = summary_sentence(certified, "codebook", None)
    assert sentence.startswith(f"N{claim[1:]}. No leak of Smiling was found after codebook: ")


@pytest.mark.parametrize(
    ("persons", "independent", "basis"),
    [
        (None, True, "4,000 held-out images)"),
        (
            None,
            False,
            "4,000 held-out images, taken as independent because the data name no persons",
        ),
        (1, False, "4,000 held-out images of 1 person)"),
    ],
)
def test_a_certificate_says_what_was_taken_as_independent(persons, independent, basis):
    certificate = replace(CERTIFICATE, persons=persons, independent_images=independent)
    certified = replace(judged((0.6, 0.55, 0.65)), certificate=certificate)
    assert basis in verdict(certified)[0]


def test_a_certificate_says_how_many_images_were_left_out():
    certificate = replace(CERTIFICATE, left_out=12)
    certified = replace(judged((0.6, 0.55, 0.65)), certificate=certificate)
    assert "1,575 persons, without 12 of persons in the training images)" in verdict(certified)[0]


def test_an_adversary_above_the_certificate_is_a_fault_of_one_of_them():
    measures = judged((0.64, 0.62, 0.66)).measures
    (warning,) = contradiction_warnings(CERTIFICATE, measures)
    assert warning == (
        "an adversary has an accuracy of 64.0% (95% interval from 62.0%), and the certificate "
        "says that none exceeds 59.4%: one of the two is wrong, so trust neither"
    )
    assert contradiction_warnings(CERTIFICATE, judged((0.61, 0.59, 0.63)).measures) == ()


def test_a_leak_is_reported_if_the_whole_interval_is_above_guessing():
    lines = verdict(judged((0.87, 0.85, 0.89)))
    assert lines == [
        "Smiling leaks: an adversary trained on 16,000 labelled censored images predicts it for "
        "87.0% of images (95% interval 85.0 to 89.0%; guessing 60.0%)",
        "trained on the original images, the same adversaries predict it for 90.0% of images (95% "
        "interval 88.0 to 92.0%)",
        DONE,
    ]
    several = verdict(judged((0.87, 0.85, 0.89), queries=16))
    assert "images and given 16 censored versions of each image predicts it for" in several[0]
    assert len(verdict(judged((0.87, 0.85, 0.89), original=None))) == 2


def test_an_adversary_no_more_accurate_than_guessing_may_still_learn_something():
    line, accuracy, *_ = verdict(judged((0.61, 0.59, 0.63), (0.7, 0.65, 0.75)))
    assert line.startswith(
        "Smiling leaks: an adversary trained on 16,000 labelled censored images "
    )
    assert line.endswith("with ROC AUC 0.700 (95% interval 0.650 to 0.750; guessing 0.500)")
    assert accuracy == (
        "accuracy, the paper's metric, is 61.0% (95% interval 59.0 to 63.0%; guessing 60.0%); "
        "accuracy alone would not show the leak"
    )


def test_a_verdict_without_a_leak_says_that_it_is_no_proof():
    lines = verdict(judged((0.6, 0.55, 0.65), (0.5, 0.45, 0.55)))
    assert lines[0].startswith("no leak of Smiling was found: ")
    assert lines[-2].startswith(
        "this does not prove that nothing leaks: with 200 test images, up to "
    )
    assert "65.0% is possible" in lines[-2]
    assert "longer training" not in lines[-2]  # the adversaries were done
    # an interval that starts at guessing does not show a leak
    at_edge = verdict(judged((0.65, 0.6, 0.7), (0.55, 0.5, 0.6)))
    assert at_edge[0].startswith("no leak of Smiling was found: ")


def test_the_leak_is_unknown_if_adversaries_cannot_predict_it_from_originals_either():
    found = judged((0.6, 0.55, 0.65), (0.5, 0.45, 0.55), original=(0.6, 0.55, 0.65))
    auroc = Measure(Estimate(0.5, 0.45, 0.55), Estimate(0.51, 0.46, 0.56))
    blind = Measure(Estimate(0.5, 0.45, 0.55), Estimate(0.5, 0.45, 0.55))
    measures = found.measures | {"auroc": auroc, "balanced_accuracy": blind}
    found = replace(found, measures=measures)
    line, _ = verdict(found)
    assert line.startswith("whether Smiling leaks is unknown: ")
    assert line.endswith("from the original images either: train them on more images")
    line, _ = verdict(replace(found, curves=learning_curves("max_epochs")))
    assert line.endswith("train them longer (judge.max_epochs) or on more images")


def test_a_verdict_by_adversaries_that_were_not_done_says_so_and_gives_lower_bounds():
    unfinished = replace(judged((0.87, 0.85, 0.89)), curves=learning_curves("max_epochs"))
    leak, original, training = verdict(unfinished)
    assert "predicts it for at least 87.0% of images (95% interval 85.0 to 89.0%; " in leak
    assert "predict it for at least 90.0% of images" in original
    assert training.endswith(
        "were not done learning when judge.max_epochs=4 ended their training on 16,000 images: "
        '"at least" marks their values; raise it to learn more'
    )
    unknown = replace(judged((0.6, 0.55, 0.65), (0.5, 0.45, 0.55)), curves={})
    none, *_, proof, training = verdict(unknown)
    assert none.startswith("no leak of Smiling was found so far: ")
    assert "for at least 60.0% of images" in none
    assert "longer training" in proof
    assert training == "this result does not say whether its adversaries were done learning"


def test_the_summary_sentence_of_adversaries_that_were_not_done_has_lower_bounds():
    found = judged((0.87, 0.85, 0.89), (0.95, 0.94, 0.96))
    assert "with ROC AUC 0.950 (guessing 0.500, original images 0.950); accuracy 87.0% " in (
        summary_sentence(found, "blur", None)
    )
    unfinished = replace(found, curves=learning_curves("max_minutes"))
    assert (
        "with ROC AUC of at least 0.950 (guessing 0.500, original images at least 0.950); "
        "accuracy of at least 87.0% (guessing 60.0%)"
    ) in summary_sentence(unfinished, "blur", None)
    half = replace(found, curves=learning_curves("done", original="max_epochs"))
    assert "with ROC AUC 0.950 (guessing 0.500, original images at least 0.950)" in (
        summary_sentence(half, "blur", None)
    )
    nothing = replace(judged((0.6, 0.55, 0.65), (0.5, 0.45, 0.55)), curves=unfinished.curves)
    assert summary_sentence(nothing, "blur", None).startswith(
        "No leak of Smiling was found after blur so far: the adversaries were not done learning; "
        "they reach accuracy of at least 60.0% (guessing 60.0%"
    )
