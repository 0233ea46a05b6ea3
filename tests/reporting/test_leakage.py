"""Which metric leads: the one with the largest leak, beyond sampling error."""

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
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure


def measure(censored, guess, original=None, reach=0.03):
    known = None if original is None else Estimate(original, original - 0.01, original + 0.01)
    return Measure(
        Estimate(censored, censored - reach, censored + reach), known, Estimate(guess, guess, guess)
    )


def judged(classes=("0", "1"), **measures):
    base = evaluation(0.5)
    others = {name: base.measures[name] for name in ("utility_score", "distortion")}
    return replace(base, classes=classes, measures=measures | others)


# the demo's metrics of Young, which applies to 76% of the faces
YOUNG = judged(
    privacy_loss=measure(0.756, 0.762, 0.975),
    balanced_accuracy=measure(0.765, 0.5, 0.96),
    auroc=measure(0.826, 0.5, 0.992),
    leaked_bits=measure(0.16, 0.0, 0.667),
)


def test_another_measure_leads_if_accuracy_hides_the_leak_of_an_unbalanced_attribute():
    assert leaks_by_measure(YOUNG)[ACCURACY].gain < 0
    leak = leading_leak(YOUNG)
    assert (leak.measure, leak.censored.value, leak.guess) == ("auroc", 0.826, 0.5)
    assert leak.gain == pytest.approx(0.326 / 0.492)
    sentence = summary_sentence(YOUNG, "filter_generator-robust", 0.02)
    assert sentence.startswith(
        "Smiling still leaks after filter_generator-robust: an adversary predicts it with ROC AUC "
        "0.826 (guessing 0.500, original images 0.992); accuracy 75.6% (guessing 76.2%); "
        "distortion 0.01 (budget 0.02); utility score 80.0%"
    )
    first, accuracy, *_ = verdict(YOUNG)
    assert first.startswith("Smiling leaks: ")
    assert "with ROC AUC 0.826 (95% interval 0.796 to 0.856; guessing 0.500)" in first
    assert accuracy.endswith("guessing 76.2%); accuracy alone would not show the leak")
    assert next(iter(column_headings(leak.measure))) == "auroc"


def test_balanced_accuracy_leads_if_its_leak_is_largest():
    found = judged(
        privacy_loss=measure(0.76, 0.762, 0.975),
        balanced_accuracy=measure(0.8, 0.5, 0.96),
        auroc=measure(0.7, 0.5, 0.992),
    )
    assert leading_leak(found).measure == "balanced_accuracy"
    sentence = summary_sentence(found, "blur", None)
    assert "with balanced accuracy 80.0% (guessing 50.0%, original images 96.0%)" in sentence


def test_each_measure_has_its_own_guessing_level_with_several_classes():
    found = judged(
        classes=("a", "b", "c", "d"),
        privacy_loss=measure(0.71, 0.7, 0.9),
        balanced_accuracy=measure(0.6, 0.25, 0.85),
        auroc=measure(0.62, 0.5, 0.95),
    )
    assert leading_leak(found).measure == "balanced_accuracy"
    assert leading_leak(found).gain == pytest.approx(0.35 / 0.6)


def test_the_leading_measure_is_chosen_by_the_lower_end_of_its_interval():
    # the larger value has the wider interval, with a smaller lower end
    found = judged(
        privacy_loss=measure(0.7, 0.5, 0.9, reach=0.01),
        balanced_accuracy=measure(0.72, 0.5, 0.9, reach=0.1),
    )
    assert leading_leak(found).measure == ACCURACY
    # if no metric is above guessing, accuracy leads, whatever is largest
    nothing = judged(
        privacy_loss=measure(0.5, 0.5, 0.9), auroc=measure(0.52, 0.5, 0.95, reach=0.03)
    )
    assert leading_leak(nothing).measure == ACCURACY
    sentence = summary_sentence(nothing, "blur", None)
    assert sentence.startswith("No leak of Smiling was found after blur: ")
    # and if two are equal
    equal = judged(privacy_loss=measure(0.7, 0.5, 0.9), balanced_accuracy=measure(0.7, 0.5, 0.9))
    assert leading_leak(equal).measure == ACCURACY


def test_a_run_without_a_leak_does_not_hide_the_leak_of_another():
    leaking = judged(privacy_loss=measure(0.5, 0.5, 0.9), auroc=measure(0.7, 0.5, 0.95))
    hiding = judged(privacy_loss=measure(0.5, 0.5, 0.9), auroc=measure(0.3, 0.5, 0.95))
    assert leading_measure([leaking, hiding]) == "auroc"


def test_without_originals_the_scale_ends_at_perfect_knowledge():
    found = judged(privacy_loss=measure(0.8, 0.76), leaked_bits=measure(0.3, 0.0))
    assert leaks_by_measure(found)[ACCURACY].gain == pytest.approx(0.04 / 0.24)
    assert leaks_by_measure(found)["leaked_bits"].gain == pytest.approx(0.3)
    # also if adversaries do not beat guessing on original images
    blind = judged(privacy_loss=measure(0.8, 0.76, 0.765))
    assert leaks_by_measure(blind)[ACCURACY].gain == pytest.approx(0.04 / 0.24)


def test_old_results_report_which_measures_they_lack():
    old = evaluation(0.8)
    assert missing_measures(old) == ["balanced_accuracy", "auroc"]
    assert leading_leak(old).measure == ACCURACY
    assert "has no balanced accuracy or ROC AUC" in verdict(old)[-1]
    assert leading_measure([old, YOUNG]) == ACCURACY  # both have it
