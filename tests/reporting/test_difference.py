"""Whether two mechanisms differ by more than chance."""

import numpy as np
import pytest
from sample_results import measure, write_run
from scipy.stats import bootstrap

from privacy_gan.reporting.difference import (
    Difference,
    compare_curves,
    difference_matrices,
    needs_matrix,
    paired_bootstrap,
)
from privacy_gan.reporting.records import all_evaluation_rows, find_runs
from privacy_gan.reporting.report import make_report
from privacy_gan.reporting.results import make_panels


def found_in(folder, name="privacy_loss"):
    (panel,) = make_panels(all_evaluation_rows(find_runs(folder).finished))
    return [each for each in compare_curves(panel) if each.measure == name]


def outcomes(leak, utility, images=1000):
    """Return which images are told right: the first ones, so that two mechanisms share most."""
    places = np.arange(images)
    return {"privacy_loss": places < leak * images, "utility/Male": places < utility * images}


def write_with_outcomes(folder, mechanism, leak, utility=0.8, **more):
    right = outcomes(leak, utility)
    return write_run(folder, mechanism, leaks=leak, utility=utility, right=right, **more)


def test_the_bootstrap_is_that_of_drawing_images_one_by_one():
    by_image = np.repeat([-1.0, 0.0, 1.0], [60, 900, 100])
    low, high = paired_bootstrap(by_image)
    drawn = bootstrap(
        (by_image,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert low == pytest.approx(drawn.low, abs=0.002)
    assert high == pytest.approx(drawn.high, abs=0.002)


def test_image_by_image_a_small_difference_shows_that_intervals_hide(tmp_path):
    write_with_outcomes(tmp_path / "with", "blur", 0.80)
    write_with_outcomes(tmp_path / "with", "noise", 0.81)
    (paired,) = found_in(tmp_path / "with")
    assert paired.names == ("blur", "noise")
    assert paired.value == pytest.approx(-0.01)
    assert paired.images == 1000
    # ten of 1,000 images differ: their number varies by the root of ten
    assert paired.low == pytest.approx(-0.01 - 1.96 * 0.01**0.5 / 1000**0.5, abs=0.001)
    assert paired.is_significant
    assert paired.sentence() == (
        f"noise leaks more than blur at epsilon 0.01, by 1.0 points (95% interval "
        f"{-100 * paired.high:.1f} to {-100 * paired.low:.1f}), which the choice of 1,000 test "
        "images cannot explain; another seed may say otherwise"
    )
    write_run(tmp_path / "without", "blur", leaks=0.80)
    write_run(tmp_path / "without", "noise", leaks=0.81)
    (unpaired,) = found_in(tmp_path / "without")
    assert unpaired.images is None
    assert unpaired.high - unpaired.value == pytest.approx(0.01 * 2**0.5)  # of two intervals
    assert not unpaired.is_significant
    assert "blur cannot be told apart in privacy loss" in unpaired.sentence()


def test_utility_is_compared_by_the_mean_over_its_attributes(tmp_path):
    write_with_outcomes(tmp_path, "blur", 0.8, utility=0.7)
    write_with_outcomes(tmp_path, "noise", 0.8, utility=0.8)
    (difference,) = found_in(tmp_path, "utility_score")
    assert difference.value == pytest.approx(-0.1)
    assert "noise keeps more than blur at epsilon 0.01, by 10.0 points" in difference.sentence()


def test_seeds_that_disagree_make_it_chance(tmp_path):
    for seed, (one, other) in enumerate([(0.60, 0.70), (0.75, 0.70), (0.62, 0.66)]):
        write_with_outcomes(tmp_path, "blur", one, seed=seed)
        write_with_outcomes(tmp_path, "noise", other, seed=seed)
    (difference,) = found_in(tmp_path)
    assert difference.value == pytest.approx(np.mean([-0.10, 0.05, -0.04]))
    assert difference.seeds == 3
    assert not difference.is_significant
    assert "the choice of 1,000 test images and of 3 seeds can explain" in difference.sentence()


def test_seeds_that_agree_do_not(tmp_path):
    for seed in range(3):
        write_with_outcomes(tmp_path, "blur", 0.6 + 0.01 * seed, seed=seed)
        write_with_outcomes(tmp_path, "noise", 0.8 + 0.01 * seed, seed=seed)
    (difference,) = found_in(tmp_path)
    assert difference.is_significant
    # no spread over seeds is left: Student's quantile times what test images cause
    assert (difference.high - difference.low) / 2 == pytest.approx(
        4.303 * (0.2 * 0.8 / 1000) ** 0.5, rel=0.1
    )
    assert "another seed" not in difference.sentence()


def test_only_the_same_budget_and_seed_are_compared(tmp_path):
    write_run(tmp_path, "blur", seed=0)
    write_run(tmp_path, "noise", seed=1)
    write_run(tmp_path, "noise", seed=0, epsilon=0.02)
    assert found_in(tmp_path) == []


def difference(one, other, value, reach=0.01):
    names = (one, other)
    return Difference("privacy_loss", 0.01, names, value, value - reach, value + reach, 1, None)


def test_rows_less_columns_are_signed_and_what_is_more_than_chance_is_marked():
    some = [difference("a", "b", 0.05), difference("a", "c", -0.004), difference("b", "c", -0.054)]
    (matrix,) = difference_matrices(some)
    assert list(matrix.cells.columns) == ["a", "b", "c"]
    assert list(matrix.cells.itertuples(name=None)) == [
        ("a", "", "+5.0*", "-0.4"),
        ("b", "-5.0*", "", "-5.4*"),
        ("c", "+0.4", "+5.4*", ""),
    ]
    assert matrix.lines()[0].startswith("privacy loss at epsilon 0.01: row less column")
    assert matrix.lines()[3].split() == ["1", "a", "+5.0*", "-0.4"]
    assert not needs_matrix(some)  # three pairs are told in sentences


def test_a_report_of_many_mechanisms_has_no_list_of_sentences(tmp_path):
    for place, name in enumerate(("blur", "noise", "pixelate", "transport")):
        write_run(tmp_path, name, leaks=0.6 + place / 20, auroc=measure(0.7 + place / 20, 0.95))
    report = make_report(tmp_path, tmp_path / "report", with_faces=False)
    assert "privacy loss at epsilon 0.01: row less column" in report.text
    assert "leaks more than" not in report.text
    assert "Least leaks: Smiling, hidden by blur (epsilon-0.01 seed-0)" in report.text
    assert "Most leaks: Smiling, hidden by transport" in report.text
    assert "most by ROC AUC" in report.text
    assert "most leaks by ROC AUC" in (tmp_path / "report" / "figure1.svg").read_text()
