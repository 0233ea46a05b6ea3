"""docs/performance.md shows the benchmark's output."""

import json

import pytest
from benchmarks.table import format_table
from commands import ROOT

RECORDS = sorted((ROOT / "docs" / "results" / "benchmark").glob("*.json"))


def test_records_exist():
    assert RECORDS


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_page_shows_each_record_as_printed(path):
    page = (ROOT / "docs" / "performance.md").read_text().splitlines()
    for line in format_table(json.loads(path.read_text())).splitlines():
        assert line in page, line
