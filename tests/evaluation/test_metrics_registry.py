"""Metric records: complete, documented, and importable without torch."""

import subprocess
import sys

import pytest
from documented_metrics import PAGE, replace_table

from privacy_gan.evaluation.metrics import METRICS, find_metric


def test_the_table_in_the_docs_is_current():
    page = PAGE.read_text(encoding="utf-8")
    assert replace_table(page) == page, "run python tests/documented_metrics.py"


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_records_are_complete(metric):
    assert metric.title
    assert metric.explanation
    assert metric.format_value(0.5)
    assert METRICS[metric.name] is metric
    assert not metric.can_lead or metric.score is not None


def test_measures_per_attribute_share_one_record():
    assert find_metric("utility/Male") is METRICS["utility"]
    assert find_metric("auroc") is METRICS["auroc"]
    assert find_metric("tea_time/Male").title == "tea time"  # from a file of another version


def test_chance_is_below_the_perfect_score():
    for metric in METRICS.values():
        for classes in (2, 5):
            assert not metric.can_lead or metric.chance(classes) < metric.perfect(classes)


def test_reading_records_does_not_import_torch():
    code = "import sys, privacy_gan.evaluation.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
