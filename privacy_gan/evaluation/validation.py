"""The privacy-utility trade-off on the validation split, for choosing between runs.

Choosing by test metrics would bias the reported test results.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from privacy_gan.attributes import IGNORED
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.metrics.bootstrap import compute_on_all
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE, accuracy
from privacy_gan.evaluation.observations import class_frequencies
from privacy_gan.evaluation.predictions import AdversaryPredictions
from privacy_gan.evaluation.source import CensoredSource, count_batches
from privacy_gan.progress import progress_bar


def normalize(value: float, minimum: float, maximum: float) -> float:
    """Scale a value so that minimum is 0 and maximum is 1; nan if maximum <= minimum."""
    room = maximum - minimum
    return (value - minimum) / room if room > 0 else math.nan


def trade_off(gain: float, utility: float) -> dict[str, float | None]:
    """Return both sides of the trade-off and their difference, by name.

    The difference is 1 if all utility remains and nothing leaks. It is 0 for uncensored images, and
    for images from which everything was removed.
    """
    return {
        "normalized_gain": gain,
        "normalized_utility": utility,
        "trade_off": utility - gain,
    }


def normalized_gain(
    censored: AdversaryPredictions,
    original: AdversaryPredictions,
    frequencies: Tensor,
    labels: Tensor,
) -> float:
    """Return the strongest adversary's normalized gain in accuracy on the validation split.

    0 is the accuracy of the majority baseline, 1 the accuracy on original images.

    Args:
        censored: predictions of the strongest adversary.
        original: predictions of the strongest adversary trained on original images.
        frequencies: class frequencies of s in the training split, [C].
        labels: s on the validation split, [N].
    """
    constant = frequencies.expand(len(labels), -1)
    minimum = compute_on_all(partial(accuracy, frequencies=frequencies), constant, labels)
    value, maximum = (each.by_score[ACCURACY_SCORE].valid for each in (censored, original))
    return normalize(value, minimum, maximum)


def normalized_utility(
    source: CensoredSource,
    classifiers: Mapping[str, FixedClassifier],
    names: Sequence[str],
    train_labels: Mapping[str, Tensor],
    seed: int,
) -> float:
    """Return the normalized utility score (eq. 6) on the validation split.

    0 is the accuracy of the majority baseline, 1 the accuracy on original images. It is nan without
    utility attributes.

    Args:
        source: source of the images.
        classifiers: fixed classifiers by attribute.
        names: the utility attributes.
        train_labels: training labels by attribute, [N] each.
        seed: seed of all noise.
    """
    if not names:
        return math.nan
    majority = torch.stack([class_frequencies(train_labels[name]).argmax() for name in names])
    columns = [source.datamodule.column(name) for name in names]
    correct = torch.zeros(3, len(names), dtype=torch.float64)
    counts = torch.zeros(len(names), dtype=torch.float64)
    with progress_bar("validating", count_batches(source.datamodule, "valid")) as advance:
        for batch in source.query("valid", 0, seed):
            truth = batch.attributes[:, columns].cpu()
            predictions = [majority.expand(len(truth), -1)]
            for images in (batch.original, batch.images):
                with torch.no_grad(), source.compute.autocast():
                    classes = [classifiers[name].network(images).argmax(dim=1) for name in names]
                predictions.append(torch.stack(classes, dim=1).cpu())
            correct += torch.stack([(predicted == truth).sum(dim=0) for predicted in predictions])
            counts += (truth != IGNORED).sum(dim=0)
            advance(1)
    minimum, maximum, value = (correct / counts).mean(dim=1).tolist()
    return normalize(value, minimum, maximum)
