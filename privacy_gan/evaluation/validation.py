"""The trade-off on the validation split, for those who choose between runs.

Who chose by what was measured on the test split would report that split's luck with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.metrics.bootstrap import compute_on_all
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE, accuracy
from privacy_gan.evaluation.observations import prior
from privacy_gan.evaluation.predictions import AdversaryPredictions
from privacy_gan.evaluation.source import CensoredSource, count_batches
from privacy_gan.progress import progress


def normalized(value: float, nothing: float, everything: float) -> float:
    """Return where a value lies between 0 for nothing and 1 for everything; nan without room."""
    room = everything - nothing
    return (value - nothing) / room if room > 0 else math.nan


def trade_off(gain: float, utility: float) -> dict[str, float | None]:
    """Return both sides of the trade-off and their difference, by name.

    The difference is 1 where all of the utility is left and nothing leaks; 0 for images that nobody
    censored, and for images in which nothing is left.
    """
    return {
        "normalized_gain": gain,
        "normalized_utility": utility,
        "trade_off": utility - gain,
    }


def normalized_gain(
    censored: AdversaryPredictions, original: AdversaryPredictions, prior: Tensor, labels: Tensor
) -> float:
    """Return how much the strongest adversary gains on the validation split, as accuracy.

    0 is as good as always predicting the most frequent value, 1 as good as on original images.

    Args:
        censored: of the strongest adversary.
        original: of the strongest that learned from original images.
        prior: frequencies of s in training, [C].
        labels: s of the validation split, [N].
    """
    nothing = compute_on_all(partial(accuracy, prior=prior), prior.expand(len(labels), -1), labels)
    value, everything = (of.by_score[ACCURACY_SCORE].valid for of in (censored, original))
    return normalized(value, nothing, everything)


def normalized_utility(
    source: CensoredSource,
    classifiers: Mapping[str, FixedClassifier],
    names: Sequence[str],
    train_labels: Mapping[str, Tensor],
    seed: int,
) -> float:
    """Return how much of the utility score (eq. 6) is left on the validation split.

    It is nan where there is no utility attribute. 0 is as good as always predicting the most
    frequent values, 1 as good as on original images.

    Args:
        source: of the images.
        classifiers: the fixed ones, by attribute.
        names: the utility attributes.
        train_labels: by attribute, [N] each.
        seed: of all noise.
    """
    if not names:
        return math.nan
    most_frequent = torch.stack([prior(train_labels[name]).argmax() for name in names])
    columns = [source.datamodule.column(name) for name in names]
    correct, count = torch.zeros(3, dtype=torch.float64), 0
    with progress("validating", count_batches(source.datamodule, "valid")) as advance:
        for batch in source.query("valid", 0, seed):
            truth = batch.attributes[:, columns].cpu()
            guesses = [most_frequent.expand(len(truth), -1)]
            for images in (batch.original, batch.images):
                with torch.no_grad(), source.compute.autocast():
                    seen = [classifiers[name].network(images).argmax(dim=1) for name in names]
                guesses.append(torch.stack(seen, dim=1).cpu())
            correct += torch.stack([(guess == truth).double().mean(1).sum() for guess in guesses])
            count += len(truth)
            advance(1)
    nothing, everything, value = (correct / count).tolist()
    return normalized(value, nothing, everything)
