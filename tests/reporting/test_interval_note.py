"""What is said about the units of intervals."""

from dataclasses import replace

import pytest
from sample_results import evaluation

from privacy_gan.reporting.interval_note import interval_note

UNKNOWN = evaluation(0.8)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"persons": {"test": 40}}, "95% bootstrap intervals over 40 persons (100 test images)"),
        ({}, "95% bootstrap intervals over 100 test images, taken as independent"),
        ({"independent_images": True}, "95% bootstrap intervals over 100 test images"),
        (
            {"persons": {"test": 1}},
            "95% bootstrap intervals over 100 test images, taken as independent",
        ),
    ],
)
def test_the_note_names_persons_where_they_are_known(changes, note):
    assert interval_note(replace(UNKNOWN, **changes)) == note
