"""Stages double; each continues the trunk and ends with a branch that leaves it unchanged."""

import pytest
import torch
from contenders import Watched, train

from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.schedule import Schedule


@pytest.mark.parametrize(("max_epochs", "ends"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4]), (64, 7)])
def test_stages_double_up_to_the_limit(max_epochs, ends):
    schedule = Schedule(10, max_epochs)
    found = [schedule.epochs(stage) for stage in range(schedule.stages)]
    assert found == ends if isinstance(ends, list) else len(found) == ends


def test_the_learning_rate_warms_up_stays_and_falls_linearly():
    schedule = Schedule(batches=20, max_epochs=1)
    factors = [schedule.lr_factor(0, step) for step in range(20)]
    assert factors[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert factors[3:16] == [1] * 13
    assert factors[16:] == [1, 0.75, 0.5, 0.25]


def test_each_stage_continues_from_the_trunk_and_ends_with_a_rate_of_zero():
    (trained,) = train({"one": Watched}).values()
    # each step adds its learning rate; 5 steps an epoch, of which the last fifth is the branch
    # stage 1: 4 on the trunk, 1 in the branch: 5
    # stage 2: 8 on the trunk, then 1 + 1/2: 9.5
    # stage 3: 16 on the trunk, then 1 + 3/4 + 1/2 + 1/4: 18.5
    assert trained.learner.ends == [5, 9.5, 18.5]
    assert [stage.epochs for stage in trained.curve.stages] == [1, 2, 4]
    assert [stage.steps for stage in trained.curve.stages] == [5, 10, 20]


def test_the_optimizer_of_a_branch_does_not_change_the_trunk():
    class Momentum(torch.optim.SGD):
        def __init__(self, parameters):
            super().__init__(parameters, lr=1, momentum=0.9)

    class Pushed(Watched):
        """Has a constant gradient of -1, so that only momentum and rate matter."""

        def __init__(self):
            super().__init__()
            self.recipe = Recipe(Momentum)

        def loss(self, batch):
            return -self.network.log_odds

    learner = train({"one": Pushed}, max_epochs=2)["one"].learner

    def end(stage):
        schedule, place, speed = Schedule(5, 2), 0.0, 0.0
        for step in range(schedule.end(stage)):  # a single run to this end, without other branches
            speed = 0.9 * speed + 1
            place += speed * schedule.lr_factor(stage, step)
        return place

    assert learner.ends == pytest.approx([end(0), end(1)])
