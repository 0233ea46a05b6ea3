"""The judge on data whose optimum is known: adversaries neither below it nor far above."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from privacy_gan.data.gaussian import GaussianDataModule
from privacy_gan.evaluation.attackers import from_scratch
from privacy_gan.evaluation.censoring import Arithmetic
from privacy_gan.evaluation.classifiers import ClassifierSchool
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.optimum import (
    best_channel,
    gaussian_grid,
    gaussian_optimum,
    normal_cdf,
)
from privacy_gan.models.mlp import mlp_classifier
from privacy_gan.privatizers.base import Censored, Privatizer

ARITHMETIC = Arithmetic(torch.device("cpu"), nullcontext)
MU, SIGMA = 2**0.5, 0.7
BUDGETS = [0.1, 0.5, 1.0, 2.5]


class BestChannel(Privatizer):
    """The linear program's own mechanism: the nearest grid point, sent on by Q(x'|x)."""

    def __init__(self, budget):
        super().__init__()
        grid, joint = gaussian_grid(MU, SIGMA, points=61)
        self.grid = torch.from_numpy(grid)
        channel = torch.from_numpy(best_channel(grid, joint, budget)).clamp_min(0)
        self.cumulative = (channel / channel.sum(dim=1, keepdim=True)).cumsum(dim=1)

    def privatize(self, images, rng):
        nearest = (images.view(-1, 1).double() - self.grid).abs().argmin(dim=1)
        drawn = torch.rand(len(images), 1, generator=rng, dtype=torch.float64)
        sent = (self.cumulative[nearest] < drawn).sum(dim=1).clamp_max(len(self.grid) - 1)
        return Censored(self.grid[sent].float().view_as(images), None)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=3e-3)


def scratch(**task):
    return from_scratch(network=lambda classes: mlp_classifier(classes, 64), optimizer=adam, **task)


@pytest.fixture(scope="module")
def data():
    module = GaussianDataModule(8192, 2048, 8192, batch_size=256, seed=0)
    module.setup()
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("classifiers")


def one_query(privatizer, data, folder, epochs=10):
    school = ClassifierSchool(folder, mlp_classifier, adam, 2, 256, 0, settings="mlp")
    judge = Judge(school, [], {"mlp": scratch}, 0, epochs, 256, [1], 200)
    found = judge.judge(privatizer, data, "Sign", ARITHMETIC, 1.0, 256)
    return found.measures["privacy_loss"].censored, found.measures["distortion"].censored


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_best_mechanism_is_found_to_be_as_good_as_it_is_and_no_better(budget, data, folder):
    accuracy, distortion = one_query(BestChannel(budget), data, folder)
    (optimum,) = gaussian_optimum(MU, SIGMA, [budget])
    assert distortion.value == pytest.approx(budget, rel=0.06)
    # a weak adversary would be below; the grid's mechanism is as smooth as a comb, so that a
    # network may miss some of it
    half = (accuracy.high - accuracy.low) / 2
    assert accuracy.value >= optimum - 0.025 - half
    assert accuracy.value <= optimum + 2 * half


class AddNoise(Privatizer):
    """x + n, the simplest mechanism; known to be worse than the best."""

    def __init__(self, budget):
        super().__init__()
        self.deviation = budget**0.5

    def privatize(self, images, rng):
        return Censored(images + self.deviation * torch.randn(images.shape, generator=rng), None)


@pytest.mark.parametrize("budget", BUDGETS)
def test_added_noise_leaves_what_theory_says_which_is_more_than_the_optimum(budget, data, folder):
    accuracy, distortion = one_query(AddNoise(budget), data, folder)
    # the sign of x + n, of variance sigma^2 + budget around +-mu
    expected = normal_cdf(MU / (SIGMA**2 + budget) ** 0.5)
    half = (accuracy.high - accuracy.low) / 2
    assert accuracy.value == pytest.approx(expected, abs=2 * half)
    (optimum,) = gaussian_optimum(MU, SIGMA, [distortion.value])
    assert accuracy.high >= optimum
    assert np.isfinite(distortion.value)
