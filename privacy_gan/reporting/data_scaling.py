"""What an adversary would find with more labelled images, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable

from privacy_gan.reporting.lower_bounds import AT_LEAST
from privacy_gan.runs.data_scaling import DataScaling
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation


def scaling_lines(evaluation: Evaluation) -> list[str]:
    """Return the sentence of an evaluation; none if the scaling was not measured."""
    scaling = evaluation.data_scaling
    return [] if scaling is None else [scaling_sentence(scaling)]


def scaling_sentence(scaling: DataScaling) -> str:
    """Return what the adversary would find with more images, marked as an extrapolation.

    For example: "with ten times as many labelled images: 61 to 66% (an extrapolation from 55.0,
    57.5 and 59.4% of resnet18 with 4,000, 8,000 and 16,000 images)".
    """
    remarks = [
        f"an extrapolation from {format_values(scaling)} of {scaling.adversary} with "
        f"{enumerate_texts(f'{point.images:,}' for point in scaling.points)} images"
    ]
    if not scaling.growing:
        remarks.append("among these, more images did not help beyond the error")
    if not scaling.done:
        remarks.append("its training was not done with all of these")
    return (
        f"with {factor(scaling)} as many labelled images: {expected(scaling)} "
        f"({'; '.join(remarks)})"
    )


def factor(scaling: DataScaling) -> str:
    """Return "ten times", or what the ratio of the forecast to the last point is."""
    ratio = scaling.forecast.images / scaling.points[-1].images
    return "ten times" if ratio == 10 else f"{ratio:g} times"


def expected(scaling: DataScaling) -> str:
    """Return the range of the forecast, in accuracy where it is known and in bits otherwise."""
    if (accuracy := scaling.forecast.accuracy) is not None:
        return f"{at_least(scaling.done)}{format_range(accuracy, 100)}%"
    return f"{at_least(scaling.done)}{format_range(scaling.forecast.bits, 1, 2)} bits"


def format_values(scaling: DataScaling) -> str:
    """Return the values at the points, in the unit of the forecast."""
    if scaling.forecast.accuracy is not None:
        texts = (f"{at_least(each.done)}{100 * each.accuracy.value:.1f}" for each in scaling.points)
        return f"{enumerate_texts(texts)}%"
    texts = (f"{at_least(each.done)}{each.bits.value:.2f}" for each in scaling.points)
    return f"{enumerate_texts(texts)} bits"


def at_least(done: bool) -> str:
    """Return the prefix of a value of an adversary, which was done learning or not."""
    return "" if done else AT_LEAST


def enumerate_texts(texts: Iterable[str]) -> str:
    """Return "a, b and c"."""
    *first, last = texts
    return f"{', '.join(first)} and {last}"


def format_range(estimate: Estimate, unit: float, digits: int = 0) -> str:
    """Return "61 to 66", rounded outwards; a negative number becomes 0.

    Args:
        estimate: the range.
        unit: factor by which it is multiplied.
        digits: number of decimals.
    """
    scale = 10**digits
    # rounding first, so that 0.57 * 100 = 56.99999999999999 is not rounded down to 56
    low = math.floor(round(max(estimate.low, 0) * unit * scale, 6)) / scale
    high = math.ceil(round(max(estimate.high, 0) * unit * scale, 6)) / scale
    return f"{low:.{digits}f} to {high:.{digits}f}"
