"""Where an attribute leaks most, as text."""

from dataclasses import replace

import pytest
from sample_results import estimate, evaluation, learning_curves, write_run

from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.slices import simultaneous_low, slice_lines, slice_rows, slice_tables
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.result import Result
from privacy_gan.runs.slices import Slice, Slices

OVERALL = Slice("", "", 2000, estimate(0.7), estimate(0.52), estimate(0.66))
FEW = Slice("Young", "0", 12, left_out="fewer than 30 images")


def part(value, balanced, images=812):
    return Slice("Male", value, images, estimate(0.75), estimate(0.6), balanced)


def sliced(*each, **more):
    return replace(evaluation(0.7, **more), slices=Slices("resnet18", 4, OVERALL, each))


def test_the_table_has_all_images_and_every_slice():
    rows = slice_rows(sliced(part("0", estimate(0.712)), FEW))
    headings = ["images", "accuracy", "majority baseline", "balanced accuracy"]
    assert rows == [
        ["Smiling within", *headings],
        ["all images", "2,000", "70.0% [69.0, 71.0%]", "52.0%", "66.0% [65.0, 67.0%]"],
        ["Male: no", "812", "75.0% [74.0, 76.0%]", "60.0%", "71.2% [70.2, 72.2%]"],
        ["Young: no", "12", "-", "-", "left out: fewer than 30 images"],
    ]


def test_a_slice_that_clearly_leaks_more_is_named():
    lines = slice_lines(sliced(part("0", estimate(0.712)), part("1", estimate(0.63)), FEW))
    assert lines == [
        "Smiling leaks most for Male: no: balanced accuracy 71.2% [70.2, 72.2%] over 812 images, "
        "66.0% over all (clear even as the largest of 2 slices)",
        "left out, with too few images: Young: no (12 images)",
    ]


def test_the_largest_of_several_slices_may_be_the_largest_by_chance():
    above = part("0", Estimate(0.712, 0.661, 0.763))  # the interval is above 66%, if it were one
    (alone,) = slice_lines(sliced(above))
    assert alone.startswith("Smiling leaks most for Male: no")
    (among_two,) = slice_lines(sliced(above, part("1", estimate(0.6))))
    assert among_two == (
        "no slice clearly leaks more than all images (balanced accuracy 66.0%); of 2, Male: no "
        "comes closest with 71.2% [66.1, 76.3%] over 812 images"
    )


def test_a_slice_at_guessing_does_not_leak():
    # an adversary that always says the same has exactly 50% in a slice, and 49.9% over all
    overall = replace(OVERALL, balanced_accuracy=estimate(0.499))
    same = part("1", Estimate(0.5, 0.5, 0.5))
    slices = Slices("resnet18", 4, overall, (same,))
    (line,) = slice_lines(replace(evaluation(0.7), slices=slices))
    assert line.startswith("no slice clearly leaks more than all images")


def test_an_uncertain_slice_has_no_advantage():
    uncertain = part("1", Estimate(0.75, 0.60, 0.90), images=31)
    lines = slice_lines(sliced(part("0", estimate(0.712)), uncertain))
    assert "leaks most for Male: no" in lines[0]


def test_values_of_adversaries_that_were_not_done_are_lower_bounds():
    (line,) = slice_lines(sliced(part("0", estimate(0.712)), curves=learning_curves("max_epochs")))
    assert "balanced accuracy at least 71.2%" in line
    assert "at least 66.0% over all" in line
    rows = slice_rows(sliced(part("0", estimate(0.712)), curves={}))
    assert rows[2][2].startswith("at least 75.0%")
    assert rows[2][3] == "60.0%"  # the baseline depends on no training


def test_without_slices_there_is_nothing_to_print():
    for each in (evaluation(0.7), sliced()):
        assert slice_rows(each) == slice_lines(each) == []
    assert slice_lines(sliced(FEW)) == ["left out, with too few images: Young: no (12 images)"]


def test_the_widened_interval_is_that_of_bonferroni():
    interval = Estimate(0.7, 0.7 - 1.959964, 0.8)  # a standard error of 1
    assert simultaneous_low(interval, 1) == pytest.approx(interval.low)
    assert simultaneous_low(interval, 10) == pytest.approx(0.7 - 2.807034)  # 0.9975 quantile


def test_the_report_shows_the_run_with_the_largest_leak_of_each_mechanism(tmp_path):
    for seed, leak in enumerate((0.6, 0.8, None)):
        run = write_run(tmp_path, seed=seed, leaks=leak)
        result = Result.read(run / "result.json")
        evaluations = {
            name: replace(each, slices=Slices("resnet18", 4, OVERALL, (part("0", estimate(leak)),)))
            for name, each in result.evaluations.items()
        }
        replace(result, evaluations=evaluations).write(run / "result.json")
    write_run(tmp_path, "blur")  # as by an earlier version
    (table,) = slice_tables(all_evaluation_rows(find_runs(tmp_path).finished))
    assert table.title == "Smiling in faces-64, filter_generator-entropy epsilon-0.01 seed-1"
    assert table.rows[2][0] == "Male: no"
    assert table.lines[0].startswith("Smiling leaks most for Male: no: balanced accuracy 80.0%")
