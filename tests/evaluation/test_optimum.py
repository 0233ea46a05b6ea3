"""The optimum: known values, cases worked by hand, and random channels that do not beat it."""

import math
import sys

import numpy as np
import pytest

from privacy_gan.errors import UserError

pytest.importorskip("scipy")

from privacy_gan.evaluation.optimum import (
    gaussian_grid,
    gaussian_optimum,
    least_accuracy,
    normal_cdf,
)

MU, SIGMA = math.sqrt(2), 0.7


def test_overlapping_gaussians_have_the_known_trade_off():
    percent = 100 * gaussian_optimum(MU, SIGMA, [0, 0.1, 0.5, 1, 2.5])
    assert percent.round(1).tolist() == [97.8, 87.2, 73.0, 63.0, 50.0]


def test_a_finer_grid_hardly_changes_the_optimum():
    budgets = [0, 0.1, 0.5, 1, 2.5]
    fine = gaussian_optimum(MU, SIGMA, budgets, points=101)
    assert gaussian_optimum(MU, SIGMA, budgets) == pytest.approx(fine, abs=1e-3)


@pytest.mark.parametrize(("mu", "sigma"), [(MU, SIGMA), (0.5, 1.0), (1.0, 0.3)])
def test_at_budget_0_the_optimum_is_the_bayes_accuracy(mu, sigma):
    # the best prediction is the sign of x, correct with probability Phi(mu / sigma)
    assert gaussian_optimum(mu, sigma, [0])[0] == pytest.approx(normal_cdf(mu / sigma), abs=1e-3)


def test_the_optimum_is_decreasing_and_convex_in_the_budget():
    accuracies = gaussian_optimum(MU, SIGMA, np.linspace(0, 3, 13), points=31)
    gains = -np.diff(accuracies)
    assert (gains >= -1e-9).all()
    assert (np.diff(gains) <= 1e-9).all()  # convex, as values of linear programs are


def test_a_budget_that_allows_a_constant_leaves_chance_accuracy():
    # with variance mu^2 + sigma^2 as the budget, x' = 0 is within it
    grid, joint = gaussian_grid(MU, SIGMA, 31)
    assert least_accuracy(grid, joint, [joint.sum(axis=0) @ grid**2])[0] == pytest.approx(0.5)


def test_two_points_lose_accuracy_in_proportion_to_the_budget():
    # s = x in {0, 1}: the channel flips a number, and the adversary errs, with probability D
    joint = np.eye(2) / 2
    accuracies = least_accuracy(np.array([0.0, 1.0]), joint, [0, 0.1, 0.3, 0.5, 0.9])
    assert accuracies == pytest.approx([1, 0.9, 0.7, 0.5, 0.5])


def test_balanced_accuracy_counts_a_rare_class_as_much_as_a_frequent_one():
    # s = x, P(s = 1) = 0.2. Moving 1s to 0 costs least: for accuracy 1 - D, down to the majority
    # rate; for balanced accuracy 1 - D / 0.4, as half of it is the recall of the 1s.
    points, joint = np.array([0.0, 1.0]), np.diag([0.8, 0.2])
    budgets = [0, 0.1, 0.2, 0.3]
    assert least_accuracy(points, joint, budgets) == pytest.approx([1, 0.9, 0.8, 0.8])
    balanced = least_accuracy(points, joint, budgets, balanced=True)
    assert balanced == pytest.approx([1, 0.75, 0.5, 0.5])


def test_points_further_apart_cost_the_square_of_their_distance():
    accuracies = least_accuracy(np.array([0.0, 3.0]), np.eye(2) / 2, [0.9, 4.5])
    assert accuracies == pytest.approx([0.9, 0.5])


def test_three_classes_meet_in_the_middle():
    # a share a of each outer point moves to the middle: D = 2a/3, accuracy 1 - 2a/3
    accuracies = least_accuracy(np.array([-1.0, 0.0, 1.0]), np.eye(3) / 3, [0, 0.25, 2 / 3, 2])
    assert accuracies == pytest.approx([1, 0.75, 1 / 3, 1 / 3])


def test_the_optimum_is_at_least_the_majority_rate():
    joint = np.array([[0.4, 0.3], [0.1, 0.2]])
    assert least_accuracy(np.array([0.0, 1.0]), joint, [9])[0] == pytest.approx(0.7)


def test_random_channels_do_not_beat_the_optimum():
    rng = np.random.default_rng(0)
    points, joint = rng.normal(size=4), rng.dirichlet(np.ones(8)).reshape(2, 4)
    squares = (points[None] - points[:, None]) ** 2
    # from almost the identity to random, since good channels are rarely drawn
    channels = [
        (1 - share) * np.eye(4) + share * rng.dirichlet(np.full(4, 0.3), size=4)
        for share in rng.uniform(size=300)
    ]
    budgets = [(joint.sum(axis=0)[:, None] * channel * squares).sum() for channel in channels]
    reached = [(joint @ channel).max(axis=0).sum() for channel in channels]
    assert (least_accuracy(points, joint, budgets) <= np.array(reached) + 1e-9).all()


@pytest.mark.parametrize(
    ("points", "joint", "budgets", "message"),
    [
        ([0.0, 1.0], [[0.5, 0.0], [0.0, 0.5]], [-0.1], "0 or more"),
        ([0.0, 1.0], [[0.5, 0.0], [0.0, 0.4]], [0.1], "sums to 0.9"),
        ([0.0, 1.0, 2.0], [[0.5, 0.0], [0.0, 0.5]], [0.1], "do not match"),
    ],
)
def test_invalid_arguments_raise_an_error(points, joint, budgets, message):
    with pytest.raises(UserError, match=message):
        least_accuracy(np.array(points), np.array(joint), budgets)


def test_a_grid_needs_two_points():
    with pytest.raises(UserError, match="points=1"):
        gaussian_optimum(MU, SIGMA, [1], points=1)


def test_without_scipy_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(UserError, match="pip install"):
        gaussian_optimum(MU, SIGMA, [1])
