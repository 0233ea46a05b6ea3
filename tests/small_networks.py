"""A classifier with few parameters, whose gradients take no time to be sent between processes."""

from __future__ import annotations

from torch import nn

from privacy_gan.models.classifier import Classifier

# in place of both discriminators; to be used with tests/ on the path
SMALL = [
    "networks.filter_discriminator._target_=small_networks.classifier",
    "networks.generator_discriminator._target_=small_networks.classifier",
]


def classifier(num_classes, weights=None):
    assert weights is None
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return Classifier(body, 8, num_classes)
