"""MLPs for scalars."""

import pytest
import torch

from privacy_gan.errors import UserError
from privacy_gan.models.mlp import NoisyMLP, mlp_classifier


def numbers(count=6):
    return torch.linspace(-3, 3, count).view(-1, 1, 1, 1)


def noise(network, count=6, seed=0):
    return torch.randn(count, network.noise_size, generator=torch.Generator().manual_seed(seed))


def test_output_is_input_plus_change():
    network = NoisyMLP(width=8)
    torch.nn.init.zeros_(network.change[-1].weight)
    torch.nn.init.constant_(network.change[-1].bias, 5.0)
    assert torch.equal(network(numbers(), noise(network)), numbers() + 5)


def test_change_depends_on_input_and_noise():
    network = NoisyMLP(width=8, noise_size=2)
    change = network(numbers(), noise(network)) - numbers()
    assert change.shape == (6, 1, 1, 1)
    assert not torch.equal(network(numbers(), noise(network, seed=1)) - numbers(), change)
    assert len(set((network(numbers(), torch.zeros(6, 2)) - numbers()).flatten().tolist())) == 6


def test_output_depends_on_the_class():
    network = NoisyMLP(width=8, num_classes=2)
    fixed_noise = noise(network)
    zero, one = (network(numbers(), fixed_noise, torch.full((6,), value)) for value in (0, 1))
    assert (zero != one).all()


def test_output_has_the_dtype_of_the_input_under_autocast():
    network, classifier = NoisyMLP(width=8), mlp_classifier(2, width=8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        censored = network(numbers(), noise(network))
        assert censored.dtype == torch.float32
        assert classifier(censored).dtype == torch.float32


def test_classifier_has_features_and_one_logit_per_class():
    classifier = mlp_classifier(3, width=8)
    assert classifier.features(numbers()).shape == (6, 8)
    assert classifier(numbers()).shape == (6, 3)
    assert classifier.num_classes == 3


def test_images_are_rejected():
    pictures = torch.zeros(2, 3, 16, 16)
    network = NoisyMLP(width=8)
    with pytest.raises(UserError, match="not of 3x16x16: set networks=unet"):
        network(pictures, noise(network, 2))
    with pytest.raises(UserError, match="not of 3x16x16"):
        mlp_classifier(2, width=8)(pictures)
