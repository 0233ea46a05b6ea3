"""Warnings about an evaluation: what is wrong, by how much, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from privacy_gan.attributes import IGNORED
from privacy_gan.evaluation.metrics.metric import LEAKED_BITS
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE
from privacy_gan.evaluation.metrics.samples import mean
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.predictions import AdversaryPredictions
from privacy_gan.evaluation.stopping import MAX_GAIN
from privacy_gan.models.calibration import clamped_log
from privacy_gan.plural import pluralize
from privacy_gan.runs.controls import FALSE_ALARMS, Controls
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import RETRAINED, Measure
from privacy_gan.runs.learning_curve import LearningCurve

UNDERFIT = 0.1  # of the strongest adversary's bits: what an underfit one is below
BITS = 1.4426950408889634  # per nat
MORE = 4  # times as many queries, if more queries still help


def exclusion_warnings(excluded: Mapping[str, Sequence[str]], attribute: str) -> list[str]:
    """Return a warning for each network that was excluded."""
    return [
        f"{name} diverged on {images} images, the second time at half its learning rate, and was "
        f"excluded: what it would have learned about {attribute} or other attributes is unknown"
        for images, names in excluded.items()
        for name in names
    ]


def weak_classifier_warnings(
    measures: Mapping[str, Measure], attribute: str, accuracies: Mapping[str, float]
) -> list[str]:
    """Return a warning if fixed classifiers are worse than the correlation baseline.

    Args:
        measures: all metrics.
        attribute: the sensitive attribute.
        accuracies: accuracies of the fixed classifiers on original test images.
    """
    keys = {name: "privacy_loss" if name == attribute else f"utility/{name}" for name in accuracies}
    weak = [
        f"{name} ({accuracies[name]:.1%}, from labels {baseline.value:.1%})"
        for name, key in keys.items()
        if (baseline := measures[key].correlation_baseline) is not None
        and accuracies[name] < baseline.value
    ]
    if not weak:
        return []
    return [
        "these fixed classifiers are less accurate on original images than a prediction from the "
        f"other attributes' labels: {', '.join(weak)}. Utility and success rate then mean little; "
        "train the classifiers longer with classifiers.epochs=N"
    ]


def unknown_label_warnings(observations: Observations) -> list[str]:
    """Return a line for each utility attribute that some test images have no value of."""
    known = {name: observations.test_labels[name] != IGNORED for name in observations.utilities}
    return [
        f"{name} is measured on the {int(has_label.sum()):,} of {len(has_label):,} test images "
        "that have a value of it"
        for name, has_label in known.items()
        if not bool(has_label.all())
    ]


def fixed_classifier_warnings(observations: Observations) -> list[str]:
    """Return a warning if the fixed classifier of s is more accurate than the adversaries.

    It was never trained on censored images. The difference is paired by image; there is a warning
    if its whole interval is above 0.
    """
    if observations.outputs is None:
        return []
    censored = observations.outputs.censored
    if observations.attribute not in censored.probabilities:
        return []
    fixed = censored.predicted(observations.attribute) == observations.labels
    strongest = observations.strongest(ACCURACY_SCORE).by_score[ACCURACY_SCORE].test
    trained = strongest.argmax(dim=1) == observations.labels
    ahead = mean_estimate(observations, fixed.double() - trained.double())
    if ahead.low <= 0:
        return []
    return [
        f"the fixed classifier of {observations.attribute}, which was not trained on censored "
        f"images, recognizes it in {fixed.double().mean():.1%} of them, {100 * ahead.value:.1f} "
        f"points {points(ahead)} more than the strongest adversary: the adversaries have not "
        "learned what the images show; train them longer with judge.max_epochs, on more images, or "
        "with judge=thorough"
    ]


def query_warnings(observations: Observations) -> list[str]:
    """Return a warning if the most queries find clearly more than the second most.

    It compares the leaked bits of the strongest adversary, paired by image. Gains that would not
    keep an adversary in training (see ``stopping.MAX_GAIN``) are not worth a warning.
    """
    strongest = observations.strongest(LEAKED_BITS)
    own = [each for each in observations.predictions if each.adversary == strongest.adversary]
    numbers = sorted({each.queries for each in own})
    if len(numbers) < 2 or strongest.queries != numbers[-1]:
        return []
    fewer = next(each for each in own if each.queries == numbers[-2])
    gains = log_likelihood(strongest, observations) - log_likelihood(fewer, observations)
    gain = mean_estimate(observations, BITS * gains)
    if gain.low <= 0 or gain.value < MAX_GAIN:
        return []
    return [
        f"more queries still help: with {numbers[-1]} censored versions of an image, "
        f"{strongest.adversary} finds {gain.value:.3f} bits [{gain.low:.3f}, {gain.high:.3f}] more "
        f"than with {numbers[-2]}; an adversary with more queries may find more: set "
        f"judge.queries=[{','.join(map(str, [*numbers, MORE * numbers[-1]]))}]"
    ]


def underfit_warnings(
    curves: Mapping[str, Mapping[str, LearningCurve]], attribute: str
) -> list[str]:
    """Return a warning for each adversary that learned nothing where another one learned much.

    Where nothing leaks, no adversary learns anything, and there is no warning.

    Args:
        curves: learning curves by network, on "censored" and on "original" images.
        attribute: the sensitive attribute.
    """
    warnings = []
    for images, by_name in curves.items():
        bits = {
            name: max((stage.bits for stage in curve.stages), key=lambda each: each.value)
            for name, curve in by_name.items()
            if curve.stages and name != RETRAINED
        }
        if not bits:
            continue
        best = max(bits, key=lambda name: bits[name].value)
        epochs = {name: pluralize(by_name[name].stages[-1].epochs, "epoch") for name in bits}
        warnings += [
            f"{name} learned next to nothing about {attribute} from {images} images in "
            f"{epochs[name]} ({found.value:.3f} bits [{found.low:.3f}, {found.high:.3f}]), but "
            f"{best} learned {bits[best].value:.3f} bits: {name} is underfit and adds nothing; set "
            f"another judge.adversaries.{name}.recipe.optimizer.lr, or a higher judge.max_epochs"
            for name, found in bits.items()
            if found.low <= 0 < bits[best].low and found.high < UNDERFIT * bits[best].low
        ]
    return warnings


def control_warnings(controls: Controls | None) -> list[str]:
    """Return a warning if adversaries found something in permuted labels."""
    failed = () if controls is None else controls.failed
    if not failed:
        return []
    found = ", ".join(
        f"{each.adversary} {each.accuracy.value:.1%} accuracy (majority baseline "
        f"{each.majority_baseline:.1%}) and {each.bits.value:.3f} bits"
        for each in failed
    )
    return [
        "the judge is broken: from censored images with permuted labels, which say nothing, "
        f"adversaries learned something about other images: {found}. Of a correct judge's "
        f"evaluations, at most {FALSE_ALARMS:.1%} have this warning. Do not use any number of this "
        "evaluation; look for an adversary or a source of images of yours that sees the test labels"
    ]


def log_likelihood(each: AdversaryPredictions, observations: Observations) -> Tensor:
    """Return the log-probability of each test label, in nats, [N]."""
    logs = clamped_log(each.by_score[LEAKED_BITS].test)
    return logs.gather(1, observations.labels[:, None]).squeeze(1)


def mean_estimate(observations: Observations, column: Tensor) -> Estimate:
    """Return the mean of finite values of the test images, [N]."""
    estimate = observations.bootstrap.percentile(mean, column)
    assert estimate is not None
    return estimate


def points(estimate: Estimate) -> str:
    """Format the interval of a difference of shares in points."""
    return f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
