"""Upper bounds on what any adversary can tell from a release with finitely many outcomes.

A mechanism whose release is one of K codewords is a channel Q(k|x). An adversary sees k and
nothing else, so that none, however strong, is more accurate than

    sum_k max_s P(s, k).

Images that no part of the mechanism was fitted on estimate P(s, k), and so bound this number from
above, with a confidence. Two bounds are computed. Both hold for one release of one image that is
drawn like the images given here.

*Exact*, for any number of persons. The estimate's expectation is at least the truth, because the
maximum is convex, and one person with m of the n images moves it by at most m / n. McDiarmid's
inequality gives

    truth <= estimate + sqrt(log(1 / delta) sum_j m_j^2 / 2) / n

with probability 1 - delta, given how many images each person has; that number must say nothing
about the person. The estimate's bias grows with the number of codewords.

*Asymptotic*, for many persons. With d_k = P(k|1) - P(k|0) and any fixed weights w that sum to 1,
the total variation sum_k |d_k| / 2 is at most sqrt(theta) / 2, theta = sum_k d_k^2 / w_k, by the
Cauchy-Schwarz inequality. An estimate of theta has no bias once the variance of each d_k is
subtracted, so it is the better bound for many codewords. It takes the estimate as normally
distributed.

Fair treatment of tables is certified in a similar way by Jovanovic et al., *FARE: Provably Fair
Representation Learning with Practical Certificates*, ICML 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

from privacy_gan.runs.certificate import UpperBound

SCORES = ("accuracy", "balanced_accuracy")
# with fewer of each value of s, no estimate is taken as normal (compare evaluation/persons.py)
MIN_PERSONS = 30
Bound = Callable[[float], float]  # of the probability that it fails


@dataclass(frozen=True)
class HeldOut:
    """Images that no part of a mechanism was fitted on.

    Attributes:
        channel: Q(k|x), probabilities of the K outcomes for each image, float64 [N, K].
        labels: s, [N].
        persons: the person in each image, from 0 to J - 1, [N].
        num_classes: C.
    """

    channel: Tensor
    labels: Tensor
    persons: Tensor
    num_classes: int

    @property
    def counts(self) -> Tensor:
        """Number of images with each value of s, float64 [C]."""
        return torch.bincount(self.labels, minlength=self.num_classes).double()

    @property
    def images_by_person(self) -> Tensor:
        """Number of each person's images with each value of s, float64 [J, C]."""
        return self.sum_over_persons(self.one_hot)

    @property
    def one_hot(self) -> Tensor:
        """Whether an image has a value of s, float64 [N, C]."""
        return torch.eye(self.num_classes, dtype=torch.float64)[self.labels]

    @property
    def conditional(self) -> Tensor:
        """The estimate of P(k|s), [C, K]."""
        return (self.one_hot.T @ self.channel) / self.counts[:, None]

    @property
    def can_be_certified(self) -> bool:
        """Whether the images allow any statement at all."""
        persons = int(self.persons.max()) + 1 if len(self.persons) else 0
        finite = bool(self.channel.isfinite().all())
        return finite and persons > 1 and float(self.counts.min()) > 0

    @property
    def effective_persons(self) -> float:
        """Number of equally frequent persons who would show each value of s as reliably."""
        images = self.images_by_person
        return float((images.sum(dim=0).square() / images.square().sum(dim=0)).min())

    def sum_over_persons(self, values: Tensor) -> Tensor:
        """Sum values [N, ...] over each person's images, [J, ...]."""
        sums = values.new_zeros(int(self.persons.max()) + 1, *values.shape[1:])
        return sums.index_add_(0, self.persons, values)


def certify(held_out: HeldOut, weights: Tensor, delta: float) -> dict[str, UpperBound]:
    """Return upper bounds on the accuracy and the balanced accuracy of any adversary, by name.

    All ``value``s hold together with probability 1 - delta; each other bound holds with it alone.
    Images that cannot be certified get bounds of 1: without each value of s, of fewer than two
    persons, or with probabilities that are not finite.

    Args:
        held_out: images that no part of the mechanism was fitted on.
        weights: positive weights of the K outcomes that do not depend on these images, [K]; best
            are the outcomes' frequencies.
        delta: probability that a bound fails, in (0, 1).
    """
    if not held_out.can_be_certified:
        return dict.fromkeys(SCORES, UpperBound(1.0, 1.0, 1.0, "exact"))
    distances = Distances(held_out, weights)
    bounds: dict[str, tuple[Bound, Bound]] = {
        "accuracy": (partial(exact_accuracy, held_out), partial(asymptotic_accuracy, distances)),
        "balanced_accuracy": (
            partial(exact_balanced_accuracy, held_out),
            partial(asymptotic_balanced_accuracy, distances),
        ),
    }
    return {score: upper_bound(*each, delta, len(bounds)) for score, each in bounds.items()}


def upper_bound(exact: Bound, asymptotic: Bound, delta: float, scores: int) -> UpperBound:
    """Return both bounds, and the smaller one of a number of scores that hold together."""
    share = delta / (2 * scores)
    values = {"exact": exact(share), "asymptotic": asymptotic(share)}
    kind = min(values, key=lambda name: values[name])
    return UpperBound(values[kind], exact(delta), asymptotic(delta), kind)


def exact_accuracy(held_out: HeldOut, delta: float) -> float:
    """Return the exact bound on the accuracy, at most 1."""
    images = held_out.images_by_person.sum(dim=1)
    joint = (held_out.one_hot.T @ held_out.channel) / len(held_out.labels)  # [C, K]
    moved = images / len(held_out.labels)
    return mcdiarmid(float(joint.amax(dim=0).sum()), moved, delta)


def exact_balanced_accuracy(held_out: HeldOut, delta: float) -> float:
    """Return the exact bound on the balanced accuracy, at most 1.

    Independent images are independent given their labels, too. A person with several images moves
    the frequencies of the labels as well; these get half of ``delta``.
    """
    images = held_out.images_by_person.sum(dim=1)
    if bool((images <= 1).all()):
        estimate = float(held_out.conditional.amax(dim=0).sum()) / held_out.num_classes
        moved = held_out.one_hot / held_out.counts / held_out.num_classes
        return mcdiarmid(estimate, moved.sum(dim=1), delta)
    total = len(held_out.labels)
    slack = mcdiarmid_slack(images / total, delta / (2 * held_out.num_classes))
    least = held_out.counts / total - slack  # frequencies of the labels, at least
    if float(least.min()) <= 0:
        return 1.0
    joint = (held_out.one_hot.T @ held_out.channel) / total
    estimate = float((joint / least[:, None]).amax(dim=0).sum()) / held_out.num_classes
    moved = images / total / float(least.min()) / held_out.num_classes
    return mcdiarmid(estimate, moved, delta / 2)


def mcdiarmid(estimate: float, moved: Tensor, delta: float) -> float:
    """Return an upper confidence limit of an estimate's expectation, at most 1.

    Args:
        estimate: the estimate.
        moved: how far each person can move it, [J].
        delta: probability that the limit is too small.
    """
    return min(1.0, estimate + mcdiarmid_slack(moved, delta))


def mcdiarmid_slack(moved: Tensor, delta: float) -> float:
    """Return how far an estimate falls below its expectation, with probability delta at most."""
    return math.sqrt(math.log(1 / delta) * float(moved.square().sum()) / 2)


class Distances:
    """Upper confidence limits of the total variation between P(k|s) for any two values of s.

    Args:
        held_out: the images.
        weights: see ``certify``.
    """

    def __init__(self, held_out: HeldOut, weights: Tensor) -> None:
        self.held_out = held_out
        self.pairs = list(combinations(range(held_out.num_classes), 2))
        self.forms = {pair: quadratic_form(held_out, weights, *pair) for pair in self.pairs}

    def upper(self, delta: float) -> Tensor:
        """Return limits that hold together with probability 1 - delta, float64 [C, C]."""
        size = self.held_out.num_classes
        distances = torch.zeros(size, size, dtype=torch.float64)
        for first, second in self.pairs:
            limit = self.forms[first, second].upper_distance(delta / len(self.pairs))
            distances[first, second] = distances[second, first] = limit
        return distances


def asymptotic_accuracy(distances: Distances, delta: float) -> float:
    """Return the asymptotic bound on the accuracy, at most 1.

    With r the most frequent value, sum_k max_s p_s P(k|s) <= p_r + sum_s p_s TV(s, r). With few
    persons, it is 1.
    """
    held_out = distances.held_out
    if held_out.effective_persons < MIN_PERSONS:
        return 1.0
    share = delta / (len(distances.pairs) + 1)  # one for the frequencies of s
    limits = []
    for slopes in distances.upper(delta - share) + torch.eye(held_out.num_classes):
        # any value may be the most frequent one; each image contributes its value's slope
        of_images = slopes[held_out.labels]
        mean = of_images.mean()
        moved = held_out.sum_over_persons(of_images - mean) / len(of_images)
        limits.append(float(mean) + deviations(share) * cluster_deviation(moved))
    return min(1.0, max(limits))


def asymptotic_balanced_accuracy(distances: Distances, delta: float) -> float:
    """Return the asymptotic bound on the balanced accuracy, at most 1.

    With any value r, sum_k max_s P(k|s) <= 1 + sum_s TV(s, r). With few persons, it is 1.
    """
    if distances.held_out.effective_persons < MIN_PERSONS:
        return 1.0
    sums = distances.upper(delta).sum(dim=1)
    return min(1.0, float(1 + sums.min()) / distances.held_out.num_classes)


class QuadraticForm(NamedTuple):
    """The estimate of theta = d'd, with d the differences P(k|1) - P(k|0) over sqrt(w_k).

    Attributes:
        theta: the estimate, without bias.
        norm: the largest eigenvalue of the covariance S of the estimate of d.
        degenerate: tr(S^2).
    """

    theta: float
    norm: float
    degenerate: float

    def upper_distance(self, delta: float) -> float:
        """Return an upper confidence limit of the total variation, sqrt(theta) / 2.

        The estimate has the variance 4 d'Sd + 2 tr(S^2) <= 4 |S| theta + 2 tr(S^2). The limit is
        the largest theta with estimate >= theta - z sqrt(variance).
        """
        z = deviations(delta)
        centre = self.theta + 2 * self.norm * z**2
        spread = 4 * self.norm * (self.theta + self.norm * z**2) + 2 * self.degenerate
        upper = centre + z * math.sqrt(max(0.0, spread))
        return min(1.0, math.sqrt(max(0.0, upper)) / 2)


def quadratic_form(held_out: HeldOut, weights: Tensor, first: int, second: int) -> QuadraticForm:
    """Return the estimate for two values of s."""
    scale = (weights.double() / weights.double().sum()).rsqrt()  # [K]
    conditional = held_out.conditional * scale
    difference = conditional[second] - conditional[first]
    signs = torch.zeros(held_out.num_classes, dtype=torch.float64)
    signs[second], signs[first] = 1.0, -1.0
    influence = (signs / held_out.counts)[held_out.labels][:, None] * (
        held_out.channel * scale - conditional[held_out.labels]
    )
    by_person = held_out.sum_over_persons(influence)  # [J, K], whose sum is 0
    persons = len(by_person)
    covariance = by_person.T @ by_person * (persons / (persons - 1))  # of the difference, [K, K]
    return QuadraticForm(
        theta=float(difference @ difference - covariance.trace()),
        norm=float(torch.linalg.eigvalsh(covariance)[-1]),
        degenerate=float(covariance.square().sum()),
    )


def deviations(delta: float) -> float:
    """Return how many standard deviations above its mean a normal number is so rarely."""
    return NormalDist().inv_cdf(1 - delta)


def cluster_deviation(moved: Tensor) -> float:
    """Return the standard deviation of a sum of independent terms whose mean is 0, [J]."""
    return math.sqrt(float(moved.square().sum()) * len(moved) / (len(moved) - 1))


def most_bits(accuracy: float, balanced: float, shares: Sequence[float]) -> float:
    """Return the most bits about s that a release can contain, given the best adversary.

    I(s; k) <= H(s) - 2 (1 - accuracy), since H(s|k) >= 2 (1 - accuracy) bits (Hellman and Raviv,
    1970); with two values, also I(s; k) <= H(s) TV (Lin, 1991), TV = 2 balanced - 1.

    Args:
        accuracy: an upper bound on any adversary's accuracy.
        balanced: an upper bound on any adversary's balanced accuracy.
        shares: frequencies of the values of s, taken as exact.
    """
    entropy = -sum(share * math.log2(share) for share in shares if share > 0)
    bounds = [entropy - 2 * (1 - accuracy)]
    if len(shares) == 2:
        bounds.append(entropy * (2 * balanced - 1))
    return max(0.0, min(bounds))
