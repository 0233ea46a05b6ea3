"""A classifier of the utility attributes that is trained on censored images.

The paper's classifiers have never seen a censored image. What they misclassify may be lost, or may
only look different from what they know. A classifier that is trained on censored images, as the
adversaries are, distinguishes the two (as in PASS, arXiv 2506.07308).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.attributes import IGNORED
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import CensoredBatch


class RetrainedClassifier(Learner):
    """One network that is trained to predict several attributes from images.

    Args:
        network: creates the network, given its number of outputs.
        recipe: the training recipe.
        columns: the attributes' columns in ``CensoredBatch.attributes``.
        sizes: number of classes of each attribute.
    """

    def __init__(
        self,
        network: Callable[[int], nn.Module],
        recipe: Recipe,
        columns: Sequence[int],
        sizes: Sequence[int],
    ) -> None:
        super().__init__(network(sum(sizes)), recipe, columns[0])
        self.columns = list(columns)
        self.sizes = list(sizes)

    def loss(self, batch: CensoredBatch) -> Tensor:
        """Return the mean cross-entropy of all labels that images have."""
        known = torch.stack(self.labels(batch.attributes)) != IGNORED
        return self.summed_nll(batch) / known.sum().clamp_min(1)

    def summed_nll(self, batch: CensoredBatch) -> Tensor:
        """Return the negative log-likelihood of all attributes summed over a batch, in nats."""
        predicted = self.split(self.log_probabilities(batch.images))
        labels = self.labels(batch.attributes)
        losses = [
            F.nll_loss(part.float(), column, reduction="sum")
            for part, column in zip(predicted, labels, strict=True)
        ]
        return torch.stack(losses).sum()

    def labels(self, attributes: Tensor) -> list[Tensor]:
        """See Learner."""
        return [attributes[:, column] for column in self.columns]

    def split(self, probabilities: Tensor) -> list[Tensor]:
        """See Learner."""
        return list(torch.split(probabilities, self.sizes, dim=1))

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Return log p(class | image) of all attributes, concatenated, [B, sum of sizes]."""
        logits = torch.split(self.network(images), self.sizes, dim=1)
        return torch.cat([F.log_softmax(part, dim=1) for part in logits], dim=1)


def predicted_classes(probabilities: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Return the most probable class of each attribute, [N] each, from [N, sum of sizes]."""
    return [part.argmax(dim=1) for part in torch.split(probabilities, list(sizes), dim=1)]
