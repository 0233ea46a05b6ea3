"""What is left for everyone else: how well the utility attributes can still be told (eq. 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.metric import Metric
from privacy_gan.evaluation.metrics.samples import mean
from privacy_gan.runs.result import Measure

if TYPE_CHECKING:
    from torch import Tensor

    from privacy_gan.evaluation.observations import Observations

    Classes = Mapping[str, Tensor]  # predicted of each image, [N] by utility attribute
    # what classifiers predict of censored images, and of original ones where there are any
    Predict = Callable[[Observations], tuple[Classes, Classes | None]]


def fixed_classifier_predictions(observations: Observations) -> tuple[Classes, Classes | None]:
    """Return what classifiers predict that learned from original images."""
    if observations.outputs is None:
        return {}, None
    both = (observations.outputs.censored, observations.outputs.original)
    censored, originals = (of.predictions_of(observations.utilities) for of in both)
    return censored, originals


def retrained_predictions(observations: Observations) -> tuple[Classes, Classes | None]:
    """Return what a classifier predicts that learned from the kind of images it is shown."""
    return observations.retrained, observations.retrained_on_originals


def accuracy(observations: Observations, name: str, *, predict: Predict) -> Measure | None:
    """Return the accuracy in one utility attribute."""
    censored, originals = predict(observations)
    if name not in censored:
        return None
    return measure_correctness(observations, correctness(observations, name, censored, originals))


def mean_accuracy(observations: Observations, *, predict: Predict) -> Measure | None:
    """Return the utility score: the mean accuracy over utility attributes."""
    import torch

    censored, originals = predict(observations)
    if not censored:
        return None
    correct = [correctness(observations, each, censored, originals) for each in censored]
    return measure_correctness(observations, torch.stack(correct).mean(dim=0))


def correctness(
    observations: Observations, name: str, censored: Classes, originals: Classes | None
) -> Tensor:
    """Return whether an attribute is told right of each test image, float64 [N, 4].

    The columns: from the censored image, from the original one (nan where nobody saw it), as always
    the most frequent value, from the other attributes.
    """
    import torch

    truth = observations.test_labels[name]
    guesses = (
        censored[name],
        None if originals is None else originals[name],
        observations.majority_probabilities(name).argmax(dim=1),
        observations.correlation_probabilities(name).argmax(dim=1),
    )
    unknown = torch.full((len(truth),), math.nan, dtype=torch.float64)
    right = [unknown if guess is None else (guess == truth).double() for guess in guesses]
    return torch.stack(right, dim=1)


def measure_correctness(observations: Observations, correct: Tensor) -> Measure:
    """Return the means of the columns of ``correctness``."""
    return Measure(*(observations.bootstrap.percentile(mean, column) for column in correct.T))


METRICS = (
    Metric(
        "utility_score",
        "utility",
        "utility score",
        "share of images whose attribute the fixed classifier tells, mean over the utility "
        "attributes",
        partial(mean_accuracy, predict=fixed_classifier_predictions),
        source="eq. 6",
        higher_is_better=True,
        prominence="first",
        heading="utility score",
    ),
    Metric(
        "utility",
        "utility",
        "utility",
        "the same share for each utility attribute by itself",
        partial(accuracy, predict=fixed_classifier_predictions),
        source="eq. 6",
        higher_is_better=True,
        per="utility attribute",
    ),
    Metric(
        "retrained_utility_score",
        "utility",
        "utility score, retrained",
        "the utility score of one network, with an output for each utility attribute, that learned "
        "from censored images and true labels, as the adversaries do: what is gone for it is lost, "
        "and does not only look unlike original images",
        partial(mean_accuracy, predict=retrained_predictions),
        source="PASS, arXiv 2506.08307",
        higher_is_better=True,
        prominence="first",
        heading="retrained",
        note="utility score of a classifier that learned from censored images",
        hub="accuracy",
    ),
    Metric(
        "retrained_utility",
        "utility",
        "utility, retrained",
        "the same share for each utility attribute by itself",
        partial(accuracy, predict=retrained_predictions),
        source="PASS, arXiv 2506.08307",
        higher_is_better=True,
        per="utility attribute",
    ),
)
