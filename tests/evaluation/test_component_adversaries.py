"""Adversaries on principal components find leaks that are spread over all of an image."""

from contextlib import nullcontext
from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from planted import LightAndDark, Planted

from privacy_gan.config import instantiate
from privacy_gan.evaluation.component_adversaries import COMPONENT_IMAGES, first_batches
from privacy_gan.evaluation.halving import Limits, fit_until_done
from privacy_gan.evaluation.learning import predict_queries
from privacy_gan.evaluation.source import CensoredBatch, MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Censored, Privatizer

CPU = Compute(torch.device("cpu"), nullcontext)
NAMES = ["pca_mlp", "kernel_ridge"]


class InAPattern(Planted):
    """Noise and a faint random pattern over the whole image, whose size is larger if s is 1."""

    def draw(self, images, rng):
        return {**super().draw(images, rng), "size": torch.rand(len(images), generator=rng)}

    def render(self, light, noise, size):
        rng = torch.Generator().manual_seed(0)
        pattern = torch.randint(2, noise.shape[1:], generator=rng) * 2.0 - 1
        return 0.25 + noise / 2 + 0.05 * (size / 2 + light)[:, None, None, None] * pattern


class Constant(Privatizer):
    """Returns grey images."""

    def forward(self, images, draws):
        return Censored(torch.full_like(images, 0.5), None)


class Broken(Privatizer):
    """Returns images with a value that is not finite."""

    def forward(self, images, draws):
        broken = images.clone()
        broken[0, 0, 0, 0] = torch.nan
        return Censored(broken, None)


class InMemory:
    """A source of given images and classes, all of them in training."""

    compute = CPU

    def __init__(self, images, classes):
        self.images = images
        self.classes = classes

    def training_epoch(self, epoch, batch_size, seed, start=0):
        for images, classes in zip(
            self.images.split(batch_size), self.classes.split(batch_size), strict=True
        ):
            yield CensoredBatch(images, images, classes[:, None], None)


@pytest.fixture(scope="module")
def data():
    module = LightAndDark(train=512, valid=128, test=256, size=8)
    module.setup()
    return module


@pytest.fixture
def create(tiny):
    """Return a function that creates a shipped adversary."""

    def create_shipped(name, num_classes=2):
        factory = instantiate(tiny("judge=standard").judge.adversaries[name])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return factory(num_classes=num_classes, column=0, fixed=None)

    return create_shipped


def trained(create, name, mechanism, data, epochs=4):
    """Return the adversary after its training, {} if it was excluded, and its accuracy."""
    source = MechanismSource(mechanism, data, CPU)
    found = fit_until_done(create, [name], source, Limits(epochs), 32, 0, "test")
    if not found:
        return None, None
    learner = found[name].learner
    probabilities = predict_queries({name: learner}, source, "test", 1, 0)[name][0]
    labels = data.labels("test")[:, 0]
    return learner, float((probabilities.argmax(dim=1) == labels).double().mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_faint_pattern_is_found(name, create, data):
    _, accuracy = trained(create, name, InAPattern(), data)
    assert accuracy > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_in_constant_images(name, create, data):
    learner, accuracy = trained(create, name, Constant(), data, epochs=1)
    assert accuracy == pytest.approx(0.5, abs=0.1)
    predicted = learner.log_probabilities(torch.full((2, 3, 8, 8), 0.5)).exp()
    torch.testing.assert_close(predicted, torch.full((2, 2), 0.5), atol=0.2, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_images_that_are_not_finite_exclude_it(name, create, data):
    assert trained(create, name, Broken(), data, epochs=1) == (None, None)


@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("name", NAMES)
def test_three_classes_and_other_sizes(name, size, create, monkeypatch):
    monkeypatch.setattr("privacy_gan.models.principal_components.MAX_SIDE", 16)  # faster than 32
    rng = torch.Generator().manual_seed(0)
    classes = torch.randint(3, (400,), generator=rng)
    tint = torch.nn.functional.one_hot(classes, 3)[:, :, None, None]
    images = (torch.rand(400, 3, size, size, generator=rng) + tint) / 2
    learner = create(name, num_classes=3)
    learner.prepare(InMemory(images[:300], classes[:300]), 32, 0)
    if learner.trained_by_gradient:
        learner.start_training()
        for _ in range(3):
            for batch in InMemory(images[:300], classes[:300]).training_epoch(0, 50, 0):
                learner.training_step(batch, CPU)
    learner.network.eval()
    predicted = learner.log_probabilities(images[300:]).exp()
    assert (predicted.argmax(dim=1) == classes[300:]).double().mean() > 0.95
    torch.testing.assert_close(predicted.sum(dim=1), torch.ones(100))


@pytest.mark.parametrize("name", NAMES)
def test_numbers(name, create):
    rng = torch.Generator().manual_seed(0)
    classes = torch.randint(2, (600,), generator=rng)
    numbers = (4.0 * classes + torch.randn(600, generator=rng)).view(-1, 1, 1, 1)
    learner = create(name)
    learner.prepare(InMemory(numbers, classes), 32, 0)
    predicted = learner.log_probabilities(numbers)
    assert predicted.isfinite().all()
    if name == "kernel_ridge":
        assert (predicted.argmax(dim=1) == classes).double().mean() > 0.95
        loss = torch.nn.functional.nll_loss(predicted, classes)
        assert loss < 0.12  # 0.08 with the true log-odds


@pytest.mark.parametrize("name", NAMES)
def test_preparing_is_deterministic_and_depends_on_the_seed(name, create, data):
    def prepared(seed):
        learner = create(name)
        learner.prepare(MechanismSource(InAPattern(), data, CPU), 32, seed)
        return learner.export_weights()["network"]

    first, again, other = prepared(0), prepared(0), prepared(1)
    assert all(torch.equal(first[key], again[key]) for key in first)
    directions = next(key for key in first if key.endswith("directions"))
    assert not torch.equal(first[directions], other[directions])


@pytest.mark.parametrize("name", NAMES)
def test_exported_weights_predict_the_same(name, create, data):
    learner = create(name)
    learner.prepare(MechanismSource(InAPattern(), data, CPU), 32, 0)
    learner.network.eval()
    other = create(name)
    other.load_weights(learner.export_weights())
    images = torch.rand(5, 3, 8, 8)
    assert torch.equal(other.log_probabilities(images), learner.log_probabilities(images))


def test_the_mlp_resumes_from_a_checkpoint(create, data):
    source = MechanismSource(InAPattern(), data, CPU)
    batches = list(source.training_epoch(0, 32, 0))
    learner = create("pca_mlp")
    learner.prepare(source, 32, 0)
    learner.start_training()
    learner.training_step(batches[0], CPU)
    other = create("pca_mlp")
    other.start_training()
    other.resume(deepcopy(learner.checkpoint()))
    for each in (learner, other):
        torch.manual_seed(0)  # of the dropout
        each.training_step(batches[1], CPU)
    first, second = learner.export_weights()["network"], other.export_weights()["network"]
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_kernel_ridge_regression_has_no_parameters_to_train(create):
    learner = create("kernel_ridge")
    assert not learner.trained_by_gradient
    assert not list(learner.network.parameters())


def test_kernel_ridge_regression_sees_training_images_only(create, data):
    source = MechanismSource(InAPattern(), data, CPU)
    learner = create("kernel_ridge")
    learner.prepare(SimpleNamespace(training_epoch=source.training_epoch), 32, 0)
    assert len(learner.regression.landmarks) == len(data.rows("train")) - 512 // 5


def test_only_as_many_images_are_read_as_needed():
    classes = torch.zeros(1000, dtype=torch.long)
    source = InMemory(torch.zeros(1000, 3, 1, 1), classes)
    assert sum(len(batch.images) for batch in first_batches(source, 300, 0)) == 512
    assert sum(len(batch.images) for batch in first_batches(source, COMPONENT_IMAGES, 0)) == 1000
