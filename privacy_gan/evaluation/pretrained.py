"""An adversary that starts from weights in a local file, as published attackers do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from privacy_gan.errors import UserError
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import CensoredSource
from privacy_gan.models.pretrained import load_pretrained, resnet_like
from privacy_gan.models.resnet import resnet18

IN_BODY = "body.1."  # prefix of the ResNet's tensors among those of the classifier


class PretrainedLearner(Learner):
    """A ResNet that starts from weights in a file.

    The file is needed for training only: weights that this learner exported can be loaded without
    it.

    Args:
        file: see ``load_pretrained``.
        recipe: the training recipe.
        num_classes: number of values of the attribute.
        column: the attribute's column in ``CensoredBatch.attributes``.
    """

    def __init__(self, file: Path, recipe: Recipe, num_classes: int, column: int) -> None:
        self.num_classes = num_classes
        self.error: UserError | None = None
        try:
            network = load_pretrained(file, num_classes)
        except UserError as error:
            self.error = error
            network = resnet18(num_classes)
        super().__init__(network, recipe, column)

    def prepare(self, source: CensoredSource, batch_size: int, seed: int) -> None:
        """Require that the file's weights were loaded.

        Raises:
            UserError: they were not.
        """
        if self.error is not None:
            raise self.error

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """Load exported weights, of any architecture that a file can have, for prediction only."""
        if self.network.state_dict().keys() != weights["network"].keys():
            body = {name.removeprefix(IN_BODY): value for name, value in weights["network"].items()}
            network = resnet_like(body, self.num_classes)
            device = next(self.network.parameters()).device
            self.network = network.to(device).to(memory_format=torch.channels_last)
        super().load_weights(weights)


def lacks_weights(factory: Callable[..., Learner]) -> bool:
    """Return whether a factory creates learners that start from a file, and none is given."""
    return isinstance(factory, partial) and factory.keywords.get("weights", "") is None
