"""What discriminators, fixed classifiers and adversaries have in common."""

from __future__ import annotations

from torch import Tensor, nn


class Classifier(nn.Module):
    """Features of images, then one linear layer; logits in the images' precision.

    Args:
        body: images [B, C, H, W] to features [B, num_features].
        num_features: size of the features.
        num_classes: size of the output.
    """

    def __init__(self, body: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(num_features, num_classes)
        self.num_classes = num_classes

    def features(self, images: Tensor) -> Tensor:
        """[B, C, H, W] to [B, num_features]."""
        features: Tensor = self.body(images)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] to [B, num_classes], in the precision of ``images`` also under autocast."""
        logits: Tensor = self.head(self.features(images))
        return logits.to(images.dtype)
