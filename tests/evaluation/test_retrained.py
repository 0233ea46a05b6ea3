"""Utility measured by a classifier trained on censored images."""

from contextlib import nullcontext
from functools import partial

import pytest
import torch
from planted import LightAndDark, adam, judge_in, small_network
from torch import nn

from privacy_gan.errors import UserError
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.retrained import RetrainedClassifier, predicted_classes
from privacy_gan.evaluation.source import CensoredBatch, MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Censored, Privatizer

CPU = Compute(torch.device("cpu"), nullcontext)


class Cyan(Privatizer):
    """Inverts the red channel, which no original image does."""

    def forward(self, images, draws):
        red = torch.cat([1 - images[:, :1], images[:, 1:]], dim=1)
        return Censored(red, None)


def test_a_retrained_classifier_recognizes_what_looks_different_to_the_fixed_one(tmp_path):
    data = LightAndDark()
    data.setup()
    retrained = partial(RetrainedClassifier, small_network, Recipe(adam))
    judge = judge_in(tmp_path, queries=[1], retrained=retrained)
    found = judge.judge(MechanismSource(Cyan(), data, CPU), "Light", 0.01, 32).evaluation.measures
    assert found["utility/Red"].original.value > 0.9
    assert found["utility/Red"].censored.value < 0.6
    assert found["retrained_utility/Red"].original.value > 0.9
    assert found["retrained_utility/Red"].censored.value > 0.9
    assert found["retrained_utility_score"].censored == found["retrained_utility/Red"].censored
    assert (
        found["retrained_utility_score"].majority_baseline
        == found["utility_score"].majority_baseline
    )


class Constant(nn.Module):
    """Returns the same logits for every image."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images):
        return self.logits.expand(len(images), -1)


def test_one_network_predicts_attributes_of_two_and_three_classes():
    logits = torch.tensor([0.0, 2.0, 1.0, 0.0, -1.0])
    learner = RetrainedClassifier(
        lambda size: Constant(*logits[:size]), Recipe(adam), [2, 0], [2, 3]
    )
    batch = CensoredBatch(
        torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), torch.tensor([[0, 9, 1], [2, 9, 0]]), None
    )
    log_probabilities = learner.log_probabilities(batch.images)
    two, three = logits[:2].log_softmax(0), logits[2:].log_softmax(0)
    torch.testing.assert_close(log_probabilities[0], torch.cat([two, three]))
    expected = -(two[1] + three[0] + two[0] + three[2])  # by column 2, then by column 0
    torch.testing.assert_close(learner.summed_nll(batch), expected)
    torch.testing.assert_close(learner.loss(batch), expected / 4)
    assert [classes.tolist() for classes in predicted_classes(log_probabilities, [2, 3])] == [
        [1, 1],
        [0, 0],
    ]


def test_adversaries_cannot_be_named_retrained(tmp_path):
    with pytest.raises(UserError, match="retrained is reserved"):
        judge_in(tmp_path, adversaries={"retrained": lambda **task: None})
