"""Utility metrics: how well the utility attributes can still be predicted (eq. 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.ceiling import ceiling, ceiling_with_leak
from privacy_gan.evaluation.metrics.metric import Metric
from privacy_gan.evaluation.metrics.privacy import BALANCED_ACCURACY, balanced_accuracy
from privacy_gan.evaluation.metrics.samples import mean_of_known
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure

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
    return measure_correctness(observations, [name], censored, originals)


def mean_accuracy(observations: Observations, *, predict: Predict) -> Measure | None:
    """Return the utility score: the mean accuracy over the utility attributes."""
    censored, originals = predict(observations)
    if not censored:
        return None
    return measure_correctness(observations, list(censored), censored, originals)


def correctness(
    observations: Observations, names: Sequence[str], censored: Classes, originals: Classes | None
) -> tuple[Tensor, Tensor]:
    """Return whether predictions are correct, float64 [N, A, 4], and labels are known, [N, A].

    The four are the predictions from the censored image, from the original image (nan without
    originals), of the majority baseline and of the correlation baseline.
    """
    import torch

    truth = torch.stack([observations.test_labels[name] for name in names], dim=1)
    predictions = (
        [censored[name] for name in names],
        None if originals is None else [originals[name] for name in names],
        [observations.majority_probabilities(name).argmax(dim=1) for name in names],
        [observations.correlation_probabilities(name).argmax(dim=1) for name in names],
    )
    unknown = torch.full(truth.shape, math.nan, dtype=torch.float64)
    correct = [
        unknown if predicted is None else (torch.stack(predicted, dim=1) == truth).double()
        for predicted in predictions
    ]
    return torch.stack(correct, dim=2), truth >= 0


def measure_correctness(
    observations: Observations, names: Sequence[str], censored: Classes, originals: Classes | None
) -> Measure:
    """Return the means of ``correctness`` over images and attributes, and the mean ceiling."""
    correct, known = correctness(observations, names, censored, originals)
    value, original, majority, correlation = (
        observations.bootstrap.percentile(
            lambda weights, *columns: mean_of_known(weights, *columns).mean(dim=1), each, known
        )
        for each in correct.unbind(dim=2)
    )
    best = estimate_ceiling(observations, names)
    return Measure(value, original, majority, correlation, best)


def estimate_ceiling(observations: Observations, names: Sequence[str]) -> Estimate | None:
    """Return the mean ceiling of utility attributes, from the frequencies in the test images."""
    return observations.bootstrap.percentile(
        lambda weights, *columns: ceilings(weights, *columns).mean(dim=1),
        *labels_for_ceiling(observations, names),
    )


def labels_for_ceiling(observations: Observations, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the test labels of utility attributes, [N, A], and of the sensitive one, [N]."""
    import torch

    utilities = torch.stack([observations.test_labels[name] for name in names], dim=1)
    return utilities, observations.labels


def ceilings(weights: Tensor, utilities: Tensor, sensitive: Tensor) -> Tensor:
    """Return the ceiling of each utility attribute, [R, A], from labels [N, A] and [N]."""
    import torch

    return torch.stack([ceiling(weights, column, sensitive) for column in utilities.T], dim=1)


def attained_utility(observations: Observations, name: str = "") -> Measure | None:
    """Return the attained utility in one attribute, or by mean accuracies over all of them.

    It is undefined where more than 2.5% of the bootstrap samples leave no room between the majority
    baseline and what is possible: its value could then have either sign.
    """
    censored, originals = retrained_predictions(observations)
    names = [name] if name else list(censored)
    if originals is None or not names or not set(names) <= set(censored):
        return None
    found = correctness(observations, names, censored, originals)
    columns = *found, *labels_for_ceiling(observations, names)
    room = observations.bootstrap.percentile(attainable_room, *columns)
    if room is None or room.low <= 0:
        return Measure(None)
    return Measure(observations.bootstrap.percentile(attained, *columns))


def attained(
    weights: Tensor, correct: Tensor, known: Tensor, utilities: Tensor, sensitive: Tensor
) -> Tensor:
    """Return (accuracy - majority) / (min(ceiling, original) - majority), nan without room.

    Args:
        weights: number of times each image occurs in each sample, [R, N].
        correct: see ``correctness``, [N, A, 4].
        known: see ``correctness``, [N, A].
        utilities: labels of the utility attributes, [N, A].
        sensitive: labels of s, [N].
    """
    gain = mean_of_known(weights, correct[..., 0] - correct[..., 2], known).mean(dim=1)
    room = attainable_room(weights, correct, known, utilities, sensitive)
    return (gain / room).where(room > 0, math.nan)


def attainable_room(
    weights: Tensor, correct: Tensor, known: Tensor, utilities: Tensor, sensitive: Tensor
) -> Tensor:
    """Return min(ceiling, original) - majority, the mean over attributes, [R]; see ``attained``."""
    original, majority = (mean_of_known(weights, correct[..., k], known) for k in (1, 2))
    best = ceilings(weights, utilities, sensitive).minimum(original)
    return (best - majority).mean(dim=1)


def possible_utility(observations: Observations, name: str) -> Measure | None:
    """Return the ceiling where s is left as predictable as the strongest adversary finds it.

    The balanced accuracy b of a binary s shows a total variation of at least 2 b - 1.
    """
    if len(observations.classes) != 2 or name not in observations.retrained:
        return None
    strongest = observations.strongest(BALANCED_ACCURACY).by_score[BALANCED_ACCURACY].test

    def statistic(weights: Tensor, utility: Tensor, sensitive: Tensor, found: Tensor) -> Tensor:
        balanced = balanced_accuracy(weights, found, sensitive, observations.frequencies)
        return ceiling_with_leak(weights, utility, sensitive, (2 * balanced - 1).clamp_min(0))

    labels = observations.test_labels[name], observations.labels
    return Measure(observations.bootstrap.percentile(statistic, *labels, strongest))


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
        trained="retrained",
        prominence="first",
        short_title="retrained utility",
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
        trained="retrained",
        per="utility attribute",
    ),
    Metric(
        "attained_utility_score",
        "utility",
        "attained utility score",
        "(accuracy - majority baseline) / (min(ceiling, accuracy on originals) - majority "
        "baseline) of the retrained classifier, each a mean over the attributes: at 100% images "
        "are as useful as images that hide s can be; more shows that they reveal s. Undefined "
        "where the interval of the denominator contains 0",
        attained_utility,
        higher_is_better=True,
        trained="retrained",
        relative_to_original=True,
        note="(retrained utility - majority baseline) / (min(ceiling, on originals) - majority "
        "baseline)",
    ),
    Metric(
        "attained_utility",
        "utility",
        "attained utility",
        "the same for one utility attribute",
        attained_utility,
        higher_is_better=True,
        trained="retrained",
        relative_to_original=True,
        per="utility attribute",
    ),
    Metric(
        "possible_utility",
        "utility",
        "possible utility",
        "the ceiling of one utility attribute if s may be as predictable as the strongest "
        "adversary finds it (a total variation of 2 balanced accuracy - 1); for two values of s",
        possible_utility,
        trained="adversaries",
        strongest_in=BALANCED_ACCURACY,
        per="utility attribute",
    ),
)
