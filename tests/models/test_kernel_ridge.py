"""Kernel ridge regression with landmarks, compared with the exact one."""

import pytest
import torch

from privacy_gan.models.kernel_ridge import (
    LENGTH_SCALES,
    PENALTIES,
    KernelRidge,
    Problem,
    choose,
    median_distance,
    normal_equations,
    rbf_kernel,
)


@pytest.fixture
def points():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(60, 3, generator=rng, dtype=torch.float64)


def test_the_kernel_of_two_points_worked_by_hand():
    kernel = rbf_kernel(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]]), 5.0)
    torch.testing.assert_close(kernel, torch.tensor([[torch.e**-0.5, 1.0]]))


def test_with_all_points_as_landmarks_it_is_exact_kernel_ridge_regression(points):
    targets = points[:, :1].sin()
    weights = normal_equations(Problem(points, targets, points), 1.5).solve(1e-3)
    kernel = rbf_kernel(points, points, 1.5)
    identity = torch.eye(60, dtype=torch.float64)
    exact = kernel @ torch.linalg.solve(kernel + 60 * 1e-3 * identity, targets)
    torch.testing.assert_close(kernel @ weights, exact, rtol=1e-3, atol=1e-4)


def test_batches_do_not_change_the_sums(points, monkeypatch):
    problem = Problem(points, points[:, :2], points[:9])
    whole = normal_equations(problem, 1.0)
    monkeypatch.setattr("privacy_gan.models.kernel_ridge.BATCH", 7)
    parts = normal_equations(problem, 1.0)
    torch.testing.assert_close(parts.products, whole.products)
    torch.testing.assert_close(parts.targets, whole.targets)


def test_nearly_equal_landmarks_can_be_solved():
    points = torch.linspace(0, 1, 5000, dtype=torch.float64)[:, None]
    problem = Problem(points, (9 * points).sin(), points[::20])
    weights = normal_equations(problem, 0.2).solve(1e-9)
    predicted = rbf_kernel(points, problem.landmarks, 0.2) @ weights
    torch.testing.assert_close(predicted, problem.targets, atol=0.01, rtol=0)
    equal = torch.zeros(20, 2, dtype=torch.float64)
    weights = normal_equations(Problem(equal, torch.ones_like(equal), equal[:5]), 1.0).solve(1e-5)
    assert weights.isfinite().all()


def test_the_choice_has_the_least_error_on_held_out_points(points):
    targets = (2 * points[:, :1]).sin()
    problem = Problem(points[:40], targets[:40], points[:40])
    found = choose(problem, points[40:], targets[40:])
    errors = {}
    for factor in LENGTH_SCALES:
        scale = factor * median_distance(points[:40])
        for penalty in PENALTIES:
            weights = normal_equations(problem, scale).solve(penalty)
            predicted = rbf_kernel(points[40:], points[:40], scale) @ weights
            errors[scale, penalty] = float((predicted - targets[40:]).square().mean())
    assert (found.length_scale, found.penalty) == min(errors, key=errors.get)
    assert found.error == pytest.approx(min(errors.values()))


def test_little_is_predicted_where_there_is_nothing_to_learn():
    rng = torch.Generator().manual_seed(1)
    points = torch.randn(2500, 3, generator=rng, dtype=torch.float64)
    targets = torch.randn(2500, 1, generator=rng, dtype=torch.float64)
    problem = Problem(points[:2000], targets[:2000], points[:50])
    found = choose(problem, points[2000:], targets[2000:])
    assert found.predicted.square().mean() < 0.01


def test_the_median_distance_ignores_equal_points():
    assert median_distance(torch.tensor([[0.0], [0.0], [1.0]])) == 1
    assert median_distance(torch.zeros(3, 2)) == 1
    assert median_distance(torch.zeros(1, 2)) == 1


def test_loading_adopts_the_number_of_landmarks(points):
    network = KernelRidge(3, 2)
    state = {
        "landmarks": points[:4].float(),
        "length_scale": torch.tensor(1.5),
        "weights": torch.ones(4, 2),
        "bias": torch.tensor([1.0, 2.0]),
    }
    network.load_state_dict(state)
    expected = rbf_kernel(points, points[:4], 1.5).sum(dim=1, keepdim=True) + state["bias"]
    torch.testing.assert_close(network(points).double(), expected.double(), rtol=1e-4, atol=1e-4)
