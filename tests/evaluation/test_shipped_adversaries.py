"""Every shipped adversary, as configured, against known leaks."""

from contextlib import nullcontext
from copy import deepcopy

import pytest
import torch
from planted import ChangedWithATrace, LightAndDark

from privacy_gan.config import instantiate
from privacy_gan.evaluation.adversaries import from_fixed_classifier
from privacy_gan.evaluation.fitting import fit_all
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.source import CensoredBatch, MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.models.mlp import mlp_classifier
from privacy_gan.models.resnet import resnet10
from privacy_gan.privatizers.base import Censored, Privatizer

CPU = Compute(torch.device("cpu"), nullcontext)
SIZE = 32
# in test_component_adversaries.py and test_pretrained.py
TESTED_ELSEWHERE = ["pca_mlp", "kernel_ridge", "pretrained"]
# the adversaries that must find the faint leak, and the epochs that are enough for it
FROM_DIMMED = {"resnet10": 2, "resnet18": 4, "fixed_classifier": 2, "convnext": 2, "restoration": 2}


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


class Dimmed(Privatizer):
    """Removes most of the lightness; adversaries must learn to see the rest."""

    def draw(self, images, rng):
        return {"noise": 0.1 * torch.rand(images.shape, generator=rng)}

    def forward(self, images, draws):
        return Censored((0.2 * images + 0.4 + draws["noise"]).clamp(0, 1), None)


class Darkened(Privatizer):
    """Halves the lightness."""

    def forward(self, images, draws):
        return Censored(images / 2, None)


@pytest.fixture(scope="module")
def data():
    module = LightAndDark(train=512, valid=128, test=256, size=SIZE)
    module.setup()
    return module


@pytest.fixture(scope="module")
def fixed(data):
    """Return a fixed classifier of lightness, trained on original images."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = resnet10(2)
    optimizer = adam(network.parameters())
    source = MechanismSource(Dimmed(), data, CPU)
    for batch in source.training_epoch(0, batch_size=16, seed=0):
        loss = torch.nn.functional.cross_entropy(network(batch.original), batch.attributes[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


def shipped(tiny, name):
    """Return the factory of a shipped adversary from conf/judge/standard.yaml."""
    config = tiny("judge=standard", f"image_size={SIZE}")
    return instantiate(config.judge.adversaries[name])


def accuracy_of(factory, mechanism, data, fixed, epochs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adversary = factory(num_classes=2, column=0, fixed=fixed)
    source = MechanismSource(mechanism, data, CPU)
    fit_all({"one": adversary}, source, epochs, 16, 0, "test")
    correct = [
        adversary.log_probabilities(batch.images).argmax(dim=1) == batch.attributes[:, 0]
        for batch in source.query("test", 0, 0)
    ]
    return float(torch.cat(correct).double().mean())


def test_all_shipped_adversaries_are_tested(tiny):
    names = set(tiny("judge=standard", f"image_size={SIZE}").judge.adversaries)
    assert names == {*FROM_DIMMED, "inversion", *TESTED_ELSEWHERE}


@pytest.mark.parametrize("name", FROM_DIMMED)
def test_shipped_adversaries_find_a_faint_leak(name, tiny, data, fixed):
    epochs = FROM_DIMMED[name]
    assert accuracy_of(shipped(tiny, name), Dimmed(), data, fixed, epochs) > 0.9


def test_the_shipped_inversion_finds_a_change_that_leaves_a_trace(tiny, data, fixed):
    assert accuracy_of(shipped(tiny, "inversion"), ChangedWithATrace(), data, fixed, 3) > 0.9


def test_the_warm_start_predicts_as_the_fixed_classifier_and_does_not_change_it(data, fixed):
    adversary = from_fixed_classifier(Recipe(adam), num_classes=2, column=0, fixed=fixed)
    adversary.network.eval()
    before = deepcopy(fixed.state_dict())
    source = MechanismSource(Dimmed(), data, CPU)
    batch = next(source.query("valid", 0, 0))
    torch.testing.assert_close(
        adversary.log_probabilities(batch.original), fixed(batch.original).log_softmax(dim=1)
    )
    adversary.network.train().requires_grad_(True)
    adversary.start_training()
    adversary.training_step(batch, CPU)
    torch.testing.assert_close(fixed.state_dict(), before)
    assert not torch.equal(adversary.network.head.weight, fixed.head.weight)


def test_restoration_reduces_the_distance_to_the_original_images(tiny, data, fixed):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adversary = shipped(tiny, "restoration")(num_classes=2, column=0, fixed=fixed)
    source = MechanismSource(Darkened(), data, CPU)
    fit_all({"one": adversary}, source, 2, 16, 0, "test")
    batch = next(source.query("test", 0, 0))
    restored = adversary.restorer.restoring(batch.images)
    before = (batch.images - batch.original).square().mean()
    after = (restored - batch.original).square().mean()
    assert after < 0.5 * before  # the mean colour would reach three quarters


def numbers(rng):
    """Return a batch of numbers, 97.8 % of which have the sign of their class."""
    classes = torch.randint(2, (256, 1), generator=rng)
    values = (2 * classes - 1) * 2**0.5 + 0.7 * torch.randn(256, 1, generator=rng)
    images = values[:, :, None, None]
    return CensoredBatch(images, images, classes, None)


@pytest.mark.parametrize("name", ["mlp", "wide_mlp"])
def test_the_adversaries_for_gaussian_toy_data_learn(name, tiny):
    config = tiny(preset=["experiment=gaussian"], cached=False)
    factory = instantiate(config.judge.adversaries[name])
    adversary = factory(num_classes=2, column=0, fixed=mlp_classifier(2))
    adversary.start_training()
    rng = torch.Generator().manual_seed(0)
    for _ in range(200):
        adversary.training_step(numbers(rng), CPU)
    batch = numbers(rng)
    correct = adversary.log_probabilities(batch.images).argmax(dim=1) == batch.attributes[:, 0]
    assert correct.double().mean() > 0.9
