"""The measures of a judgement, each from what was seen of the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from privacy_gan.evaluation.bootstrap import Bootstrap, mean
from privacy_gan.evaluation.floor import correlation_floor, prior
from privacy_gan.evaluation.frechet import frechet_distance, mean_frechet_distance
from privacy_gan.evaluation.outputs import TestOutputs
from privacy_gan.evaluation.scores import SCORES, counts
from privacy_gan.runs.outcomes import pack
from privacy_gan.runs.result import AdversaryScores, Estimate, Measure

FRECHET_RESAMPLES = 50  # a distance takes some tenths of a second
ROUNDING = 1e-12  # of a variance; what varies at all over N images has one of (N - 1) / N^2
PAPERS_ADVERSARY = "resnet10"


def privacy(
    censored: Mapping[str, Tensor],
    original: Mapping[str, Tensor] | None,
    floor: Tensor,
    frequencies: Tensor,
    labels: Tensor,
    bootstrap: Bootstrap,
) -> dict[str, Measure]:
    """Return what adversaries learn about s: privacy loss (eq. 5), normalized gain, and three more.

    Args:
        censored: probabilities of the strongest adversary, [N, C] by score.
        original: likewise, of the strongest that learned from original images; None where there
            are none, and so no normalized gain.
        floor: probabilities from the other attributes, [N, C].
        frequencies: of s in training, [C].
        labels: s, [N].
        bootstrap: for the intervals.
    """

    def estimate(score: str, probabilities: Tensor) -> Estimate | None:
        return bootstrap.percentile(
            partial(SCORES[score], prior=frequencies), probabilities, labels
        )

    constant = frequencies.expand(len(labels), -1)
    by_score = {
        score: Measure(
            estimate(score, censored[score]),
            None if original is None else estimate(score, original[score]),
            estimate(score, constant),
            estimate(score, floor),
        )
        for score in SCORES
    }
    accuracy = by_score.pop("accuracy")
    if original is None:
        return {"privacy_loss": accuracy, **by_score}
    right = [
        (guesses.argmax(dim=1) == labels).double()
        for guesses in (constant, original["accuracy"], censored["accuracy"], floor)
    ]
    gain = Measure(
        bootstrap.percentile(normalized_gain, *right[:2], right[2]),
        bootstrap.percentile(normalized_gain, *right[:2], right[1]),
        bootstrap.percentile(normalized_gain, *right[:2], right[0]),
        bootstrap.percentile(normalized_gain, *right[:2], right[3]),
    )
    return {"privacy_loss": accuracy, "normalized_gain": gain, **by_score}


def normalized_gain(weights: Tensor, prior: Tensor, original: Tensor, adversary: Tensor) -> Tensor:
    """Return the normalized accuracy gain, (adversary - prior) / (original - prior).

    0 is nothing learned, 1 as much as from uncensored images (NAG, see PASS, arXiv 2506.08307). It
    is nan where original images tell no more than the prior.

    Args:
        weights: how often each image counts in each sample, [R, N].
        prior: whether the most frequent value is right, of each image, [N].
        original: whether an adversary is that saw uncensored images, [N].
        adversary: whether the one in question is, [N].
    """
    nothing = mean(weights, prior)
    room = mean(weights, original) - nothing
    return torch.where(room > 0, (mean(weights, adversary) - nothing) / room, math.nan)


def as_in_the_paper(
    censored: Mapping[str, Mapping[str, Tensor]],
    original: Mapping[str, Mapping[str, Tensor]] | None,
    labels: Tensor,
    bootstrap: Bootstrap,
) -> dict[str, Measure]:
    """Return the privacy loss as the paper measures it, where its adversary is among the judge's.

    That is the accuracy of one ResNet-10 that sees each image once (Figure 1, Table 3).

    Args:
        censored: answers on censored images by adversary and split, [K, N, C].
        original: on original ones, [1, N, C], or None.
        labels: s, [N].
        bootstrap: for the intervals.
    """
    if PAPERS_ADVERSARY not in censored:
        return {}
    estimates = (
        bootstrap.percentile(mean, answers[PAPERS_ADVERSARY]["test"][0].argmax(dim=1) == labels)
        for answers in (censored, original)
        if answers is not None and PAPERS_ADVERSARY in answers
    )
    return {"paper_privacy_loss": Measure(*estimates)}


def probing_gap(adversaries: Sequence[AdversaryScores], known: float) -> dict[str, Measure]:
    """Return how much more is known to who learns afterwards than to the mechanism's discriminator.

    Near 0 the discriminator speaks for adversaries to come; well above, the mechanism hides from
    its discriminator and not the attribute.

    Args:
        adversaries: all; the most informed on validation images counts, of those that saw each
            image once, as a discriminator does.
        known: to the discriminator, of validation images, bits.
    """
    once = [scores for scores in adversaries if scores.queries == 1]
    if not once:
        return {}
    leaked = max(once, key=lambda scores: scores.valid["leaked_bits"] or 0.0).test["leaked_bits"]
    assert leaked is not None  # bits are always defined
    edges = (leaked.value - known, leaked.low - known, leaked.high - known)
    return {"probing_gap": Measure(Estimate(*edges))}


def utility(
    censored: Mapping[str, Tensor],
    original: Mapping[str, Tensor] | None,
    train_labels: Mapping[str, Tensor],
    test_labels: Mapping[str, Tensor],
    bootstrap: Bootstrap,
    kind: str = "utility",
) -> dict[str, Measure]:
    """Return the utility score (eq. 6) and its summands, each attribute's accuracy.

    Args:
        censored: what classifiers tell of each utility attribute of censored test images, [M] each.
        original: what they tell of the same images as they were, or others trained on such; None
            where there are none.
        train_labels: of all measured attributes, [N] each.
        test_labels: likewise, [M] each.
        bootstrap: for the intervals.
        kind: what the measures are called, KIND_score and KIND/NAME.
    """
    if not censored:
        return {}
    correct = {
        name: correctness(
            name, (guesses, None if original is None else original[name]), train_labels, test_labels
        )
        for name, guesses in censored.items()
    }

    def measured(columns: Tensor) -> Measure:
        return Measure(*(bootstrap.percentile(mean, column) for column in columns.T))

    by_attribute = {f"{kind}/{name}": measured(columns) for name, columns in correct.items()}
    score = measured(torch.stack(list(correct.values())).mean(dim=0))
    return {f"{kind}_score": score, **by_attribute}


def correctness(
    name: str,
    told: tuple[Tensor, Tensor | None],
    train_labels: Mapping[str, Tensor],
    test_labels: Mapping[str, Tensor],
) -> Tensor:
    """Return whether an attribute is told right of each test image, float64 [N, 4].

    The columns: from the censored image, from the original one (nan where nobody saw it), as always
    the most frequent value, from the other attributes.
    """
    truth = test_labels[name]
    guesses = (
        *told,
        prior(train_labels[name]).argmax().expand(len(truth)),
        floor_of(name, train_labels, test_labels).argmax(dim=1),
    )
    unknown = torch.full((len(truth),), math.nan, dtype=torch.float64)
    right = [unknown if guess is None else (guess == truth).double() for guess in guesses]
    return torch.stack(right, dim=1)


def floor_of(
    name: str,
    train_labels: Mapping[str, Tensor],
    test_labels: Mapping[str, Tensor],
    num_classes: int = 2,
) -> Tensor:
    """Return an attribute's probabilities from all other measured attributes, [N, C]."""
    others = [other for other in train_labels if other != name]
    if not others:
        return prior(train_labels[name], num_classes).expand(len(test_labels[name]), -1)
    return correlation_floor(
        train_labels[name],
        torch.stack([train_labels[other] for other in others], dim=1),
        torch.stack([test_labels[other] for other in others], dim=1),
        num_classes,
    )


def replacement(
    outputs: TestOutputs,
    sensitive: str,
    names: Sequence[str],
    num_classes: int,
    bootstrap: Bootstrap,
) -> dict[str, Measure]:
    """Return Table 1's success rate and Table 2's correlations.

    An attribute of more than two classes has no correlation; its association is measured instead.

    Args:
        outputs: of networks, on the test split.
        sensitive: the sensitive attribute.
        names: the utility attributes.
        num_classes: values of the sensitive attribute.
        bootstrap: for the intervals.
    """
    kind, strength = ("correlation", correlation) if num_classes == 2 else ("association", cramers)
    both = (outputs.censored, outputs.original)
    seen = [of.predicted(sensitive) for of in both]
    fooled = (bootstrap.percentile(mean, what == outputs.synthetic) for what in seen)
    measures = {"success_rate": Measure(*fooled)}
    for name in names:
        pairs = ((of.predicted(name), what) for of, what in zip(both, seen, strict=True))
        measures[f"{kind}/{name}"] = Measure(
            *(bootstrap.percentile(strength, *pair) for pair in pairs)
        )
    return measures


def correlation(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return Pearson's correlation of classes; nan where one of the two does not vary.

    Args:
        weights: how often each image counts in each sample, [R, N].
        one: classes, [N].
        other: likewise.
    """
    means = mean(weights, one), mean(weights, other)
    variances = [
        mean(weights, column * column) - average.square()
        for column, average in zip((one, other), means, strict=True)
    ]
    covariance = mean(weights, one * other) - means[0] * means[1]
    vary = (variances[0] > ROUNDING) & (variances[1] > ROUNDING)
    return torch.where(vary, covariance / (variances[0] * variances[1]).sqrt(), math.nan)


def cramers(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return Cramer's V, for two binary attributes the absolute value of their correlation.

    sqrt(chi^2 / (n (k - 1))), with k the smaller number of values that occur (Cramer, 1946,
    section 21.9); nan where one of the two does not vary.

    Args:
        weights: how often each image counts in each sample, [R, N].
        one: classes, [N].
        other: likewise.
    """
    sizes = int(one.max()) + 1, int(other.max()) + 1
    cells = counts(weights, one * sizes[1] + other, sizes[0] * sizes[1])
    table = cells.view(-1, *sizes)  # [R, C, C']
    rows, columns = table.sum(dim=2), table.sum(dim=1)
    number = weights.sum(dim=1)
    expected = rows[:, :, None] * columns[:, None, :] / number[:, None, None]
    squares = (table - expected).square() / expected  # nan where a value does not occur
    values = torch.minimum((rows > 0).sum(dim=1), (columns > 0).sum(dim=1))
    strength = (squares.nansum(dim=(1, 2)) / (number * (values - 1))).sqrt()
    return torch.where(values > 1, strength, math.nan)


def change(
    outputs: TestOutputs, epsilon: float | None, batch_size: int, bootstrap: Bootstrap
) -> dict[str, Measure]:
    """Return how much censoring changed the images.

    Args:
        outputs: of networks, on the test split.
        epsilon: the distortion budget, or None where there was none.
        batch_size: images whose mean the budget was meant for.
        bootstrap: for the intervals.
    """
    measures = {"distortion": Measure(bootstrap.percentile(mean, outputs.distortion))}
    if epsilon is not None:
        measures |= over_budget(outputs.distortion, epsilon, batch_size, bootstrap)
    if outputs.ssim is not None:
        measures["psnr"] = Measure(bootstrap.percentile(psnr, outputs.distortion))
        measures["ssim"] = Measure(bootstrap.percentile(mean, outputs.ssim))
    distance = bootstrap.normal(
        lambda one, other: mean_frechet_distance(outputs.feature_sizes, one, other),
        FRECHET_RESAMPLES,
        outputs.censored.features,
        outputs.original.features,
    )
    measures["frechet_distance"] = Measure(distance)
    ours, theirs = outputs.censored.inception_features, outputs.original.inception_features
    if ours is not None and theirs is not None:
        fid = bootstrap.normal(frechet_distance, FRECHET_RESAMPLES, ours, theirs)
        measures["inception_fid"] = Measure(fid)
    return measures


def over_budget(
    distortion: Tensor, epsilon: float, batch_size: int, bootstrap: Bootstrap
) -> dict[str, Measure]:
    """Return shares of images [N], and of whole batches of them, whose distortion is too large."""
    whole = distortion[: max(len(distortion) // batch_size, 1) * batch_size]
    batches = torch.stack([batch.mean() for batch in torch.split(whole, batch_size)])
    return {
        "images_over_budget": Measure(bootstrap.percentile(mean, distortion > epsilon)),
        "batches_over_budget": Measure(bootstrap.percentile(mean, batches > epsilon)),
    }


def psnr(weights: Tensor, distortion: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of all images together, dB; infinite without noise.

    Args:
        weights: how often each image counts in each sample, [R, N].
        distortion: mean squared error of each image, [N].
    """
    return -10 * mean(weights, distortion).log10()


def outcomes(
    adversary_right: Tensor, told: Mapping[str, Tensor], test_labels: Mapping[str, Tensor]
) -> dict[str, str]:
    """Return which test images were told right, by measure, for comparisons image by image.

    Args:
        adversary_right: whether the strongest adversary was, [M].
        told: what fixed classifiers tell of each utility attribute of censored images, [M] each.
        test_labels: of all measured attributes, [M] each.
    """
    right = {f"utility/{name}": guesses == test_labels[name] for name, guesses in told.items()}
    return {key: pack(of) for key, of in {"privacy_loss": adversary_right, **right}.items()}


def warnings(
    measures: Mapping[str, Measure], attribute: str, classifiers: Mapping[str, float]
) -> tuple[str, ...]:
    """Return what should be known before the measures are believed.

    Args:
        measures: all that were taken.
        attribute: the sensitive one.
        classifiers: the fixed classifiers' accuracies on original test images.
    """
    if not classifiers:
        return ()
    floors = {attribute: measures["privacy_loss"].floor}
    floors |= {name: measures[f"utility/{name}"].floor for name in classifiers if name != attribute}
    worse = [
        f"{name} ({classifiers[name]:.1%}, from labels {floor.value:.1%})"
        for name, floor in floors.items()
        if floor is not None and classifiers[name] < floor.value
    ]
    if not worse:
        return ()
    return (
        "these fixed classifiers see less in original images than the other attributes' labels "
        f"tell, so utility and success rate say little: {', '.join(worse)}; train them longer, "
        "classifiers.epochs=N",
    )
