"""Adversaries: each learns, from censored images and their true labels, to see through a mechanism.

An attacker is made by a function of this file; how it is made is configured, what it attacks is
said by the judge:

    make(num_classes=C, column=COLUMN_OF_S, fixed=FIXED_CLASSIFIER_OF_S) -> Learner
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.evaluation.censoring import CensoredBatch
from privacy_gan.evaluation.learning import Learner, MakeOptimizer
from privacy_gan.models.classifier import Classifier


def from_scratch(
    network: Callable[[int], nn.Module],
    optimizer: MakeOptimizer,
    num_classes: int,
    column: int,
    fixed: Classifier,
) -> Learner:
    """Return an attacker that begins with nothing; with ResNet-10 the paper's."""
    del fixed
    return Learner(network(num_classes), optimizer, column)


def from_fixed_classifier(
    optimizer: MakeOptimizer, num_classes: int, column: int, fixed: Classifier
) -> Learner:
    """Return an attacker that knows already what the attribute looks like in original images."""
    del num_classes
    return Learner(deepcopy(fixed), optimizer, column)


def inversion(
    network: Callable[[int], nn.Module],
    optimizer: MakeOptimizer,
    num_classes: int,
    column: int,
    fixed: Classifier,
) -> Learner:
    """Return the attack of the paper's discussion (section 6)."""
    return Inversion(network(2), optimizer, column, fixed, num_classes)


class Inversion(Learner):
    """Tells changed from unchanged images, and from that and what they show, what they showed.

    The fixed classifier says which attribute v an image shows. The attacker learns whether s was
    changed, that is v != s: where not, s is v, and where so, s is as it was among the changed
    training images that show v (with two classes: the other one).

    Args:
        network: images to logits of unchanged and changed.
        optimizer: makes the network's optimizer.
        column: the attribute's.
        fixed: the fixed classifier of s; not trained any further.
        num_classes: values of s.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: MakeOptimizer,
        column: int,
        fixed: Classifier,
        num_classes: int,
    ) -> None:
        super().__init__(network, optimizer, column)
        self.fixed = fixed
        # how often s was seen in changed images that show v, [v, s]; one each to begin with
        self.changed_counts = torch.ones(num_classes, num_classes).fill_diagonal_(0)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        super().to(device)
        self.changed_counts = self.changed_counts.to(device)

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
