"""The ceiling of a utility attribute, compared with a linear program, a formula and channels."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from privacy_gan.evaluation.metrics.bootstrap import Bootstrap, compute_on_all
from privacy_gan.evaluation.metrics.ceiling import ceiling, ceiling_of_tables, ceiling_with_leak


def solve_program(joint):
    """Return the best P(y = u) over channels Q(y | u, s) whose output is independent of s.

    Args:
        joint: P(u, s), [U, S].
    """
    classes, values = joint.shape
    given = joint / joint.sum(axis=0)  # P(u | s)
    columns = np.arange(classes * classes * values).reshape(classes, classes, values)  # y, u, s
    gain = np.zeros(columns.size)
    for u in range(classes):
        gain[columns[u, u]] = joint[u]
    rows, right = [], []
    for u in range(classes):
        for s in range(values):
            row = np.zeros(columns.size)
            row[columns[:, u, s]] = 1  # probabilities sum to 1
            rows.append(row)
            right.append(1)
    for y in range(classes):
        for s in range(1, values):
            row = np.zeros(columns.size)
            row[columns[y, :, s]] = given[:, s]  # P(y | s) = P(y | s = 0)
            row[columns[y, :, 0]] -= given[:, 0]
            rows.append(row)
            right.append(0)
    solution = linprog(-gain, A_eq=np.array(rows), b_eq=right, bounds=(0, 1))
    assert solution.success
    return -solution.fun


def best_accuracy(joint):
    return float(ceiling_of_tables(torch.from_numpy(joint)[None]))


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("values", [2, 3, 4])
def test_the_ceiling_is_the_optimum_of_the_linear_program(classes, values):
    rng = np.random.default_rng(10 * classes + values)
    for concentration in (0.2, 0.5, 1, 2, 5):
        joint = rng.dirichlet([concentration] * (classes * values)).reshape(classes, values)
        assert best_accuracy(joint) == pytest.approx(solve_program(joint), abs=1e-7)


def test_the_ceiling_of_two_binary_attributes_is_the_formula():
    rng = np.random.default_rng(0)
    for joint in rng.dirichlet([1] * 4, size=50).reshape(-1, 2, 2):
        frequencies, given = joint.sum(axis=0), joint[1] / joint.sum(axis=0)
        formula = 1 - frequencies.min() * abs(given[1] - given[0])
        assert best_accuracy(joint) == pytest.approx(formula)


def test_no_channel_to_an_independent_output_exceeds_the_ceiling():
    rng = np.random.default_rng(1)
    reached = 0.0
    for joint in rng.dirichlet([1] * 6, size=20).reshape(-1, 3, 2):
        best = best_accuracy(joint)
        given = joint / joint.sum(axis=0)
        for output in rng.dirichlet([1] * 3, size=50):
            achieved = accuracy_of_coupling(joint, given, output)
            assert achieved <= best + 1e-12
            reached = max(reached, achieved / best)
        # an output distributed as u given the more frequent value of s
        frequent = given[:, joint.sum(axis=0).argmax()]
        assert accuracy_of_coupling(joint, given, frequent) == pytest.approx(best)
    assert reached > 0.97  # random channels come close, so that a lower ceiling would fail


def accuracy_of_coupling(joint, given, output):
    """Return P(y = u) of a channel that is built explicitly: keep u if possible, else move it."""
    classes, values = joint.shape
    total = 0.0
    for s in range(values):
        kept = np.minimum(given[:, s], output)
        excess, lack = given[:, s] - kept, output - kept
        channel = np.diag(np.divide(kept, given[:, s]))  # [u, y]
        if lack.sum() > 0:
            channel += np.outer(excess / given[:, s], lack / lack.sum())
        assert given[:, s] @ channel == pytest.approx(output)  # independent of s
        assert channel.sum(axis=1) == pytest.approx(np.ones(classes))
        total += (joint[:, s] * np.diag(channel)).sum()
    return total


def test_labels_are_counted_with_their_weights():
    # s = 0 has u = 0, 0, 1, 1, and s = 1 has u = 1, 1, 1, 1
    sensitive = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    utility = torch.tensor([0, 0, 1, 1, 1, 1, 1, 1])
    assert compute_on_all(ceiling, utility, sensitive) == 1 - 0.5 * 0.5
    weights = torch.ones(2, 8, dtype=torch.float64)
    weights[0, :2] = 0  # u is always 1
    weights[1, 4:7] = 0  # s = 1 has one image in five
    assert ceiling(weights, utility, sensitive).tolist() == pytest.approx([1, 1 - 0.2 * 0.5])


def test_a_sample_without_one_value_of_s_has_no_ceiling_below_1():
    utility, sensitive = torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])
    weights = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64)
    assert ceiling(weights, utility, sensitive).tolist() == [1]


def test_what_s_leaks_raises_the_ceiling():
    sensitive = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    utility = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1])  # the total variation is 0.75

    def with_leak(total_variation):
        weights = torch.ones(1, 8, dtype=torch.float64)
        return float(ceiling_with_leak(weights, utility, sensitive, total_variation))

    assert with_leak(0) == pytest.approx(compute_on_all(ceiling, utility, sensitive))
    assert with_leak(0.25) == 1 - 0.5 * 0.5
    assert with_leak(0.75) == with_leak(1) == 1


def test_with_a_leak_a_channel_attains_the_ceiling():
    """Of two binary attributes, by mixing: the output differs by the total variation allowed."""
    p, (low, high) = 0.3, (0.1, 0.9)  # P(s = 1) and P(u = 1 | s)
    for left in (0.0, 0.2, 0.5, 0.8):
        output = high - (high - low - left) * 1.0  # P(y = 1 | s = 1); y is u where s = 0
        accuracy = (1 - p) + p * (1 - abs(high - output))
        counts = torch.tensor([[(1 - p) * (1 - low), p * (1 - high)], [(1 - p) * low, p * high]])
        weights = counts.double().flatten()[None]
        utility, sensitive = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
        found = float(ceiling_with_leak(weights, utility, sensitive, left))
        assert found == pytest.approx(accuracy)


def test_the_interval_contains_the_ceiling_of_the_population():
    rng = np.random.default_rng(2)
    joint = np.array([[0.4, 0.1], [0.15, 0.35]])
    truth = best_accuracy(joint)
    inside = 0
    for seed in range(40):
        cells = torch.from_numpy(rng.choice(4, size=400, p=joint.ravel()))
        estimate = Bootstrap(100, seed).percentile(ceiling, cells // 2, cells % 2)
        inside += estimate.low <= truth <= estimate.high
    assert inside >= 33  # 38 are expected of 95% intervals
    assert math.isclose(truth, 1 - 0.45 * abs(0.35 / 0.45 - 0.15 / 0.55))
