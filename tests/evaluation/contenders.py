"""Networks whose learning is known step by step, and their training in stages."""

import torch
from test_learning import Bias, Ramp, Source, batch_of
from torch import nn

from privacy_gan.evaluation.halving import Limits, fit_until_done
from privacy_gan.evaluation.learning import Learner, Recipe


def train(factories, max_epochs=4, batches=5, **options):
    """Train learners on two images a batch and return them with their curves."""
    limits = Limits(max_epochs, options.pop("max_minutes", None))
    return fit_until_done(
        lambda name: factories[name](),
        list(factories),
        Source(batches),
        limits,
        2,
        0,
        "t",
        **options,
    )


class Watched(Learner):
    """Remembers its log-odds at the end of every stage."""

    def __init__(self, network=None):
        super().__init__(Bias(0) if network is None else network, Recipe(Ramp), 0)
        self.ends = []

    def track_best(self, loss):
        self.ends.append(self.network.log_odds.item())
        super().track_best(loss)


class Knows(nn.Module):
    """Knows the label, which the first pixel shows, from a number of training steps on."""

    def __init__(self, after, strength):
        super().__init__()
        self.log_odds = nn.Parameter(torch.zeros(()))
        self.after, self.strength = after, strength
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, images):
        if self.training:
            self.steps += 1
        known = self.strength * float(self.steps >= self.after)
        sign = 2 * images[:, 0, 0, 0] - 1
        zero = 0 * self.log_odds * sign
        return torch.stack([zero, sign * known + zero], dim=1)


class Shown(Source):
    """Shows the label in the first pixel, wrongly for one validation image in four."""

    def query(self, split, number, seed):
        batch = batch_of([0, 1] * 200)
        batch.images[:, :, 0, 0] = batch.attributes.float()
        batch.images[::4, :, 0, 0] = 1 - batch.attributes[::4].float()
        return iter([batch])

    def labels(self, split):
        return torch.tensor([[0], [1]] * 200)


def losses_with(mean, noise=0.0):
    pattern = torch.tensor([1.0, -1.0]).repeat(50).double()
    return mean + noise * pattern


class Breaks(Ramp):
    """Makes weights nan if the learning rate is above a limit."""

    limit = 0.75

    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data *= torch.nan if group["lr"] > self.limit else 1


class BreaksAlways(Breaks):
    limit = 0


def watched(optimizer):
    def make():
        learner = Watched()
        learner.recipe = Recipe(optimizer)
        return learner

    return make
