"""What a verdict says follows from the intervals."""

from dataclasses import replace

from sample_results import evaluation

from privacy_gan.reporting.verdict import verdict
from privacy_gan.runs.result import Estimate, Measure


def judged(
    told, ranked=(0.5, 0.45, 0.55), original=(0.9, 0.88, 0.92), queries=1, classes=("0", "1")
):
    found = evaluation(0.5)
    known = None if original is None else Estimate(*original)
    prior = Estimate(0.6, 0.57, 0.63)
    measures = {
        "privacy_loss": Measure(Estimate(*told), known, prior),
        "balanced_accuracy": Measure(Estimate(0.5, 0.45, 0.55), known, Estimate(0.5, 0.5, 0.5)),
        "auroc": Measure(Estimate(*ranked), None if known is None else Estimate(0.95, 0.94, 0.96)),
    }
    strongest = {"accuracy": replace(found.strongest["accuracy"], queries=queries)}
    images = {"train": 16000, "valid": 100, "test": 200}
    return replace(found, measures=measures, strongest=strongest, images=images, classes=classes)


def test_a_leak_is_said_where_the_whole_interval_is_above_guessing():
    lines = verdict(judged((0.87, 0.85, 0.89)))
    assert lines == [
        "Smiling leaks: an adversary who has 16,000 labelled images of yours tells it in 87.0% of "
        "images (95% interval 85.0 to 89.0%), 60.0% by guessing",
        "of the originals the same adversaries tell it in 90.0% of images (95% interval 88.0 to "
        "92.0%)",
    ]
    several = verdict(judged((0.87, 0.85, 0.89), queries=16))
    assert "of yours, and sees 16 censored versions of each image, tells it" in several[0]
    assert len(verdict(judged((0.87, 0.85, 0.89), original=None))) == 1


def test_who_guesses_no_better_may_still_know_more():
    line, accuracy, _ = verdict(judged((0.61, 0.59, 0.63), (0.7, 0.65, 0.75)))
    assert line.startswith("Smiling leaks: an adversary who has 16,000 labelled images of yours")
    assert line.endswith("with a ROC AUC of 0.700 (95% interval 0.650 to 0.750), 0.500 by guessing")
    assert accuracy == (
        "by accuracy, the paper's measure, it is told in 61.0% of images (95% interval 59.0 to "
        "63.0%), 60.0% by guessing: that alone would not show the leak"
    )


def test_nothing_found_is_no_proof():
    lines = verdict(judged((0.6, 0.55, 0.65), (0.5, 0.45, 0.55)))
    assert lines[0].startswith("Smiling was not found: ")
    assert lines[-1].startswith("that is no proof: with 200 test images as much as 65.0% is")
    # exactly guessing is nothing found
    at_edge = verdict(judged((0.65, 0.6, 0.7), (0.55, 0.5, 0.6)))
    assert at_edge[0].startswith("Smiling was not found: ")


def test_adversaries_who_do_not_tell_it_of_originals_either_say_nothing():
    found = judged((0.6, 0.55, 0.65), (0.5, 0.45, 0.55), original=(0.6, 0.55, 0.65))
    ranked = Measure(Estimate(0.5, 0.45, 0.55), Estimate(0.51, 0.46, 0.56))
    blind = Measure(Estimate(0.5, 0.45, 0.55), Estimate(0.5, 0.45, 0.55))
    measures = found.measures | {"auroc": ranked, "balanced_accuracy": blind}
    (line,) = verdict(replace(found, measures=measures))
    assert line.startswith("nothing can be said about Smiling: ")
    assert "judge.epochs" in line
