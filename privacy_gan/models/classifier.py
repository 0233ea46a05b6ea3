"""Base class of discriminators, fixed classifiers and adversaries."""

from __future__ import annotations

from torch import Tensor, nn


class Classifier(nn.Module):
    """A feature extractor followed by a linear layer.

    Args:
        body: maps images [B, C, H, W] to features [B, num_features].
        num_features: number of features.
        num_classes: number of logits.
    """

    def __init__(self, body: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(num_features, num_classes)
        self.num_classes = num_classes

    def features(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to features [B, num_features]."""
        features: Tensor = self.body(images)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to logits [B, num_classes].

        The logits have the dtype of ``images``, even under autocast.
        """
        logits: Tensor = self.head(self.features(images))
        return logits.to(images.dtype)
