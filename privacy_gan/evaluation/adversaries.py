"""Adversaries: learn to predict the sensitive attribute from censored images and true labels.

Functions in this file create adversaries. Their first arguments come from the configuration, the
others from the judge:

    factory(num_classes=C, column=COLUMN_OF_S, fixed=FIXED_CLASSIFIER_OF_S) -> Learner

``fixed`` is None if there are no original images to train it on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.evaluation.component_adversaries import ComponentLearner, KernelRidgeLearner
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.pretrained import PretrainedLearner
from privacy_gan.evaluation.source import CensoredBatch
from privacy_gan.models.classifier import Classifier

# the adversaries that cannot be created without original images
NEED_ORIGINALS = tuple(
    f"{__name__}.{name}" for name in ("from_fixed_classifier", "inversion", "restoration")
)


def from_scratch(
    network: Callable[[int], nn.Module],
    recipe: Recipe,
    num_classes: int,
    column: int,
    fixed: Classifier | None,
) -> Learner:
    """Return an adversary trained from scratch; with a ResNet-10, the paper's adversary."""
    del fixed
    return Learner(network(num_classes), recipe, column)


def on_components(
    network: Callable[[int], nn.Module],
    recipe: Recipe,
    num_classes: int,
    column: int,
    fixed: Classifier | None,
) -> Learner:
    """Return an adversary that sees the leading principal components of censored images."""
    del fixed
    return ComponentLearner(network(num_classes), recipe, column)


def kernel_ridge(
    components: int, landmarks: int, num_classes: int, column: int, fixed: Classifier | None
) -> Learner:
    """Return kernel ridge regression on principal components, in closed form."""
    del fixed
    return KernelRidgeLearner(components, landmarks, num_classes, column)


def pretrained(
    weights: str | Path,
    weights_key: str,
    recipe: Recipe,
    num_classes: int,
    column: int,
    fixed: Classifier | None,
) -> Learner:
    """Return an adversary that starts from a file's weights; the key identifies their content."""
    del weights_key, fixed
    return PretrainedLearner(Path(weights), recipe, num_classes, column)


def from_fixed_classifier(
    recipe: Recipe, num_classes: int, column: int, fixed: Classifier
) -> Learner:
    """Return an adversary that is initialized with the fixed classifier of s."""
    del num_classes
    return Learner(deepcopy(fixed), recipe, column)


def inversion(
    network: Callable[[int], nn.Module],
    recipe: Recipe,
    num_classes: int,
    column: int,
    fixed: Classifier,
) -> Learner:
    """Return the attack from the paper's discussion (section 6)."""
    return Inversion(network(2), recipe, column, fixed, num_classes)


class Inversion(Learner):
    """Classifies images as changed or unchanged, and infers s from that and from what they show.

    The fixed classifier predicts which value v of the attribute an image shows. The adversary
    learns whether the attribute was changed, v != s. If not, s is v. If so, s has the distribution
    that it has among the changed training images that show v (with two classes: the other class).

    Args:
        network: maps images to logits of unchanged and changed.
        recipe: the training recipe.
        column: the attribute's column in ``CensoredBatch.attributes``.
        fixed: the fixed classifier of s, which stays fixed.
        num_classes: number of values of s.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        column: int,
        fixed: Classifier,
        num_classes: int,
    ) -> None:
        super().__init__(network, recipe, column)
        self.fixed = fixed
        # number of changed training images that show v and have s, [v, s], plus a pseudo-count of 1
        self.changed_counts = torch.ones(num_classes, num_classes).fill_diagonal_(0)

    def to(self, device: torch.device) -> None:
        """Move the networks and counts to a device."""
        super().to(device)
        self.changed_counts = self.changed_counts.to(device)

    def export_weights(self) -> dict[str, Any]:
        """Return the weights that prediction needs, including the fixed classifier's."""
        more = {"changed_counts": self.changed_counts, "fixed": self.fixed.state_dict()}
        return {**super().export_weights(), **more}

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """Load exported weights, for prediction only."""
        super().load_weights(weights)
        self.changed_counts = weights["changed_counts"].to(self.changed_counts.device)
        self.fixed.load_state_dict(weights["fixed"])
        self.fixed.eval().requires_grad_(False)

    def state_dict(self) -> dict[str, Any]:
        """Return the training state, including the counts."""
        return {**super().state_dict(), "changed_counts": self.changed_counts}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a saved training state."""
        super().load_state_dict(state_dict)
        self.changed_counts = state_dict["changed_counts"].to(self.changed_counts.device)

    def loss(self, batch: CensoredBatch) -> Tensor:
        """Return the cross-entropy of classifying images as changed or unchanged."""
        shown = self.predict_shown(batch.images)
        sensitive = batch.attributes[:, self.column]
        changed = shown != sensitive
        counted = changed.to(self.changed_counts.dtype)  # 0 for unchanged images
        self.changed_counts.index_put_((shown, sensitive), counted, accumulate=True)
        return F.cross_entropy(self.network(batch.images), changed.long())

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Return log p(s | image), [B, C]."""
        shown = self.predict_shown(images)
        unchanged, changed = F.softmax(self.network(images).float(), dim=1).unbind(dim=1)
        if_changed = self.changed_counts / self.changed_counts.sum(dim=1, keepdim=True)
        if_unchanged = torch.eye(len(if_changed), device=images.device)
        probabilities = (
            unchanged[:, None] * if_unchanged[shown] + changed[:, None] * if_changed[shown]
        )
        return probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()

    def predict_shown(self, images: Tensor) -> Tensor:
        """Return the class that the fixed classifier predicts for each image, [B]."""
        with torch.no_grad():
            shown: Tensor = self.fixed(images).argmax(dim=1)
        return shown


def restoration(
    network: Callable[[], nn.Module],
    recipe: Recipe,
    num_classes: int,
    column: int,
    fixed: Classifier,
) -> Learner:
    """Return an adversary that restores the original image and then classifies it."""
    del num_classes
    return Restoration(Restorer(network(), deepcopy(fixed)), recipe, column)


class Restorer(nn.Module):
    """A network that restores original images, followed by a classifier.

    Args:
        restoring: maps censored images to original images, both [B, 3, H, W] in [0, 1].
        classifier: classifier of s in original images.
    """

    def __init__(self, restoring: nn.Module, classifier: Classifier) -> None:
        super().__init__()
        self.restoring = restoring
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Map censored images to logits, [B, C]."""
        logits: Tensor = self.classifier(self.restoring(images))
        return logits


class Restoration(Learner):
    """Learns to restore the original images and, at the same time, to classify its restorations.

    Args:
        network: both networks.
        recipe: the training recipe.
        column: the attribute's column in ``CensoredBatch.attributes``.
    """

    def __init__(self, network: Restorer, recipe: Recipe, column: int) -> None:
        super().__init__(network, recipe, column)
        self.restorer = network

    def loss(self, batch: CensoredBatch) -> Tensor:
        """Return the sum of the restoration error and the cross-entropy of the classifier.

        The classifier's gradient does not reach the restoration.
        """
        restored = self.restorer.restoring(batch.images)
        logits = self.restorer.classifier(restored.detach())
        return F.mse_loss(restored, batch.original) + F.cross_entropy(
            logits, batch.attributes[:, self.column]
        )
