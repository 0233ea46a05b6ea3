"""Adversaries: each learns, from censored images and their true labels, to see through a mechanism.

An adversary is made by a function of this file; how it is made is configured, what it attacks is
said by the judge:

    make(num_classes=C, column=COLUMN_OF_S, fixed=FIXED_CLASSIFIER_OF_S) -> Learner

``fixed`` is None where there are no original images that it could have learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import CensoredBatch
from privacy_gan.models.classifier import Classifier

# what cannot be made without original images
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
    """Return an adversary trained from scratch; with ResNet-10 the paper's."""
    del fixed
    return Learner(network(num_classes), recipe, column)


def from_fixed_classifier(
    recipe: Recipe, num_classes: int, column: int, fixed: Classifier
) -> Learner:
    """Return an adversary that starts from the fixed classifier of s."""
    del num_classes
    return Learner(deepcopy(fixed), recipe, column)


def inversion(
    network: Callable[[int], nn.Module],
    recipe: Recipe,
    num_classes: int,
    column: int,
    fixed: Classifier,
) -> Learner:
    """Return the attack of the paper's discussion (section 6)."""
    return Inversion(network(2), recipe, column, fixed, num_classes)


class Inversion(Learner):
    """Tells changed from unchanged images, and from that and what they show, what they showed.

    The fixed classifier says which attribute v an image shows. The adversary learns whether s was
    changed, that is v != s: where not, s is v, and where so, s is as it was among the changed
    training images that show v (with two classes: the other one).

    Args:
        network: images to logits of unchanged and changed.
        recipe: how the network learns.
        column: the attribute's.
        fixed: the fixed classifier of s; not trained any further.
        num_classes: values of s.
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
        # how often s was seen in changed images that show v, [v, s]; one each to begin with
        self.changed_counts = torch.ones(num_classes, num_classes).fill_diagonal_(0)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        super().to(device)
        self.changed_counts = self.changed_counts.to(device)

    def export_weights(self) -> dict[str, Any]:
        """Return all that answering takes, the fixed classifier with it."""
        own = {"changed_counts": self.changed_counts, "fixed": self.fixed.state_dict()}
        return {**super().export_weights(), **own}

    def load_weights(self, learned: Mapping[str, Any]) -> None:
        """Be what another one was."""
        super().load_weights(learned)
        self.changed_counts = learned["changed_counts"].to(self.changed_counts.device)
        self.fixed.load_state_dict(learned["fixed"])
        self.fixed.eval().requires_grad_(False)

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on, the counts with it."""
        return {**super().state_dict(), "changed_counts": self.changed_counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be where another one was."""
        super().load_state_dict(state)
        self.changed_counts = state["changed_counts"].to(self.changed_counts.device)

    def loss(self, batch: CensoredBatch) -> Tensor:
        """Return the cross-entropy of telling changed from unchanged images."""
        visible = self.visible(batch.images)
        sensitive = batch.attributes[:, self.column]
        changed = visible != sensitive
        self.changed_counts.index_put_(
            (visible[changed], sensitive[changed]),
            torch.ones(int(changed.sum()), device=changed.device),
            accumulate=True,
        )
        return F.cross_entropy(self.network(batch.images), changed.long())

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Return log p(s | image), [B, C]."""
        visible = self.visible(images)
        unchanged, changed = F.softmax(self.network(images).float(), dim=1).unbind(dim=1)
        if_changed = self.changed_counts / self.changed_counts.sum(dim=1, keepdim=True)
        if_unchanged = torch.eye(len(if_changed), device=images.device)
        probabilities = (
            unchanged[:, None] * if_unchanged[visible] + changed[:, None] * if_changed[visible]
        )
        return probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()

    def visible(self, images: Tensor) -> Tensor:
        """Return what the images show, [B]."""
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
    """Return an adversary that first undoes the censoring, then classifies."""
    del num_classes
    return Restoration(Restorer(network(), deepcopy(fixed)), recipe, column)


class Restorer(nn.Module):
    """Images to images as they were before they were censored, and those to logits.

    Args:
        restoring: censored images to original ones, both [B, 3, H, W] in [0, 1].
        classifier: of s, in original images.
    """

    def __init__(self, restoring: nn.Module, classifier: Classifier) -> None:
        super().__init__()
        self.restoring = restoring
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Censored images to logits, [B, C]."""
        logits: Tensor = self.classifier(self.restoring(images))
        return logits


class Restoration(Learner):
    """Learns to restore the original images, and at the same time to classify what it restored.

    Args:
        network: the two in one.
        recipe: how they learn.
        column: the attribute's.
    """

    def __init__(self, network: Restorer, recipe: Recipe, column: int) -> None:
        super().__init__(network, recipe, column)
        self.restorer = network

    def loss(self, batch: CensoredBatch) -> Tensor:
        """Return the error of restoring and the cross-entropy of classifying.

        What is restored is a constant to the classifier: classes have no part in restoring.
        """
        restored = self.restorer.restoring(batch.images)
        logits = self.restorer.classifier(restored.detach())
        return F.mse_loss(restored, batch.original) + F.cross_entropy(
            logits, batch.attributes[:, self.column]
        )
