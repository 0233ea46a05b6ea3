"""Utility metrics: how well the utility attributes can still be predicted (eq. 6)."""

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

    Classes = Mapping[str, Tensor]  # predicted class of each image, [N] by utility attribute
    # returns the predictions for censored images, and for original images if there are any
    Predict = Callable[[Observations], tuple[Classes, Classes | None]]


def fixed_classifier_predictions(observations: Observations) -> tuple[Classes, Classes | None]:
    """Return the predictions of the fixed classifiers, which were trained on original images."""
    if observations.outputs is None:
        return {}, None
    both = (observations.outputs.censored, observations.outputs.original)
    censored, originals = (images.predictions_of(observations.utilities) for images in both)
    return censored, originals


def retrained_predictions(observations: Observations) -> tuple[Classes, Classes | None]:
    """Return the predictions of classifiers trained on the kind of images that they predict."""
    return observations.retrained, observations.retrained_on_originals


def accuracy(observations: Observations, name: str, *, predict: Predict) -> Measure | None:
    """Return the accuracy in one utility attribute."""
    censored, originals = predict(observations)
    if name not in censored:
        return None
    return measure_correctness(observations, correctness(observations, name, censored, originals))


def mean_accuracy(observations: Observations, *, predict: Predict) -> Measure | None:
    """Return the utility score: the mean accuracy over the utility attributes."""
    import torch

    censored, originals = predict(observations)
    if not censored:
        return None
    correct = [correctness(observations, name, censored, originals) for name in censored]
    return measure_correctness(observations, torch.stack(correct).mean(dim=0))


def correctness(
    observations: Observations, name: str, censored: Classes, originals: Classes | None
) -> Tensor:
    """Return whether predictions of an attribute are correct for each test image, float64 [N, 4].

    The columns are the predictions from the censored image, from the original image (nan without
    originals), of the majority baseline and of the correlation baseline.
    """
    import torch

    truth = observations.test_labels[name]
    predictions = (
        censored[name],
        None if originals is None else originals[name],
        observations.majority_probabilities(name).argmax(dim=1),
        observations.correlation_probabilities(name).argmax(dim=1),
    )
    unknown = torch.full((len(truth),), math.nan, dtype=torch.float64)
    columns = [
        unknown if predicted is None else (predicted == truth).double() for predicted in predictions
    ]
    return torch.stack(columns, dim=1)


def measure_correctness(observations: Observations, correct: Tensor) -> Measure:
    """Return the means of the columns of ``correctness``."""
    return Measure(*(observations.bootstrap.percentile(mean, column) for column in correct.T))


METRICS = (
    Metric(
        "utility_score",
        "utility",
        "utility score",
        "accuracy of the fixed classifiers on the utility attributes, mean over the attributes",
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
        "accuracy of the fixed classifier on one utility attribute",
        partial(accuracy, predict=fixed_classifier_predictions),
        source="eq. 6",
        higher_is_better=True,
        per="utility attribute",
    ),
    Metric(
        "retrained_utility_score",
        "utility",
        "utility score, retrained",
        "utility score of one network, with an output for each utility attribute, trained on "
        "censored images and true labels, as the adversaries are. What it cannot predict is lost; "
        "a fixed classifier may only fail because the images look different",
        partial(mean_accuracy, predict=retrained_predictions),
        source="PASS, arXiv 2506.07308",
        higher_is_better=True,
        prominence="first",
        heading="retrained",
        note="utility score of a classifier trained on censored images",
        hub="accuracy",
    ),
    Metric(
        "retrained_utility",
        "utility",
        "utility, retrained",
        "accuracy of that network on one utility attribute",
        partial(accuracy, predict=retrained_predictions),
        source="PASS, arXiv 2506.07308",
        higher_is_better=True,
        per="utility attribute",
    ),
)
