"""The inversion attack with three classes, worked by hand."""

import math

import pytest
import torch
from torch import nn

from privacy_gan.evaluation.adversaries import Inversion
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.source import CensoredBatch


class Constant(nn.Module):
    """Returns the same logits for every image."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images):
        return self.logits.expand(len(images), -1)


@pytest.fixture
def adversary():
    """Predicts a change with probability 3/4; its fixed classifier always predicts class 0."""
    network, fixed = Constant(0.0, math.log(3)), Constant(9.0, 0.0, 0.0)
    return Inversion(network, Recipe(torch.optim.Adam), 0, fixed, num_classes=3)


def probabilities_of_one_image(adversary):
    with torch.no_grad():
        return adversary.log_probabilities(torch.zeros(1, 3, 16, 16)).exp()[0].tolist()


def test_unchanged_images_show_the_attribute_and_changed_ones_any_other(adversary):
    assert probabilities_of_one_image(adversary) == pytest.approx([0.25, 0.375, 0.375])


def test_changed_images_are_assumed_to_hide_what_they_hid_in_training(adversary):
    attributes = torch.tensor([[1], [1], [2], [0], [1]])  # four changed images and one unchanged
    images = torch.zeros(5, 3, 16, 16)
    loss = adversary.loss(CensoredBatch(images, images, attributes, None))
    assert loss.item() == pytest.approx(-(4 * math.log(0.75) + math.log(0.25)) / 5)
    # one pseudo-count each, then three times class 1 and once class 2
    assert probabilities_of_one_image(adversary) == pytest.approx(
        [0.25, 0.75 * 4 / 6, 0.75 * 2 / 6]
    )
