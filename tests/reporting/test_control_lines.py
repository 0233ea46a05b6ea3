"""The line about the controls in the summary of a run."""

from dataclasses import replace

import pytest
from sample_results import evaluation

from privacy_gan.reporting.controls import control_lines
from privacy_gan.reporting.run_summary import full_tables, short_table_notes
from privacy_gan.runs.controls import Controls, PermutedLabels, PlantedLeaks
from privacy_gan.runs.estimate import Estimate


def permuted(name, p_value=0.4):
    return PermutedLabels(
        name, Estimate(0.503, 0.481, 0.525), Estimate(0, 0, 0.001), 0.506, p_value
    )


BOTH = (permuted("pca_mlp"), permuted("kernel_ridge"))


def lines(permuted=BOTH, planted=()):
    return control_lines(replace(evaluation(0.7), controls=Controls({}, permuted, planted)))


def test_a_control_that_passed_is_one_line_of_the_summary():
    (line,) = lines()
    assert line == (
        "control with permuted labels: passed (pca_mlp 50.3% [48.1, 52.5%], majority 50.6%, "
        "kernel_ridge 50.3% [48.1, 52.5%], majority 50.6%)"
    )
    found = replace(evaluation(0.7), controls=Controls({}, BOTH))
    assert line in short_table_notes([found])
    assert line in full_tables(found)


def test_a_control_that_failed_says_so():
    assert "FAILED" in lines((permuted("pca_mlp", p_value=0.0002),))[0]


def test_results_without_controls_have_no_line():
    assert control_lines(evaluation(0.7)) == []


@pytest.mark.parametrize(
    ("found", "conclusion"),
    [
        ((4, 9, 10), "a leak of 5 points or more would have been found in 9 of 10 cases"),
        ((4, 9, 8), "not even a leak of 10 points would have been found in 9 of 10 cases"),
    ],
)
def test_the_power_is_the_smallest_size_that_is_reliably_found(found, conclusion):
    planted = tuple(PlantedLeaks(*each, 10) for each in zip((0.02, 0.05, 0.1), found, strict=True))
    assert lines(planted=planted)[1] == (
        f"power: {conclusion} by pca_mlp and kernel_ridge alone (planted leaks found: 2 points 4 "
        f"of 10, 5 points 9 of 10, 10 points {found[2]} of 10)"
    )
