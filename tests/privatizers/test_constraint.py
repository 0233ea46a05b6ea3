"""Constraints meet their distortion budgets."""

import pytest
import torch

from privacy_gan.privatizers.constraint import Multiplier, Penalty


def distortion_after_descent(constraint, steps, learning_rate):
    """Return the distortion of a point in the plane that is drawn to (3, 4) within its budget."""
    point = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=learning_rate)
    for _ in range(steps):
        distortion = point.square().mean()
        loss = (point - torch.tensor([3.0, 4.0])).square().sum().sqrt() + constraint(distortion)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        constraint.update(distortion)
    return float(point.detach().square().mean())


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_a_multiplier_meets_any_budget_with_the_same_constants(epsilon):
    distortion = distortion_after_descent(Multiplier(epsilon), 2000, 2e-2)
    assert distortion == pytest.approx(epsilon, rel=0.01)


def test_a_multiplier_stays_0_if_the_budget_is_not_reached():
    constraint = Multiplier(100.0)
    assert distortion_after_descent(constraint, 1000, 2e-2) == pytest.approx(12.5, rel=0.01)
    assert constraint.multiplier == 0


def test_a_multiplier_grows_at_most_by_a_fifth_of_its_rate_and_is_never_negative():
    constraint = Multiplier(0.01, rate=0.1)
    values = []
    for distortion in (0.011, 0.05, 0.008, 0.005, 0.005, 0.0):
        constraint.update(torch.tensor(distortion))
        values.append(float(constraint.multiplier))
    assert values == pytest.approx([0.01, 0.03, 0.01, 0.0, 0.0, 0.0], abs=1e-6)


def test_the_multiplier_is_part_of_the_state_dict():
    constraint, restored = Multiplier(0.01), Multiplier(0.01)
    constraint.update(torch.tensor(0.02))
    restored.load_state_dict(constraint.state_dict())
    assert restored.multiplier == constraint.multiplier > 0


def test_a_penalty_with_a_larger_weight_exceeds_its_budget_by_less():
    weak, strong = (
        distortion_after_descent(Penalty(1.0, weight), 1000, 5e-3) for weight in (1.0, 100.0)
    )
    assert 1.0 < strong < 1.01 < weak
