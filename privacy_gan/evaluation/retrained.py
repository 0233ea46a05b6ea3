"""What can still be told of the utility attributes by who learns it from censored images.

The paper's classifiers have never seen a censored image: what they get wrong may be lost, or may
only look unlike what they know. A classifier that learns from censored images, as the adversaries
do, tells the one from the other (as in PASS, arXiv 2506.08307).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import CensoredBatch

RETRAINED = "retrained"  # its name among those that learn from censored images


class RetrainedClassifier(Learner):
    """One network that learns to tell several attributes from images.

    Args:
        network: makes the network, given its number of outputs.
        recipe: how it learns.
        columns: the attributes', among the batch's attributes.
        sizes: how many classes each of them has.
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
        """Return the mean of the attributes' cross-entropies."""
        return self.summed_nll(batch) / (len(batch.images) * len(self.columns))

    def summed_nll(self, batch: CensoredBatch) -> Tensor:
        """Return the negative log-likelihood of all attributes, summed over a batch, nats."""
        errors = [
            F.nll_loss(predicted.float(), batch.attributes[:, column], reduction="sum")
            for predicted, column in zip(
                torch.split(self.log_probabilities(batch.images), self.sizes, dim=1),
                self.columns,
                strict=True,
            )
        ]
        return torch.stack(errors).sum()

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Return log p(class | image) of each attribute, side by side, [B, sum of sizes]."""
        logits = torch.split(self.network(images), self.sizes, dim=1)
        return torch.cat([F.log_softmax(of, dim=1) for of in logits], dim=1)


def predicted_classes(answers: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Return the likeliest class of each attribute, [N] each, from answers [N, sum of sizes]."""
    return [of.argmax(dim=1) for of in torch.split(answers, list(sizes), dim=1)]
