"""The Frechet distance between two sets of features."""

import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from privacy_gan.evaluation.metrics.frechet import frechet_distance, mean_frechet_distance


def normal(count, features, seed):
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed))


def test_the_distance_of_two_numbers_each():
    one, other = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [9.0]])
    # means 1 and 5, variances 2 and 32: 16 + (sqrt 2 - sqrt 32)^2 = 16 + 18
    assert frechet_distance(one, other) == pytest.approx(34)


def test_the_distance_of_a_set_to_itself_is_zero():
    features = normal(50, 8, 0)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)


def test_it_equals_the_distance_of_torchmetrics():
    class Flat(nn.Module):
        num_features = 12

        def forward(self, images):
            return images.flatten(1).float()

    one, other = (
        torch.rand(40, 3, 2, 2, generator=torch.Generator().manual_seed(s)) for s in (1, 2)
    )
    metric = FrechetInceptionDistance(feature=Flat(), normalize=True)
    metric.update(one, real=True)
    metric.update(other, real=False)
    found = frechet_distance(one.flatten(1), other.flatten(1))
    assert found == pytest.approx(metric.compute().item(), rel=1e-3)


def test_all_networks_have_the_same_weight():
    one, other = normal(60, 5, 1), normal(60, 5, 2) + 1
    expected = (
        frechet_distance(one[:, :2], other[:, :2]) + frechet_distance(one[:, 2:], other[:, 2:])
    ) / 2
    assert mean_frechet_distance([2, 3], one, other) == pytest.approx(expected)
