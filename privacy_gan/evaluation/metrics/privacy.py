"""Privacy metrics: what adversaries learn about the sensitive attribute s."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.metric import LEAKED_BITS, Metric, result_key
from privacy_gan.evaluation.metrics.samples import (
    area_under_roc,
    counts,
    information,
    mean,
    negative_log_likelihood,
    true_positive_rate,
)
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure

if TYPE_CHECKING:
    from torch import Tensor

    from privacy_gan.evaluation.observations import Observations

ACCURACY_SCORE = "accuracy"  # the score of the metric privacy_loss
BALANCED_ACCURACY = "balanced_accuracy"


def accuracy(weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor) -> Tensor:
    """Return the share of images whose most probable class is the true one."""
    del frequencies
    return mean(weights, probabilities.argmax(dim=1) == labels)


def balanced_accuracy(
    weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor
) -> Tensor:
    """Return the mean recall over the classes that occur in a sample.

    The predicted class is the one with the highest ratio of probability to training frequency,
    which maximizes this score. Otherwise, a frequent class would hide what is known about a rare
    one.
    """
    recognized = (probabilities / frequencies).argmax(dim=1) == labels
    totals = counts(weights, labels, len(frequencies))  # [R, C]
    recalls = counts(weights * recognized, labels, len(frequencies)) / totals
    return recalls.nansum(dim=1) / (totals > 0).sum(dim=1)


def auroc(weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor) -> Tensor:
    """Return the area under the ROC curve; for more than two classes, the one-vs-rest mean.

    It is nan in a sample where only one class occurs.
    """
    import torch

    classes = range(len(frequencies))
    areas = torch.stack(
        [area_under_roc(weights, probabilities[:, c], labels == c) for c in classes], dim=1
    )
    occurring = (counts(weights, labels, len(frequencies)) > 0).sum(dim=1)
    return areas.nansum(dim=1) / occurring.where(occurring > 1, 0)


def leaked_bits(
    weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor
) -> Tensor:
    """Return the entropy of s minus the adversary's cross-entropy, in bits, clamped at 0.

    Up to the sampling error of a finite test split, it is a lower bound on the mutual information
    between s and the censored image.
    """
    del frequencies
    cross_entropy = mean(weights, negative_log_likelihood(probabilities, labels))
    return information(weights, cross_entropy, labels)


def tpr_at_one_percent(
    weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor, value: int
) -> Tensor:
    """Return the true positive rate of a class at a false positive rate of 1%."""
    del frequencies
    return true_positive_rate(weights, probabilities[:, value], labels == value, 0.01)


def score_strongest(observations: Observations, name: str = "", *, score: str) -> Measure | None:
    """Return a score of the adversary that is strongest in it; ``name`` selects the class."""
    score = result_key(score, name) if name else score
    reference = observations.strongest_on_originals(score)
    s = observations.attribute
    return Measure(
        observations.score_of(score, observations.strongest(score)),
        None if reference is None else observations.score(score, reference.by_score[score].test),
        observations.score(score, observations.majority_probabilities(s)),
        observations.score(score, observations.correlation_probabilities(s)),
    )


def normalized_gain(observations: Observations) -> Measure | None:
    """Return the gain in accuracy relative to that on original images, None without originals."""
    reference = observations.strongest_on_originals(ACCURACY_SCORE)
    if reference is None:
        return None
    strongest = observations.strongest(ACCURACY_SCORE)
    majority, original, censored, correlation = (
        (probabilities.argmax(dim=1) == observations.labels).double()
        for probabilities in (
            observations.majority_probabilities(observations.attribute),
            reference.by_score[ACCURACY_SCORE].test,
            strongest.by_score[ACCURACY_SCORE].test,
            observations.correlation_probabilities(observations.attribute),
        )
    )
    return Measure(
        *(
            observations.bootstrap.percentile(gain, majority, original, correct)
            for correct in (censored, original, majority, correlation)
        )
    )


def gain(weights: Tensor, majority: Tensor, original: Tensor, correct: Tensor) -> Tensor:
    """Return (accuracy - majority) / (original - majority), nan if original <= majority.

    Args:
        weights: number of times each image occurs in each sample, [R, N].
        majority: whether the majority baseline is correct for each image, [N].
        original: whether an adversary trained on original images is correct, [N].
        correct: whether the adversary in question is correct, [N].
    """
    baseline = mean(weights, majority)
    room = mean(weights, original) - baseline
    return ((mean(weights, correct) - baseline) / room).where(room > 0, math.nan)


def paper_privacy_loss(observations: Observations) -> Measure | None:
    """Return the uncalibrated accuracy of one ResNet-10 that sees each image once."""
    if "censored" not in observations.paper_probabilities:
        return None
    return Measure(
        **{
            images: observations.bootstrap.percentile(
                mean, probabilities.argmax(dim=1) == observations.labels
            )
            for images, probabilities in observations.paper_probabilities.items()
        }
    )


def probing_gap(observations: Observations) -> Measure | None:
    """Return the bits of the most informed one-query adversary minus the discriminator's bits."""
    known = observations.discriminator_bits
    one_query = [each for each in observations.predictions if each.queries == 1]
    if known is None or not one_query:
        return None
    best = max(one_query, key=lambda each: each.by_score[LEAKED_BITS].valid)
    leaked = observations.score_of(LEAKED_BITS, best)
    assert leaked is not None  # bits are always defined
    return Measure(Estimate(leaked.value - known, leaked.low - known, leaked.high - known))


METRICS = (
    Metric(
        "privacy_loss",
        "privacy",
        "privacy loss (accuracy)",
        "accuracy of the strongest adversary in predicting s",
        partial(score_strongest, score=ACCURACY_SCORE),
        source="eq. 5",
        higher_is_better=False,
        prominence="first",
        short_title="privacy loss",
        heading="adversary",
        note="accuracy of the strongest adversary",
        hub="accuracy",
        score=accuracy,
        score_name=ACCURACY_SCORE,
        trained="adversaries",
        chance=lambda classes: 1 / classes,
    ),
    Metric(
        "normalized_gain",
        "privacy",
        "normalized gain",
        "(accuracy - majority baseline) / (accuracy on originals - majority baseline): at 0% the "
        "adversary learns nothing, at 100% as much as from uncensored images",
        normalized_gain,
        source="NAG in PASS, arXiv 2506.07308",
        higher_is_better=False,
        heading="normalized",
        note="(accuracy - majority baseline) / (accuracy on originals - majority baseline)",
        trained="adversaries",
        relative_to_original=True,
        strongest_in=ACCURACY_SCORE,
    ),
    Metric(
        "paper_privacy_loss",
        "privacy",
        "privacy loss, paper's metric",
        "accuracy of one ResNet-10 that is trained for five epochs and sees each image once, "
        "without calibration (`judge.paper`)",
        paper_privacy_loss,
        source="Figure 1, Table 3",
        higher_is_better=False,
        heading="paper's metric",
        note="accuracy of one ResNet-10 that sees each image once",
    ),
    Metric(
        "balanced_accuracy",
        "privacy",
        "balanced accuracy",
        "mean recall over the classes; the predicted class is the one with the highest ratio of "
        "probability to training frequency",
        partial(score_strongest, score="balanced_accuracy"),
        higher_is_better=False,
        prominence="first",
        hub="balanced_accuracy",
        score=balanced_accuracy,
        score_name="balanced_accuracy",
        trained="adversaries",
        chance=lambda classes: 1 / classes,
    ),
    Metric(
        "auroc",
        "privacy",
        "ROC AUC",
        "area under the ROC curve; for more than two classes, the one-vs-rest mean",
        partial(score_strongest, score="auroc"),
        unit="",
        format=".3f",
        higher_is_better=False,
        prominence="first",
        hub="roc_auc",
        score=auroc,
        score_name="auroc",
        trained="adversaries",
        chance=lambda _: 0.5,
    ),
    Metric(
        LEAKED_BITS,
        "privacy",
        "leaked bits",
        "entropy of s minus the adversary's cross-entropy, at least 0: a lower bound on the mutual "
        "information between s and the censored versions of an image that the strongest adversary "
        "sees",
        partial(score_strongest, score=LEAKED_BITS),
        unit="bits",
        format=".3f",
        higher_is_better=False,
        prominence="first",
        heading="leaked bits",
        hub="mutual_information",
        score=leaked_bits,
        score_name=LEAKED_BITS,
        trained="adversaries",
        chance=lambda _: 0.0,
        perfect=math.log2,
    ),
    Metric(
        "tpr_at_1_percent_fpr",
        "privacy",
        "TPR at 1% FPR",
        "share of a class's images that the strongest adversary identifies at a false positive "
        "rate of 1%; guessing gives 1%",
        partial(score_strongest, score="tpr_at_1_percent_fpr"),
        source="Carlini et al., 2022, for membership inference",
        higher_is_better=False,
        per="class",
        score=tpr_at_one_percent,
        score_name="tpr_at_1_percent_fpr",
        trained="adversaries",
    ),
    Metric(
        "probing_gap",
        "privacy",
        "probing gap (bits)",
        "bits that the most informed adversary learns from one query, minus the bits about s "
        "that the filter's discriminator h_f learns from x', on validation images at the end of "
        "training; for mechanisms with a filter. Near 0, h_f is representative of later "
        "adversaries; well above 0, the filter fools h_f but does not hide the attribute",
        probing_gap,
        unit="bits",
        format=".3f",
        higher_is_better=False,
        heading="probing gap",
        note="bits that an adversary learns from one query beyond those of the filter's "
        "discriminator",
        trained="adversaries",
        strongest_in=LEAKED_BITS,
    ),
)
