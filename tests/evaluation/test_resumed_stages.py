"""Training in stages resumes exactly, whenever it is interrupted."""

import os
import signal

import pytest
import torch
from contenders import Breaks, Knows, Shown, train, watched
from test_learning import Ramp
from torch import nn

from privacy_gan.errors import Interrupted
from privacy_gan.evaluation import stopping
from privacy_gan.evaluation.halving import Limits, fit_until_done
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.runs.artifacts import ResumeCheckpoint


class Dropping(nn.Module):
    """A linear layer behind dropout, which draws random numbers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 16 * 16, 2))

    def forward(self, images):
        return self.layers(images)


def dropping():
    torch.manual_seed(0)
    return Learner(Dropping(), Recipe(lambda weights: torch.optim.Adam(weights, lr=0.01)), 0)


def stop_after(steps, monkeypatch):
    """Send this process SIGTERM in a training step; return the list of steps taken."""
    taken, original = [], Learner.training_step

    def step(self, *arguments):
        taken.append(self)
        if len(taken) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *arguments)

    monkeypatch.setattr(Learner, "training_step", step)
    return taken


def weights(trained):
    return {name: each.learner.network.state_dict() for name, each in trained.items()}


def test_training_interrupted_at_any_step_resumes_exactly(tmp_path, monkeypatch):
    factories = {"dropout": dropping, "hasty": watched(Breaks), "one": watched(Ramp)}
    with monkeypatch.context() as patched:
        taken = stop_after(None, patched)
        expected = train(factories)
    needed = len(taken)
    for stop in range(1, needed, 7):  # on the trunk, in branches, and while one catches up
        resume = ResumeCheckpoint(tmp_path / f"{stop}.pt", "key", every_minutes=1e9)
        with monkeypatch.context() as patched:
            before = stop_after(stop, patched)
            with pytest.raises(Interrupted):
                train(factories, resume=resume)
        with monkeypatch.context() as patched:
            after = stop_after(None, patched)
            found = train(factories, resume=resume)
        assert len(before) + len(after) == needed  # no step is repeated
        torch.testing.assert_close(weights(found), weights(expected), rtol=0, atol=0)
        assert {name: each.curve for name, each in found.items()} == {
            name: each.curve for name, each in expected.items()
        }


class Fragile(Knows):
    """Knows much, until its log-odds exceed 12; with half the learning rate it knows nothing."""

    def __init__(self):
        super().__init__(0, 1.0)

    def forward(self, images):
        output = super().forward(images)
        at_full_rate = self.log_odds.item() > 0.75 * float(self.steps) - 0.5
        if at_full_rate and self.log_odds.item() > 12:
            return output * torch.nan
        return output * at_full_rate


def test_decisions_stay_when_training_resumes_after_a_restart(tmp_path, monkeypatch):
    """The best network diverges after another was dropped in comparison with it."""
    monkeypatch.setattr(stopping, "MIN_STEPS", 8)
    networks = {
        "strong": Fragile,
        "medium": lambda: Knows(0, 0.2),
        "weak": lambda: Knows(0, 0.1),
    }

    def competition(resume=None):
        def factory(name):
            return Learner(networks[name](), Recipe(Ramp), 0)

        return fit_until_done(
            factory, list(networks), Shown(5), Limits(8), 2, 0, "test", resume=resume
        )

    with monkeypatch.context() as patched:
        taken = stop_after(None, patched)
        expected = {name: each.curve for name, each in competition().items()}
    assert expected["weak"].ending == "dropped"
    for stop in (30, 48, 60, len(taken) - 1):
        resume = ResumeCheckpoint(tmp_path / f"{stop}.pt", "key", every_minutes=1e9)
        with monkeypatch.context() as patched:
            stop_after(stop, patched)
            with pytest.raises(Interrupted):
                competition(resume)
        assert {name: each.curve for name, each in competition(resume).items()} == expected


def test_dropout_does_not_depend_on_the_other_networks():
    together = train({"dropout": dropping, "one": watched(Ramp)})
    alone = train({"dropout": dropping})
    torch.testing.assert_close(weights(together)["dropout"], weights(alone)["dropout"])
