"""Differences between mechanisms, and whether they are significant."""

from dataclasses import replace

import numpy as np
import pytest
from sample_results import measure, write_run
from scipy.stats import bootstrap

from privacy_gan.reporting.difference import (
    Difference,
    compare_curves,
    difference_matrices,
    needs_matrix,
)
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.paired import paired_bootstrap
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.report import make_report
from privacy_gan.reporting.results import make_panels
from privacy_gan.runs.person_ids import pack_persons
from privacy_gan.runs.result import Result


def differences_below(folder, name="privacy_loss"):
    (panel,) = make_panels(all_evaluation_rows(find_runs(folder).finished))
    return [each for each in compare_curves(panel) if each.measure == name]


def correct_images(leak, utility, images=1000):
    """Return which images are classified correctly: the first ones, so that mechanisms overlap."""
    index = np.arange(images)
    return {"privacy_loss": index < leak * images, "utility/Male": index < utility * images}


def write_correct_images(folder, mechanism, leak, utility=0.8, **more):
    correct = correct_images(leak, utility)
    return write_run(folder, mechanism, leaks=leak, utility=utility, correct=correct, **more)


def test_the_bootstrap_equals_drawing_images_with_replacement():
    by_image = np.repeat([-1.0, 0.0, 1.0], [60, 900, 100])
    low, high = paired_bootstrap(by_image)
    drawn = bootstrap(
        (by_image,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert low == pytest.approx(drawn.low, abs=0.002)
    assert high == pytest.approx(drawn.high, abs=0.002)


def test_a_comparison_image_by_image_finds_smaller_differences_than_intervals(tmp_path):
    write_correct_images(tmp_path / "with", "blur", 0.80)
    write_correct_images(tmp_path / "with", "noise", 0.81)
    (paired,) = differences_below(tmp_path / "with")
    assert paired.names == ("blur", "noise")
    assert paired.value == pytest.approx(-0.01)
    assert paired.images == 1000
    # ten of 1,000 images differ: the standard deviation of that number is the root of ten
    assert paired.low == pytest.approx(-0.01 - 1.96 * 0.01**0.5 / 1000**0.5, abs=0.001)
    assert paired.is_significant
    assert paired.sentence() == (
        "noise: privacy loss 1.0 points higher than blur at epsilon 0.01 (95% interval "
        f"{-100 * paired.high:.1f} to {-100 * paired.low:.1f}; 1,000 test images, 1 seed)"
    )
    write_run(tmp_path / "without", "blur", leaks=0.80)
    write_run(tmp_path / "without", "noise", leaks=0.81)
    (unpaired,) = differences_below(tmp_path / "without")
    assert unpaired.images is None
    assert unpaired.high - unpaired.value == pytest.approx(0.01 * 2**0.5)  # from two intervals
    assert not unpaired.is_significant
    assert unpaired.sentence() == (
        "noise and blur: no significant difference in privacy loss at epsilon 0.01, 1.0 points "
        "(95% interval -0.4 to 2.4; unpaired test images, 1 seed)"
    )


def test_the_utility_score_is_compared_by_its_mean_over_attributes(tmp_path):
    write_correct_images(tmp_path, "blur", 0.8, utility=0.7)
    write_correct_images(tmp_path, "noise", 0.8, utility=0.8)
    (difference,) = differences_below(tmp_path, "utility_score")
    assert difference.value == pytest.approx(-0.1)
    sentence = difference.sentence()
    assert "noise: utility score 10.0 points higher than blur at epsilon 0.01" in sentence


def test_a_difference_that_seeds_disagree_on_is_not_significant(tmp_path):
    for seed, (blur, noise) in enumerate([(0.60, 0.70), (0.75, 0.70), (0.62, 0.66)]):
        write_correct_images(tmp_path, "blur", blur, seed=seed)
        write_correct_images(tmp_path, "noise", noise, seed=seed)
    (difference,) = differences_below(tmp_path)
    assert difference.value == pytest.approx(np.mean([-0.10, 0.05, -0.04]))
    assert difference.seeds == 3
    assert not difference.is_significant
    assert "1,000 test images, 3 seeds)" in difference.sentence()


def test_a_difference_that_seeds_agree_on_is_significant(tmp_path):
    for seed in range(3):
        write_correct_images(tmp_path, "blur", 0.6 + 0.01 * seed, seed=seed)
        write_correct_images(tmp_path, "noise", 0.8 + 0.01 * seed, seed=seed)
    (difference,) = differences_below(tmp_path)
    assert difference.is_significant
    # seeds do not vary: Student's quantile times the standard deviation over test images
    assert (difference.high - difference.low) / 2 == pytest.approx(
        4.303 * (0.2 * 0.8 / 1000) ** 0.5, rel=0.1
    )


def test_only_runs_with_the_same_budget_and_seed_are_compared(tmp_path):
    write_run(tmp_path, "blur", seed=0)
    write_run(tmp_path, "noise", seed=1)
    write_run(tmp_path, "noise", seed=0, epsilon=0.02)
    assert differences_below(tmp_path) == []


def difference(first, second, value, reach=0.01):
    names = (first, second)
    return Difference("privacy_loss", 0.01, names, value, value - reach, value + reach, 1, None)


def test_a_matrix_has_signed_differences_and_marks_significant_ones():
    differences = [
        difference("a", "b", 0.05),
        difference("a", "c", -0.004),
        difference("b", "c", -0.054),
    ]
    (matrix,) = difference_matrices(differences)
    assert list(matrix.cells.columns) == ["a", "b", "c"]
    assert list(matrix.cells.itertuples(name=None)) == [
        ("a", "", "+5.0*", "-0.4"),
        ("b", "-5.0*", "", "-5.4*"),
        ("c", "+0.4", "+5.4*", ""),
    ]
    assert matrix.lines()[0].startswith("privacy loss at epsilon 0.01: row minus column")
    assert matrix.lines()[3].split() == ["1", "a", "+5.0*", "-0.4"]
    assert not needs_matrix(differences)  # three pairs have sentences


def test_a_report_on_many_mechanisms_has_matrices_and_no_sentences(tmp_path):
    for index, name in enumerate(("blur", "noise", "pixelate", "transport")):
        write_run(tmp_path, name, leaks=0.6 + index / 20, auroc=measure(0.7 + index / 20, 0.95))
    report = make_report(tmp_path, tmp_path / "report", with_faces=False)
    assert "privacy loss at epsilon 0.01: row minus column" in report.text
    assert "points higher than" not in report.text
    assert "Smallest leak: Smiling still leaks after blur (epsilon-0.01 seed-0)" in report.text
    assert "Largest leak: Smiling still leaks after transport" in report.text
    assert "largest leak (ROC AUC)" in report.text
    assert "largest leak: ROC AUC" in (tmp_path / "report" / "figure1.svg").read_text()


# --- Persons


def test_a_persons_images_are_drawn_together():
    # person 0 has three images with a difference of 1, person 1 one image without any
    low, high = paired_bootstrap(np.array([1.0, 1.0, 0.0, 1.0]), np.array([0, 0, 1, 0]))
    assert (low, high) == (0, 1)  # each person is drawn twice in a quarter of the samples
    values = np.repeat([-1.0, 0.0, 1.0], [6, 90, 24])
    single = paired_bootstrap(values)
    copied = paired_bootstrap(np.repeat(values, 5), np.repeat(np.arange(120), 5))
    assert copied == pytest.approx(single)
    narrow = paired_bootstrap(np.repeat(values, 5))
    assert (copied[1] - copied[0]) / (narrow[1] - narrow[0]) == pytest.approx(5**0.5, rel=0.1)


def with_persons(folder, mechanism, leak, persons):
    """Write a run whose test images show these persons."""
    packed = {"persons": {"test": len(set(persons))}, "person_ids": pack_persons(persons)}
    run = write_correct_images(folder, mechanism, leak)
    result = Result.read(run / "result.json")
    evaluations = {name: replace(each, **packed) for name, each in result.evaluations.items()}
    replace(result, evaluations=evaluations).write(run / "result.json")


def test_differences_are_over_persons_and_the_sentence_says_so(tmp_path):
    persons = np.arange(1000) // 20
    with_persons(tmp_path / "known", "blur", 0.7, persons)
    with_persons(tmp_path / "known", "noise", 0.8, persons)
    (known,) = differences_below(tmp_path / "known")
    assert (known.images, known.persons) == (1000, 50)
    assert "; 1,000 test images of 50 persons, 1 seed)" in known.sentence()
    write_correct_images(tmp_path / "unknown", "blur", 0.7)
    write_correct_images(tmp_path / "unknown", "noise", 0.8)
    (unknown,) = differences_below(tmp_path / "unknown")
    # the mechanisms differ in all images of five persons
    assert (known.high - known.low) / (unknown.high - unknown.low) == pytest.approx(
        20**0.5, rel=0.15
    )


def test_a_result_without_persons_is_compared_by_those_of_the_other(tmp_path):
    with_persons(tmp_path, "blur", 0.7, np.arange(1000) // 20)
    write_correct_images(tmp_path, "noise", 0.8)
    (difference,) = differences_below(tmp_path)
    assert (difference.images, difference.persons) == (1000, 50)


def test_results_of_different_persons_are_not_paired(tmp_path):
    with_persons(tmp_path, "blur", 0.7, np.arange(1000) // 20)
    with_persons(tmp_path, "noise", 0.8, np.arange(1000) // 10)
    (difference,) = differences_below(tmp_path)
    assert (difference.images, difference.persons) == (None, None)
    assert "unpaired test images (their persons differ), 1 seed)" in difference.sentence()
