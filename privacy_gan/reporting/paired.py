"""Compare two evaluations of the same test images image by image, with persons as units."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import UTILITY
from privacy_gan.runs.person_ids import Ids

RESAMPLES = 2000

Floats = npt.NDArray[np.float64]


def image_differences(
    measure: str, pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]
) -> Floats | None:
    """Return the difference at each test image, mean over seeds, [N]; None if not recorded."""
    differences = []
    for pair in pairs:
        one, other = (values_by_image(entry, measure) for entry in pair)
        if one is None or other is None or len(one) != len(other):
            return None
        differences.append(one - other)
    return np.mean(differences, axis=0)  # type: ignore[no-any-return]


def values_by_image(entry: EvaluationRow, measure: str) -> Floats | None:
    """Return each test image's value, whose mean is the metric, [N]; None if not recorded."""
    evaluation = entry.evaluation
    names = [measure]
    if measure == UTILITY:
        names = [name for name in evaluation.measures if name.startswith("utility/")]
    correct = [evaluation.is_correct(name) for name in names]
    if not correct or any(each is None for each in correct):
        return None
    return np.mean([each for each in correct if each is not None], axis=0)  # type: ignore[no-any-return]


def persons_differ(pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]) -> bool:
    """Return whether two evaluations name different persons, so that their images differ."""
    known = {entry.evaluation.person_ids: entry for entry in itertools.chain(*pairs)}
    known.pop("", None)
    # other versions of zlib may pack the same persons differently
    unpacked = [entry.evaluation.test_persons() for entry in known.values()]
    persons = [each for each in unpacked if each is not None]
    return any(not np.array_equal(each, persons[0]) for each in persons)


def shared_persons(pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]) -> Ids | None:
    """Return the number of the person in each test image, [N], that all evaluations share.

    Results of earlier versions do not name persons. They are of the same images, so the others'
    persons are theirs, too.

    Returns:
        None if no evaluation names persons, or if all images show the same person.
    """
    for entry in itertools.chain(*pairs):
        if (persons := entry.evaluation.test_persons()) is not None:
            return None if persons.max() == 0 else persons
    return None


def paired_bootstrap(by_image: Floats, persons: Ids | None = None) -> tuple[float, float]:
    """Return the 95% bootstrap interval of a mean over images.

    Persons are drawn with replacement, each with all its images. There are few distinct sums over
    a person's images, so the number of times that each occurs is drawn from a multinomial, which
    has the same distribution as drawing persons.

    Args:
        by_image: the values, [N].
        persons: number of the person in each image, [N]; None to draw images.
    """
    if persons is None:
        persons = np.arange(len(by_image))
    totals = np.bincount(persons, by_image), np.bincount(persons).astype(np.float64)
    distinct, counts = np.unique(np.column_stack(totals), axis=0, return_counts=True)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(counts.sum(), counts / counts.sum(), RESAMPLES)
    sums, images = (drawn @ distinct).T
    low, high = np.quantile(sums / images, [0.025, 0.975])
    return float(low), float(high)
