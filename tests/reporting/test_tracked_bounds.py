"""Trackers get numbers, and next to them whether these are lower bounds."""

import pytest
from sample_results import learning_curves, write_run

from privacy_gan.reporting import sweep_chart, tracking
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.records import all_evaluation_rows


@pytest.mark.parametrize(
    ("curves", "bound", "original_bound"),
    [
        (learning_curves("done"), "", ""),
        (learning_curves("max_epochs", original="done"), "at least", ""),
        ({}, "at least", "at least"),
    ],
)
def test_tables_have_numbers_and_whether_they_are_lower_bounds(
    curves, bound, original_bound, tmp_path
):
    run = write_run(tmp_path, curves=curves)
    (row,) = all_evaluation_rows(find_runs(tmp_path).finished)
    by_metric = {
        record.metric: dict(zip(tracking.COLUMNS, tracking.table_row(record), strict=True))
        for record in row.measure_records()
    }
    loss = by_metric["privacy_loss"]
    assert (loss["censored"], loss["original"]) == (0.8, 0.9)
    assert (loss["bound"], loss["original_bound"]) == (bound, original_bound)
    assert by_metric["utility_score"]["bound"] == ""
    (cells,) = sweep_chart.table_rows("run", run)
    cells = dict(zip(sweep_chart.COLUMNS, cells, strict=True))
    assert cells["leak"] == 0.8
    assert cells["adversaries done"] == (not bound)
    assert cells["leak in words"] == f"{bound} 80.0%".strip()
