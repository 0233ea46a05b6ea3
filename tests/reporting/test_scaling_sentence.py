"""The sentence about an adversary with more labelled images."""

from dataclasses import replace

import pytest
from sample_results import estimate

from privacy_gan.reporting.data_scaling import format_range, scaling_sentence
from privacy_gan.runs.data_scaling import DataScaling, Forecast, ScalingPoint
from privacy_gan.runs.estimate import Estimate

POINTS = tuple(
    ScalingPoint(images, estimate(bits), estimate(accuracy), done=True)
    for images, bits, accuracy in [(4000, 0.02, 0.55), (8000, 0.05, 0.575), (16000, 0.08, 0.594)]
)
FORECAST = Forecast(160_000, Estimate(0.12, 0.09, 0.174), Estimate(0.63, 0.612, 0.6521))
SCALING = DataScaling("resnet18", 4, POINTS, growing=True, forecast=FORECAST)


def test_the_sentence_gives_the_range_and_says_that_it_is_an_extrapolation():
    assert scaling_sentence(SCALING) == (
        "with ten times as many labelled images: 61 to 66% (an extrapolation from 55.0, 57.5 and "
        "59.4% of resnet18 with 4,000, 8,000 and 16,000 images)"
    )


def test_more_than_two_values_are_reported_in_bits():
    scaling = replace(SCALING, forecast=replace(FORECAST, accuracy=None))
    assert scaling_sentence(scaling) == (
        "with ten times as many labelled images: 0.09 to 0.18 bits (an extrapolation from 0.02, "
        "0.05 and 0.08 bits of resnet18 with 4,000, 8,000 and 16,000 images)"
    )


def test_the_sentence_says_if_more_images_did_not_help():
    assert "more images did not help" in scaling_sentence(replace(SCALING, growing=False))
    assert "more images did not help" not in scaling_sentence(SCALING)


def test_the_sentence_says_if_a_training_was_not_done():
    points = (replace(POINTS[0], done=False), *POINTS[1:])
    assert "training was not done" in scaling_sentence(replace(SCALING, points=points))


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.571, 0.579, "57 to 58"),
        (0.57, 0.58, "57 to 58"),  # 0.57 * 100 is 56.99999999999999
        (-0.01, 0.005, "0 to 1"),
    ],
)
def test_ranges_are_rounded_outwards(low, high, text):
    assert format_range(Estimate(0.5, low, high), 100) == text
