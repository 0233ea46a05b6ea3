"""How well labels alone predict an attribute: guessing, and from the other attributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from privacy_gan.attributes import UNKNOWN
from privacy_gan.data.batch import to_labels
from privacy_gan.data.splits import TEST, TRAIN
from privacy_gan.evaluation.observations import class_frequencies, correlation_baseline


def label_accuracies(
    attributes: npt.NDArray[np.uint8],
    splits: npt.NDArray[np.uint8],
    column: int,
    others: Sequence[int],
    num_classes: int,
) -> tuple[float, float | None]:
    """Return the test accuracies of the majority baseline and of the correlation baseline.

    Args:
        attributes: numbers of classes, or ``UNKNOWN``, [N, A].
        splits: 0 train, 1 valid, 2 test, [N].
        column: of the attribute.
        others: columns of the other attributes.
        num_classes: number of values of the attribute.

    Returns:
        The accuracy from the other attributes is None without any.
    """
    known = attributes[:, column] != UNKNOWN
    train, test = (
        to_labels(torch.tensor(attributes[known & (splits == split)])) for split in (TRAIN, TEST)
    )
    majority = class_frequencies(train[:, column], num_classes).argmax()
    guessing = float((test[:, column] == majority).double().mean())
    if not others:
        return guessing, None
    predicted = correlation_baseline(
        train[:, column], train[:, others], test[:, others], num_classes
    )
    return guessing, float((predicted.argmax(dim=1) == test[:, column]).double().mean())
