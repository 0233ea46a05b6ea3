"""Constraints keep a budget, whatever it is."""

import pytest
import torch

from privacy_gan.privatizers.constraint import Multiplier, Penalty


def closest_within(constraint, steps=6000):
    """Distortion of the point in the plane that comes as near (3, 4) as its budget allows."""
    point = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=5e-3)
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
    assert closest_within(Multiplier(epsilon)) == pytest.approx(epsilon, rel=0.01)


def test_a_multiplier_asks_for_nothing_where_the_budget_is_ample():
    constraint = Multiplier(100.0)
    assert closest_within(constraint) == pytest.approx(12.5, rel=0.01)
    assert constraint.multiplier == 0


def test_a_multiplier_moves_by_its_rate_up_by_a_fifth_of_it_at_most_and_never_below_0():
    constraint = Multiplier(0.01, rate=0.1)
    seen = []
    for distortion in (0.011, 0.05, 0.008, 0.005, 0.005, 0.0):
        constraint.update(torch.tensor(distortion))
        seen.append(float(constraint.multiplier))
    assert seen == pytest.approx([0.01, 0.03, 0.01, 0.0, 0.0, 0.0], abs=1e-6)


def test_a_multiplier_is_part_of_the_state():
    constraint, restored = Multiplier(0.01), Multiplier(0.01)
    constraint.update(torch.tensor(0.02))
    restored.load_state_dict(constraint.state_dict())
    assert restored.multiplier == constraint.multiplier > 0


def test_a_penalty_exceeds_its_budget_by_what_its_weight_allows():
    weak, strong = (closest_within(Penalty(1.0, weight)) for weight in (1.0, 100.0))
    assert 1.0 < strong < 1.01 < weak
