"""Verdicts are derived from intervals."""

from dataclasses import replace

from sample_results import evaluation

from privacy_gan.reporting.verdict import verdict
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.result import Measure


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


def test_a_leak_is_reported_if_the_whole_interval_is_above_guessing():
    lines = verdict(judged((0.87, 0.85, 0.89)))
    assert lines == [
        "Smiling leaks: an adversary trained on 16,000 labelled censored images predicts it for "
        "87.0% of images (95% interval 85.0 to 89.0%; guessing 60.0%)",
        "trained on the original images, the same adversaries predict it for 90.0% of images (95% "
        "interval 88.0 to 92.0%)",
    ]
    several = verdict(judged((0.87, 0.85, 0.89), queries=16))
    assert "images and given 16 censored versions of each image predicts it for" in several[0]
    assert len(verdict(judged((0.87, 0.85, 0.89), original=None))) == 1


def test_an_adversary_no_more_accurate_than_guessing_may_still_learn_something():
    line, accuracy, _ = verdict(judged((0.61, 0.59, 0.63), (0.7, 0.65, 0.75)))
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
    assert lines[-1].startswith(
        "this does not prove that nothing leaks: with 200 test images, up to "
    )
    assert "65.0% is possible" in lines[-1]
    # an interval that starts at guessing does not show a leak
    at_edge = verdict(judged((0.65, 0.6, 0.7), (0.55, 0.5, 0.6)))
    assert at_edge[0].startswith("no leak of Smiling was found: ")


def test_the_leak_is_unknown_if_adversaries_cannot_predict_it_from_originals_either():
    found = judged((0.6, 0.55, 0.65), (0.5, 0.45, 0.55), original=(0.6, 0.55, 0.65))
    auroc = Measure(Estimate(0.5, 0.45, 0.55), Estimate(0.51, 0.46, 0.56))
    blind = Measure(Estimate(0.5, 0.45, 0.55), Estimate(0.5, 0.45, 0.55))
    measures = found.measures | {"auroc": auroc, "balanced_accuracy": blind}
    (line,) = verdict(replace(found, measures=measures))
    assert line.startswith("whether Smiling leaks is unknown: ")
    assert "judge.epochs" in line
