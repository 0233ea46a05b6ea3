"""Training of adversaries and fixed classifiers: best epochs, learning rates, augmentation."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from privacy_gan.evaluation.augmentation import random_flip_and_shift, shift
from privacy_gan.evaluation.fitting import fit_all
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import CensoredBatch
from privacy_gan.hardware import Compute

CPU = Compute(torch.device("cpu"), nullcontext)


class Bias(nn.Module):
    """Predicts the same log-odds for every image and counts training steps, as batch norm does."""

    def __init__(self, value):
        super().__init__()
        self.log_odds = nn.Parameter(torch.tensor(float(value)))
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, images):
        if self.training:
            self.steps += 1
        ones = images.new_ones(len(images))
        return torch.stack([0 * ones, self.log_odds * ones], dim=1)


class Ramp(torch.optim.Optimizer):
    """Adds its learning rate to every parameter, whatever the gradient, and records it."""

    def __init__(self, parameters, lr=1.0):
        super().__init__(parameters, {"lr": lr})
        self.rates = []

    def step(self, closure=None):
        for group in self.param_groups:
            self.rates.append(group["lr"])
            for parameter in group["params"]:
                parameter.data += group["lr"]


def batch_of(labels):
    images = torch.rand(len(labels), 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return CensoredBatch(images, images, torch.tensor(labels)[:, None], None)


class Source:
    """Yields batches of two training images and one batch of four validation images."""

    compute = CPU

    def __init__(self, batches):
        self.batches = batches
        self.datamodule = self

    def rows(self, split):
        return range(2 * self.batches)

    def persons(self, split):
        return None

    def labels(self, split):
        return torch.tensor([[0], [1], [0], [1]])

    def training_epoch(self, epoch, batch_size, seed, start=0):
        return iter([batch_of([0, 1])] * (self.batches - start))

    def query(self, split, number, seed):
        return iter([batch_of([0, 1, 0, 1])])


def learn(learners, epochs, batches=1, seed=0):
    fit_all(learners, Source(batches), epochs, 2, seed, "test")


def test_each_learner_ends_at_its_own_best_epoch_by_validation_loss():
    # half of the validation images are of each class, so log-odds of 0 are best
    late, early = Bias(-4), Bias(-2)
    learn({"late": Learner(late, Recipe(Ramp), 0), "early": Learner(early, Recipe(Ramp), 0)}, 6)
    assert (late.log_odds.item(), late.steps.item()) == (0, 4)
    assert (early.log_odds.item(), early.steps.item()) == (0, 2)


def test_networks_are_frozen_after_training():
    learner = Learner(Bias(-1), Recipe(Ramp), 0)
    learn({"one": learner}, 2)
    assert learner.best_loss == pytest.approx(0.6931, abs=1e-4)
    assert not learner.network.training
    assert not learner.network.log_odds.requires_grad


def test_learning_rates_are_constant_or_follow_a_cosine():
    optimizers = []

    def ramp(parameters):
        optimizers.append(Ramp(parameters))
        return optimizers[-1]

    learners = {
        "constant": Learner(Bias(0), Recipe(ramp), 0),
        "annealed": Learner(Bias(0), Recipe(ramp, annealed=True), 0),
    }
    learn(learners, epochs=2, batches=2)
    assert optimizers[0].rates == [1, 1, 1, 1]
    # (1 + cos(pi step / 4)) / 2
    assert optimizers[1].rates == pytest.approx([1, 0.8536, 0.5, 0.1464], abs=1e-4)


class Recording(Learner):
    def loss(self, batch):
        self.batch = batch
        return super().loss(batch)


def test_only_recipes_with_augmentation_augment_and_all_in_the_same_way():
    plain = Recording(Bias(0), Recipe(Ramp), 0)
    augmented = [Recording(Bias(0), Recipe(Ramp, augmented=True), 0) for _ in range(2)]
    learn({"plain": plain, "a": augmented[0], "b": augmented[1]}, 1)
    images = batch_of([0, 1]).images
    assert torch.equal(plain.batch.images, images)
    assert not torch.equal(augmented[0].batch.images, images)
    assert torch.equal(augmented[0].batch.images, augmented[1].batch.images)
    # a censored image and its original get the same transform
    assert torch.equal(augmented[0].batch.images, augmented[0].batch.original)
    again = Recording(Bias(0), Recipe(Ramp, augmented=True), 0)
    learn({"again": again}, 1, seed=1)
    assert not torch.equal(again.batch.images, augmented[0].batch.images)


def test_shifts_are_by_whole_pixels_and_repeat_edge_pixels():
    image = torch.arange(9.0).view(1, 1, 3, 3)
    down, right = torch.tensor([1]), torch.tensor([-1])
    expected = [[1, 2, 2], [1, 2, 2], [4, 5, 5]]
    assert shift(image, down, right)[0, 0].tolist() == expected
    back = [[3, 3, 4], [6, 6, 7], [6, 6, 7]]
    assert shift(image, -down, -right)[0, 0].tolist() == back


def test_half_of_the_images_are_flipped_and_shifts_are_bounded():
    row = torch.arange(64.0).expand(400, 1, 64, 64)
    batch = CensoredBatch(row, row, torch.zeros(400, 1).long(), None)
    moved = random_flip_and_shift(batch, torch.Generator().manual_seed(0)).images
    centres = moved[:, 0, 0, 30:34]
    flipped = centres[:, 0] > centres[:, 1]
    assert 150 < int(flipped.sum()) < 250
    places = torch.where(flipped, 63 - centres[:, 0], centres[:, 0]) - 30
    assert set(places[~flipped].tolist()) == set(range(-4, 5))  # a sixteenth of 64
    assert set(places.tolist()) == set(range(-4, 5))
