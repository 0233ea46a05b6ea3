"""The trade-off on the validation split, worked by hand."""

import math
from types import SimpleNamespace

import pytest
import torch

from privacy_gan.evaluation.predictions import AdversaryPredictions, Prediction
from privacy_gan.evaluation.validation import (
    normalize,
    normalized_gain,
    normalized_utility,
    trade_off,
)
from privacy_gan.hardware import Compute, choose_compute


def predictions(valid):
    # the test predictions are empty, since they must not be used
    return AdversaryPredictions("one", 1, {"accuracy": Prediction(valid, torch.empty(0), "")})


def test_the_gain_is_normalized_by_the_gain_on_original_images():
    labels = torch.tensor([0, 0, 1, 1, 1])
    frequencies = torch.tensor([0.3, 0.7], dtype=torch.float64)  # always 1: three of five
    gain = normalized_gain(predictions(0.7), predictions(0.8), frequencies, labels)
    assert gain == pytest.approx(0.5)
    assert math.isnan(normalized_gain(predictions(0.7), predictions(0.6), frequencies, labels))


class Sees(torch.nn.Module):
    """Predicts one channel of a pixel as the class."""

    def __init__(self, channel):
        super().__init__()
        self.channel = channel

    def forward(self, images):
        bright = images[:, self.channel, 0, 0]
        return torch.stack([1 - bright, bright], dim=1)


def test_utility_is_normalized_by_the_utility_of_original_images():
    truth = torch.tensor([[0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 1]])
    original = torch.zeros(4, 3, 1, 1)
    original[:, :, 0, 0] = truth.float()
    censored = original.clone()
    censored[0, 1] = 1  # now one of four is wrong in the first utility attribute
    censored[:, 2] = 0  # and three of the second
    batches = [
        SimpleNamespace(images=censored[part], original=original[part], attributes=truth[part])
        for part in (slice(0, 3), slice(3, 4))
    ]
    source = SimpleNamespace(
        query=lambda split, number, seed: iter(batches) if split == "valid" else None,
        compute=choose_compute("cpu", "32-true"),
        datamodule=SimpleNamespace(column=["S", "A", "B"].index, rows=lambda split: range(4)),
    )
    assert isinstance(source.compute, Compute)
    classifiers = {name: SimpleNamespace(network=Sees("SAB".index(name))) for name in "SAB"}
    train = {"A": torch.tensor([1, 1, 0]), "B": torch.tensor([1, 1, 0])}
    found = normalized_utility(source, classifiers, ["A", "B"], train, seed=0)
    # always 1: 3/4 and 3/4; original: 1 and 1; censored: 3/4 and 1/4
    assert found == pytest.approx((0.5 - 0.75) / (1 - 0.75))
    assert math.isnan(normalized_utility(source, classifiers, [], train, seed=0))


def test_censoring_nothing_and_removing_everything_have_trade_off_0():
    assert trade_off(1.0, 1.0)["trade_off"] == trade_off(0.0, 0.0)["trade_off"] == 0
    assert trade_off(0.25, 0.75)["trade_off"] == 0.5
    assert math.isnan(trade_off(0.25, math.nan)["trade_off"])
    assert normalize(3, 2, 4) == 0.5
