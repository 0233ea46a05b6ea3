"""The best accuracy in a utility attribute that is possible if s is hidden completely.

Then a censored image is independent of s, and so is every prediction of the utility attribute u
from it. Thus no classifier is better, by P(y = u), than the best channel from (u, s) to an output y
independent of s. If y has the distribution q, it agrees with u given s = v with a probability of at
most sum_c min(P(u = c | s = v), q_c), and a maximal coupling attains that. The ceiling is therefore

    max_q  sum_v P(s = v) sum_c min(P(u = c | s = v), q_c).

The objective is a sum of concave functions of single q_c, which are linear between the values
P(u = c | s = v). Filling q along the steepest pieces first, until it sums to 1, is thus optimal.

The inner sum is 1 - TV(P(u | s = v), q), where TV is the total variation distance. With two values
of s, the triangle inequality gives

    ceiling = 1 - min(P(s = 0), P(s = 1)) TV(P(u | s = 0), P(u | s = 1)),

attained by the q of the more frequent value; if u is binary too, the distance is the absolute
difference |P(u = 1 | s = 1) - P(u = 1 | s = 0)|. If images of s = 0 and of s = 1 still differ by a
total variation of t, so do predictions from them at most, and the distance counts only as far as it
exceeds t.

The ceiling holds for each attribute by itself. The mean over attributes is a bound, too, but maybe
no mechanism attains all of them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.samples import counts

if TYPE_CHECKING:  # so that reading the metrics' records does not import torch
    from torch import Tensor


def ceiling(weights: Tensor, utility: Tensor, sensitive: Tensor) -> Tensor:
    """Return the ceiling of a utility attribute in many weighted samples of images, [R].

    Args:
        weights: number of times each image occurs in each sample, float64 [R, N].
        utility: classes of the utility attribute, [N].
        sensitive: classes of s, [N].
    """
    return ceiling_of_tables(joint_counts(weights, utility, sensitive))


def ceiling_with_leak(
    weights: Tensor, utility: Tensor, sensitive: Tensor, total_variation: float | Tensor
) -> Tensor:
    """Return the ceiling, [R], where a binary s is not hidden completely.

    Args:
        weights: see ``ceiling``.
        utility: see ``ceiling``.
        sensitive: 0 or 1, [N].
        total_variation: distance between the censored images of the two values of s, in [0, 1];
            one number, or one for each sample, [R].
    """
    tables = joint_counts(weights, utility, sensitive)
    frequencies, conditional = normalized(tables)
    distances = (conditional[..., 0] - conditional[..., 1]).abs().sum(dim=1) / 2
    room = (distances - total_variation).clamp_min(0)
    return 1 - frequencies.min(dim=1).values * room


def joint_counts(weights: Tensor, utility: Tensor, sensitive: Tensor) -> Tensor:
    """Return how often each combination of classes occurs in each sample, [R, U, S].

    Images without a value of the utility attribute, whose label is negative, do not count.
    """
    sizes = [max(2, int(column.max()) + 1) for column in (utility, sensitive)]
    if bool((utility < 0).any()):
        weights, utility = weights * (utility >= 0), utility.clamp_min(0)
    cells = counts(weights, utility * sizes[1] + sensitive, sizes[0] * sizes[1])
    return cells.view(-1, *sizes)


def normalized(tables: Tensor) -> tuple[Tensor, Tensor]:
    """Return P(s), [R, S], and P(u | s), [R, U, S]; 0 for values of s that do not occur."""
    totals = tables.sum(dim=1)
    frequencies = totals / totals.sum(dim=1, keepdim=True)
    return frequencies, tables / totals.where(totals > 0, 1)[:, None]


def ceiling_of_tables(tables: Tensor) -> Tensor:
    """Return the ceiling, [R], from joint counts [R, U, S]; see the module's docstring.

    The piece of q_c between two successive values P(u = c | s = v) has the slope
    sum of P(s = v) over the values of s that are not yet exceeded.
    """
    import torch.nn.functional as F

    frequencies, conditional = normalized(tables)
    ends, order = conditional.sort(dim=2)  # [R, U, S]
    lengths = ends - F.pad(ends, (1, 0))[..., :-1]
    left = frequencies[:, None].expand_as(order).gather(2, order)
    slopes = left.flip(2).cumsum(dim=2).flip(2)
    slopes, steepest = slopes.flatten(1).sort(dim=1, descending=True)
    lengths = lengths.flatten(1).gather(1, steepest)
    before = lengths.cumsum(dim=1) - lengths
    taken = (1 - before).clamp_min(0).minimum(lengths)
    return (slopes * taken).sum(dim=1)
