"""Certified runs in a table: between what is found and what none exceeds."""

from dataclasses import replace

import pytest
from sample_results import estimate, write_run
from test_verdict import CERTIFICATE

from privacy_gan.reporting.bounds_table import bounds_notes, bounds_rows, certified
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.report import make_report
from privacy_gan.reporting.results import make_panels
from privacy_gan.runs.evaluation import Measure
from privacy_gan.runs.result import Result


def write_certified(folder, mechanism, found, table):
    """Write a run whose adversaries and whose table find these balanced accuracies."""
    balanced = Measure(estimate(found))
    path = write_run(folder, mechanism, balanced_accuracy=balanced) / "result.json"
    result = Result.read(path)
    certificate = replace(CERTIFICATE, found={"balanced_accuracy": estimate(table)})
    certified = replace(result.evaluations["Smiling"], certificate=certificate)
    replace(result, evaluations={"Smiling": certified}).write(path)


@pytest.fixture
def rows_of(tmp_path):
    def load(**found_and_table):
        for mechanism, pair in found_and_table.items():
            write_certified(tmp_path, mechanism, *pair)
        write_run(tmp_path, "filter-entropy")  # has no certificate
        return certified(make_panels(all_evaluation_rows(find_runs(tmp_path).finished)))

    return load


def test_a_row_has_both_sides(rows_of):
    rows = bounds_rows(rows_of(codebook=(0.512, 0.52)))
    assert dict(zip(rows[0], rows[1], strict=True)) == {
        "": "codebook",
        "hidden": "Smiling",
        "codewords": "128",
        "distortion": "0.01000",
        "table finds": "52.0% [51.0, 53.0%]",
        "adversaries find": "51.2% [50.2, 52.2%]",
        "at most": "55.4%",
        "accuracy at most": "59.4%",
        "utility": "80.0%",
    }


def test_adversaries_that_find_less_than_the_table_are_counted(rows_of):
    entries = rows_of(both=(0.512, 0.52), misses=(0.6, 0.7), finds_more=(0.7, 0.6))
    notes = "\n".join(bounds_notes(entries))
    assert "in 1 of 3 rows, adversaries find less than the table, by" in notes
    others = [(name, entry) for name, entry in entries if name != "misses"]
    assert "in no row do adversaries find less" in "\n".join(bounds_notes(others))


def test_the_report_has_the_table(rows_of, tmp_path):
    rows_of(codebook=(0.512, 0.52))
    report = make_report(tmp_path, tmp_path / "report", with_faces=False)
    assert "52.0% [51.0, 53.0%]" in report.text
    page = report.files[0].read_text()
    assert "<h2>Upper bounds</h2>" in page
    assert "52.0% [51.0, 53.0%]" in page


def test_without_certificates_there_is_no_table(tmp_path):
    write_run(tmp_path)
    report = make_report(tmp_path, tmp_path / "report", with_faces=False)
    assert "table finds" not in report.text
    assert "Upper bounds" not in report.files[0].read_text()
