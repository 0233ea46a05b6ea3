"""What adversaries learn of the sensitive attribute s."""

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
from privacy_gan.runs.result import Estimate, Measure

if TYPE_CHECKING:
    from torch import Tensor

    from privacy_gan.evaluation.observations import Observations

ACCURACY_SCORE = "accuracy"  # whose metric is privacy_loss
PAPER_ADVERSARY = "resnet10"


def accuracy(weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor) -> Tensor:
    """Return the share of images whose most probable class is theirs."""
    del frequencies
    return mean(weights, probabilities.argmax(dim=1) == labels)


def balanced_accuracy(
    weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor
) -> Tensor:
    """Return the mean over classes of the share of a class's images that are recognised.

    Predicted is the class whose probability exceeds its frequency most, as is best for this
    measure; without that, a frequent class would hide what is known of a rare one. Classes that a
    sample lacks do not count.
    """
    recognised = (probabilities / frequencies).argmax(dim=1) == labels
    totals = counts(weights, labels, len(frequencies))  # [R, C]
    recalls = counts(weights * recognised, labels, len(frequencies)) / totals
    return recalls.nansum(dim=1) / (totals > 0).sum(dim=1)


def auroc(weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor) -> Tensor:
    """Return the area under the ROC curve; of more classes, the mean of each against all.

    It is nan where only one class occurs: there is no pair to be put in order.
    """
    import torch

    areas = torch.stack(
        [area_under_roc(weights, probabilities[:, c], labels == c) for c in range(len(frequencies))],
        dim=1,
    )
    occurring = (counts(weights, labels, len(frequencies)) > 0).sum(dim=1)
    return areas.nansum(dim=1) / occurring.where(occurring > 1, 0)


def leaked_bits(weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor) -> Tensor:
    """Return the entropy of s less the adversary's cross-entropy, in bits, not below 0.

    It bounds the mutual information between s and the censored image from below, but for the
    chance of a finite test split.
    """
    del frequencies
    return information(
        weights, mean(weights, negative_log_likelihood(probabilities, labels)), labels
    )


def tpr_at_one_percent(
    weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor, value: int
) -> Tensor:
    """Return how many images of a class are told where 1% of all others are taken for such."""
    del frequencies
    return true_positive_rate(weights, probabilities[:, value], labels == value, 0.01)


def score_strongest(observations: Observations, name: str = "", *, score: str) -> Measure | None:
    """Return a score of the strongest adversary; of a score for each class, that of one."""
    score = result_key(score, name) if name else score
    reference = observations.strongest_on_originals(score)
    return Measure(
        observations.score_of(score, observations.strongest(score)),
        None if reference is None else observations.score(score, reference.by_score[score].test),
        observations.score(score, observations.majority_probabilities(observations.attribute)),
        observations.score(score, observations.correlation_probabilities(observations.attribute)),
    )


def normalized_gain(observations: Observations) -> Measure | None:
    """Return the accuracy gain beside that from original images, where there are any."""
    reference = observations.strongest_on_originals(ACCURACY_SCORE)
    if reference is None:
        return None
    frequencies, original, censored, floor = (
        (probabilities.argmax(dim=1) == observations.labels).double()
        for probabilities in (
            observations.majority_probabilities(observations.attribute),
            reference.by_score[ACCURACY_SCORE].test,
            observations.strongest(ACCURACY_SCORE).by_score[ACCURACY_SCORE].test,
            observations.correlation_probabilities(observations.attribute),
        )
    )
    return Measure(
        *(
            observations.bootstrap.percentile(gain, frequencies, original, adversary)
            for adversary in (censored, original, frequencies, floor)
        )
    )


def gain(weights: Tensor, frequencies: Tensor, original: Tensor, adversary: Tensor) -> Tensor:
    """Return (adversary - prior) / (original - prior), nan where original images tell no more.

    Args:
        weights: how often each image counts in each sample, [R, N].
        prior: whether the most frequent value is right, of each image, [N].
        original: whether an adversary is that saw uncensored images, [N].
        adversary: whether the one in question is, [N].
    """
    nothing = mean(weights, frequencies)
    room = mean(weights, original) - nothing
    return ((mean(weights, adversary) - nothing) / room).where(room > 0, math.nan)


def paper_privacy_loss(observations: Observations) -> Measure | None:
    """Return the accuracy of one ResNet-10 that sees each image once, taken as it answers."""
    if PAPER_ADVERSARY not in observations.probabilities:
        return None
    both = (observations.probabilities, observations.original_probabilities or {})
    return Measure(
        *(
            observations.bootstrap.percentile(
                mean, answers[PAPER_ADVERSARY]["test"][0].argmax(dim=1) == observations.labels
            )
            for answers in both
            if PAPER_ADVERSARY in answers
        )
    )


def probing_gap(observations: Observations) -> Measure | None:
    """Return bits of the most informed adversary with one query, less the discriminator's."""
    known = observations.discriminator_bits
    once = [each for each in observations.predictions if each.queries == 1]
    if known is None or not once:
        return None
    best = max(once, key=lambda each: each.by_score[LEAKED_BITS].valid)
    leaked = observations.score_of(LEAKED_BITS, best)
    assert leaked is not None  # bits are always defined
    return Measure(Estimate(leaked.value - known, leaked.low - known, leaked.high - known))


METRICS = (
    Metric(
        "privacy_loss",
        "privacy",
        "privacy loss (accuracy)",
        "share of images whose s the strongest adversary tells",
        partial(score_strongest, score=ACCURACY_SCORE),
        source="eq. 5",
        higher_is_better=False,
        prominence="first",
        heading="adversary",
        note="the strongest's accuracy",
        hub="accuracy",
        score=accuracy,
        score_name=ACCURACY_SCORE,
        chance=lambda classes: 1 / classes,
    ),
    Metric(
        "normalized_gain",
        "privacy",
        "normalized gain",
        "(accuracy - prior) / (original - prior): 0 is nothing learned, 100% as much as from "
        "uncensored images",
        normalized_gain,
        source="NAG, arXiv 2506.08307",
        higher_is_better=False,
        heading="normalized",
        note="(adversary - prior) / (original - prior)",
    ),
    Metric(
        "paper_privacy_loss",
        "privacy",
        "privacy loss, the paper's way",
        "share of images whose s one ResNet-10 tells that sees each image once, its answers taken "
        "as they are; where `resnet10` is among the adversaries",
        paper_privacy_loss,
        source="Figure 1, Table 3",
        higher_is_better=False,
        heading="the paper's way",
        note="the accuracy of one ResNet-10 that sees each image once",
    ),
    Metric(
        "balanced_accuracy",
        "privacy",
        "balanced accuracy",
        "mean of the shares in each class; predicted is the class whose probability exceeds its "
        "frequency most",
        partial(score_strongest, score="balanced_accuracy"),
        higher_is_better=False,
        prominence="first",
        hub="balanced_accuracy",
        score=balanced_accuracy,
        score_name="balanced_accuracy",
        chance=lambda classes: 1 / classes,
    ),
    Metric(
        "auroc",
        "privacy",
        "ROC AUC",
        "area under the ROC curve",
        partial(score_strongest, score="auroc"),
        unit="",
        format=".3f",
        higher_is_better=False,
        prominence="first",
        hub="roc_auc",
        score=auroc,
        score_name="auroc",
        chance=lambda _: 0.5,
    ),
    Metric(
        LEAKED_BITS,
        "privacy",
        "leaked bits",
        "entropy of s less the adversary's cross-entropy, not below 0: a lower bound on the mutual "
        "information of s and of as many censored versions of an image as the strongest adversary "
        "asked for",
        partial(score_strongest, score=LEAKED_BITS),
        unit="bits",
        format=".3f",
        higher_is_better=False,
        prominence="first",
        heading="leaked bits",
        hub="mutual_information",
        score=leaked_bits,
        score_name=LEAKED_BITS,
        chance=lambda _: 0.0,
        perfect=math.log2,
    ),
    Metric(
        "tpr_at_1_percent_fpr",
        "privacy",
        "TPR at 1% FPR",
        "share of a class's images that the strongest adversary tells where it takes 1% of all "
        "others for such: what it can be sure of. Guessing has 1%",
        partial(score_strongest, score="tpr_at_1_percent_fpr"),
        source="Carlini et al., 2022, of membership",
        higher_is_better=False,
        per="class",
        score=tpr_at_one_percent,
        score_name="tpr_at_1_percent_fpr",
    ),
    Metric(
        "probing_gap",
        "privacy",
        "probing gap (bits)",
        "what the most informed adversary with one query learns, in bits, less what h_f knows of "
        "x' in validation images when training ends; where there is a filter. Near 0 h_f speaks "
        "for adversaries to come, well above the filter hides from h_f and not the attribute",
        probing_gap,
        unit="bits",
        format=".3f",
        higher_is_better=False,
        heading="probing gap",
        note="bits that an adversary with one query learns beyond what the filter's own knew",
    ),
)
