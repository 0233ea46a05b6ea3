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

with probability 1 - delta. The estimate's bias grows with the number of codewords.

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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import torch
from torch import Tensor

from privacy_gan.runs.certificate import UpperBound


@dataclass(frozen=True)
class HeldOut:
    """Images that no part of a mechanism was fitted on.

    Attributes:
        channel: Q(k|x), probabilities of the K outcomes for each image, float64 [N, K].
        labels: s, [N]; each of the C values occurs.
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

    def sum_over_persons(self, values: Tensor) -> Tensor:
        """Sum values [N, ...] over each person's images, [J, ...]."""
        sums = values.new_zeros(int(self.persons.max()) + 1, *values.shape[1:])
        return sums.index_add_(0, self.persons, values)


def certify(held_out: HeldOut, weights: Tensor, delta: float) -> dict[str, UpperBound]:
    """Return upper bounds on the accuracy and the balanced accuracy of any adversary, by name.

    Each bound holds with probability 1 - delta; the smaller of the two that are reported together
    holds with probability 1 - delta, too, because it is computed with delta / 2 each.

    Args:
        held_out: images that no part of the mechanism was fitted on.
        weights: positive weights of the K outcomes that do not depend on these images, [K]; best
            are the outcomes' frequencies.
        delta: probability that a bound fails, in (0, 1).
    """
    bounds = {"accuracy": (exact_accuracy, asymptotic_accuracy)}
    bounds["balanced_accuracy"] = (exact_balanced_accuracy, asymptotic_balanced_accuracy)
    certified = {}
    for name, (exact, asymptotic) in bounds.items():
        half = min(exact(held_out, delta / 2), asymptotic(held_out, weights, delta / 2))
        certified[name] = UpperBound(
            value=half,
            exact=exact(held_out, delta),
            asymptotic=asymptotic(held_out, weights, delta),
        )
    return certified


def exact_accuracy(held_out: HeldOut, delta: float) -> float:
    """Return the exact bound on the accuracy, at most 1."""
    images = held_out.images_by_person.sum(dim=1)
    joint = (held_out.one_hot.T @ held_out.channel) / len(held_out.labels)  # [C, K]
    moved = images / len(held_out.labels)
    return mcdiarmid(float(joint.amax(dim=0).sum()), moved, delta)


def exact_balanced_accuracy(held_out: HeldOut, delta: float) -> float:
    """Return the exact bound on the balanced accuracy, at most 1, given the persons' labels."""
    estimate = float(held_out.conditional.amax(dim=0).sum()) / held_out.num_classes
    moved = (held_out.images_by_person / held_out.counts).sum(dim=1) / held_out.num_classes
    return mcdiarmid(estimate, moved, delta)


def mcdiarmid(estimate: float, moved: Tensor, delta: float) -> float:
    """Return an upper confidence limit of an estimate's expectation, at most 1.

    Args:
        estimate: the estimate.
        moved: how far each person can move it, [J].
        delta: probability that the limit is too small.
    """
    slack = math.sqrt(math.log(1 / delta) * float(moved.square().sum()) / 2)
    return min(1.0, estimate + slack)


def asymptotic_accuracy(held_out: HeldOut, weights: Tensor, delta: float) -> float:
    """Return the asymptotic bound on the accuracy, at most 1.

    With r the most frequent value, sum_k max_s p_s P(k|s) <= p_r + sum_s p_s TV(s, r).
    """
    pairs = math.comb(held_out.num_classes, 2)
    distances = all_distances(held_out, weights, delta * pairs / (pairs + 1))
    limits = []
    for slopes in distances + torch.eye(held_out.num_classes):  # any value may be that one
        # linear in the shares: each image contributes its value's slope
        of_images = slopes[held_out.labels]
        mean = of_images.mean()
        moved = held_out.sum_over_persons(of_images - mean) / len(of_images)
        error = deviations(delta / (pairs + 1)) * cluster_deviation(moved)
        limits.append(float(mean) + error)
    return min(1.0, max(limits))


def asymptotic_balanced_accuracy(held_out: HeldOut, weights: Tensor, delta: float) -> float:
    """Return the asymptotic bound on the balanced accuracy, at most 1.

    With any value r, sum_k max_s P(k|s) <= 1 + sum_s TV(s, r).
    """
    distances = all_distances(held_out, weights, delta)
    return min(1.0, float(1 + distances.sum(dim=1).min()) / held_out.num_classes)


def all_distances(held_out: HeldOut, weights: Tensor, delta: float) -> Tensor:
    """Return upper limits of the total variation between any two values of s, float64 [C, C].

    All of them hold together with probability 1 - delta.
    """
    size = held_out.num_classes
    distances = torch.zeros(size, size, dtype=torch.float64)
    for first, second in combinations(range(size), 2):
        limit = total_variation(held_out, weights, first, second, delta / math.comb(size, 2))
        distances[first, second] = distances[second, first] = limit
    return distances


def total_variation(
    held_out: HeldOut, weights: Tensor, first: int, second: int, delta: float
) -> float:
    """Return an upper confidence limit of the total variation of P(k|first) and P(k|second).

    Args:
        held_out: the images.
        weights: see ``certify``.
        first: a value of s.
        second: another one.
        delta: probability that the limit is too small, for many persons.
    """
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
    theta = float(difference @ difference - covariance.trace())
    # With S this covariance, the estimate of theta = d'd, a quadratic form of a normal vector, has
    # the variance 4 d'Sd + 2 tr(S^2). The limit is the largest theta that is not rejected, at
    # 4 d'Sd <= 4 |S| theta, |S| the largest eigenvalue: theta_hat = theta - z sqrt(variance).
    norm, degenerate = float(torch.linalg.eigvalsh(covariance)[-1]), covariance.square().sum()
    z = deviations(delta)
    centre = theta + 2 * norm * z**2
    root = z * math.sqrt(max(0.0, 4 * norm * (theta + norm * z**2) + 2 * float(degenerate)))
    return min(1.0, math.sqrt(max(0.0, centre + root)) / 2)


def deviations(delta: float) -> float:
    """Return how many standard deviations above its mean a normal number is so rarely."""
    return NormalDist().inv_cdf(1 - delta)


def cluster_deviation(moved: Tensor) -> float:
    """Return the standard deviation of a sum of independent terms whose mean is 0, [J]."""
    return math.sqrt(float(moved.square().sum()) * len(moved) / (len(moved) - 1))


def most_bits(accuracy: float, shares: Sequence[float]) -> float:
    """Return the most bits about s that a release can contain, given the most accurate adversary.

    I(s; k) <= H(s) - 2 (1 - accuracy), since H(s|k) >= 2 (1 - accuracy) bits (Hellman and Raviv,
    1970).

    Args:
        accuracy: an upper bound on any adversary's accuracy.
        shares: frequencies of the values of s.
    """
    entropy = -sum(share * math.log2(share) for share in shares if share > 0)
    return max(0.0, entropy - 2 * (1 - accuracy))
