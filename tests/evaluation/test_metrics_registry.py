"""Metrics are records: complete, in the docs as they are, and read without torch."""

import subprocess
import sys

import pytest
from documented_metrics import PAGE, replaced

from privacy_gan.evaluation.metrics import METRICS, find_metric


def test_the_docs_have_the_table_that_the_records_make():
    page = PAGE.read_text(encoding="utf-8")
    assert replaced(page) == page, "python tests/documented_metrics.py renews it"


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_record_says_all_that_is_asked_of_it(metric):
    assert metric.title
    assert metric.explanation
    assert metric.format_value(0.5)
    assert METRICS[metric.name] is metric
    assert not metric.can_lead or metric.score is not None


def test_what_is_measured_for_each_attribute_has_one_record():
    assert find_metric("utility/Male") is METRICS["utility"]
    assert find_metric("auroc") is METRICS["auroc"]
    assert find_metric("tea_time/Male").title == "tea time"  # of another version's file


def test_chance_is_below_perfection():
    for metric in METRICS.values():
        for classes in (2, 5):
            assert not metric.can_lead or metric.chance(classes) < metric.perfect(classes)


def test_records_are_read_without_torch():
    code = "import sys, privacy_gan.evaluation.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
