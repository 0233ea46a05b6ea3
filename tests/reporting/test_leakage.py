"""Which measure leads: the one by which most leaks, and never by its luck."""

from dataclasses import replace

import pytest
from sample_results import evaluation

from privacy_gan.reporting.comparison import column_headings
from privacy_gan.reporting.leakage import (
    ACCURACY,
    leading_leak,
    leading_measure,
    leaks_by_measure,
    missing_measures,
)
from privacy_gan.reporting.verdict import summary_sentence, verdict
from privacy_gan.runs.result import Estimate, Measure


def measure(told, guess, original=None, reach=0.03):
    known = None if original is None else Estimate(original, original - 0.01, original + 0.01)
    return Measure(Estimate(told, told - reach, told + reach), known, Estimate(guess, guess, guess))


def judged(classes=("0", "1"), **measures):
    found = evaluation(0.5)
    kept = {key: of for key, of in found.measures.items() if key in ("utility_score", "distortion")}
    return replace(found, classes=classes, measures=measures | kept)


# what the demo finds of Young, which 76% of the faces are
YOUNG = judged(
    privacy_loss=measure(0.756, 0.762, 0.975),
    balanced_accuracy=measure(0.765, 0.5, 0.96),
    auroc=measure(0.826, 0.5, 0.992),
    leaked_bits=measure(0.16, 0.0, 0.667),
)


def test_an_unbalanced_attribute_is_led_by_what_accuracy_hides():
    assert leaks_by_measure(YOUNG)[ACCURACY].gain < 0
    leak = leading_leak(YOUNG)
    assert (leak.measure, leak.censored.value, leak.guess) == ("auroc", 0.826, 0.5)
    assert leak.gain == pytest.approx(0.326 / 0.492)
    told = summary_sentence(YOUNG, "filter_generator-robust", 0.02)
    assert told.startswith(
        "Smiling, hidden by filter_generator-robust, still leaks: an adversary tells it with a "
        "ROC AUC of 0.826 (0.500 by guessing, 0.992 on the original images); accuracy 75.6% (76.2% "
        "by guessing); distortion 0.01 of 0.02 allowed; utility score 80.0%"
    )
    first, beside, *_ = verdict(YOUNG)
    assert first.startswith("Smiling leaks: ")
    assert "with a ROC AUC of 0.826 (95% interval 0.796 to 0.856), 0.500 by guessing" in first
    assert beside.endswith("76.2% by guessing: that alone would not show the leak")
    assert next(iter(column_headings(leak.measure))) == "auroc"


def test_balanced_accuracy_leads_where_most_leaks_by_it():
    found = judged(
        privacy_loss=measure(0.76, 0.762, 0.975),
        balanced_accuracy=measure(0.8, 0.5, 0.96),
        auroc=measure(0.7, 0.5, 0.992),
    )
    assert leading_leak(found).measure == "balanced_accuracy"
    told = summary_sentence(found, "blur", None)
    assert "with 80.0% balanced accuracy (50.0% by guessing, 96.0% on the original images)" in told


def test_several_classes_are_guessed_by_each_measures_own_guess():
    found = judged(
        classes=("a", "b", "c", "d"),
        privacy_loss=measure(0.71, 0.7, 0.9),
        balanced_accuracy=measure(0.6, 0.25, 0.85),
        auroc=measure(0.62, 0.5, 0.95),
    )
    assert leading_leak(found).measure == "balanced_accuracy"
    assert leading_leak(found).gain == pytest.approx(0.35 / 0.6)


def test_luck_does_not_choose():
    # the larger value has the wider interval: less of it is certain
    found = judged(
        privacy_loss=measure(0.7, 0.5, 0.9, reach=0.01),
        balanced_accuracy=measure(0.72, 0.5, 0.9, reach=0.1),
    )
    assert leading_leak(found).measure == ACCURACY
    # where nothing is above guessing accuracy speaks, whatever is largest
    nothing = judged(
        privacy_loss=measure(0.5, 0.5, 0.9), auroc=measure(0.52, 0.5, 0.95, reach=0.03)
    )
    assert leading_leak(nothing).measure == ACCURACY
    assert summary_sentence(nothing, "blur", None).startswith(
        "Smiling, hidden by blur, was not found"
    )
    # and where two are equal
    equal = judged(privacy_loss=measure(0.7, 0.5, 0.9), balanced_accuracy=measure(0.7, 0.5, 0.9))
    assert leading_leak(equal).measure == ACCURACY


def test_a_run_where_nothing_leaks_does_not_hide_that_another_leaks():
    leaking = judged(privacy_loss=measure(0.5, 0.5, 0.9), auroc=measure(0.7, 0.5, 0.95))
    beside = judged(privacy_loss=measure(0.5, 0.5, 0.9), auroc=measure(0.3, 0.5, 0.95))
    assert leading_measure([leaking, beside]) == "auroc"


def test_without_originals_perfect_knowledge_is_the_scale():
    found = judged(privacy_loss=measure(0.8, 0.76), leaked_bits=measure(0.3, 0.0))
    assert leaks_by_measure(found)[ACCURACY].gain == pytest.approx(0.04 / 0.24)
    assert leaks_by_measure(found)["leaked_bits"].gain == pytest.approx(0.3)
    # as it is where original images tell no more than guessing does
    blind = judged(privacy_loss=measure(0.8, 0.76, 0.765))
    assert leaks_by_measure(blind)[ACCURACY].gain == pytest.approx(0.04 / 0.24)


def test_old_results_that_lack_measures_say_so():
    old = evaluation(0.8)
    assert missing_measures(old) == ["balanced_accuracy", "auroc"]
    assert leading_leak(old).measure == ACCURACY
    assert "lacks balanced accuracy and ROC AUC" in verdict(old)[-1]
    assert leading_measure([old, YOUNG]) == ACCURACY  # what both have
