"""The strongest adversary is chosen on validation images, never on test images."""

from contextlib import nullcontext

import pytest
import torch
from planted import LightAndDark, judge_in, observations_of
from torch import nn

from privacy_gan.evaluation.adversaries import from_scratch
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.saved_adversary import describe_strongest
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.privatizers.identity import Identity
from privacy_gan.runs.evaluation import STACK

CPU = Compute(torch.device("cpu"), nullcontext)


class OnOneSide(MechanismSource):
    """Shows s on both sides in training, on the left in validation and on the right in test."""

    def query(self, split, number, seed):
        for batch in super().query(split, number, seed):
            images = batch.images.clone()
            hidden = slice(8, None) if split == "valid" else slice(None, 8)
            images[..., hidden] = 0.5
            yield batch._replace(images=images)


def quick(parameters):
    return torch.optim.Adam(parameters, lr=0.1)


class Half(nn.Module):
    def __init__(self, columns):
        super().__init__()
        self.columns = columns

    def forward(self, images):
        return images[..., self.columns].mean(dim=(2, 3))


def looking_at(columns):
    def factory(**task):
        def network(num_classes):
            return Classifier(nn.Sequential(Half(columns), nn.BatchNorm1d(3)), 3, num_classes)

        return from_scratch(network=network, recipe=Recipe(quick), **task)

    return factory


def test_the_judge_reports_the_adversary_that_is_best_on_validation_images(tmp_path):
    data = LightAndDark(train=256, valid=128, test=128)
    data.setup()
    adversaries = {"left": looking_at(slice(None, 8)), "right": looking_at(slice(8, None))}
    judge = judge_in(tmp_path, adversaries=adversaries, queries=[1], resamples=50)
    found = judge.judge(OnOneSide(Identity(), data, CPU), "Light", 0.01, 32).evaluation
    scores = {each.adversary: each for each in found.adversaries}
    assert scores["left"].valid["accuracy"] > 0.9 > 0.7 > scores["right"].valid["accuracy"]
    assert scores["right"].test["accuracy"].value > 0.9
    # their stack was fitted on validation images: it looks at the left, too
    assert scores["stack"].valid["accuracy"] > 0.9
    assert scores["stack"].test["accuracy"].value < 0.7
    assert {winner.adversary for winner in found.strongest.values()} <= {"left", "stack"}
    reported = found.measures["privacy_loss"].censored
    winner = found.strongest["accuracy"].adversary
    assert reported == scores[winner].test["accuracy"]
    assert reported.value < 0.7


def test_the_saved_adversary_is_best_on_validation_images_and_records_its_test_accuracy():
    labels = torch.tensor([0, 1] * 20)
    knows = torch.nn.functional.one_hot(labels, 2).double() * 0.8 + 0.1
    guess = torch.tensor([[0.6, 0.4]], dtype=torch.float64).expand(40, 2)
    probabilities = {
        "best on validation": {"valid": knows[None], "test": guess[None]},
        "best on test": {"valid": guess[None], "test": knows[None]},
    }
    found = describe_strongest(observations_of(probabilities, labels), labels, {}, probabilities)
    assert found["adversary"] == "best on validation"
    assert found["accuracy"][0] == pytest.approx(0.5)


def test_the_saved_adversary_is_not_the_stack():
    labels = torch.tensor([0, 1] * 20)
    knows = torch.nn.functional.one_hot(labels, 2).double() * 0.8 + 0.1
    guess = torch.tensor([[0.6, 0.4]], dtype=torch.float64).expand(40, 2)
    probabilities = {
        name: dict.fromkeys(("valid", "test"), each[None])
        for name, each in (("single", guess), (STACK, knows))
    }
    found = describe_strongest(observations_of(probabilities, labels), labels, {}, ["single"])
    assert found["adversary"] == "single"
