"""Several networks learning from the same batches, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from privacy_gan.evaluation.augmentation import flipped_and_shifted
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource, batches_in
from privacy_gan.hardware import Compute
from privacy_gan.progress import progress
from privacy_gan.randomness import Purpose, keyed_generator

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class Recipe:
    """How a network learns.

    Attributes:
        optimizer: makes the network's optimizer.
        annealed: whether the learning rate falls to 0 along half a cosine, or stays.
        augmented: whether training images are mirrored and shifted at random.
    """

    optimizer: MakeOptimizer
    annealed: bool = False
    augmented: bool = False


class Learner:
    """A network that learns to tell one attribute from images.

    Args:
        network: images to logits.
        recipe: how it learns.
        column: the attribute's, among the batch's attributes.

    Attributes:
        best_loss: least validation loss so far, nats an image.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, column: int) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.recipe = recipe
        self.column = column
        self.best_loss = float("inf")
        self._best_state: dict[str, Any] = {}
        self._optimizer: Optimizer | None = None
        self._schedule: LRScheduler | None = None

    def loss(self, batch: CensoredBatch) -> Tensor:
        """Return what a training step minimises: the cross-entropy."""
        return F.cross_entropy(self.network(batch.images), batch.attributes[:, self.column])

    def error(self, batch: CensoredBatch) -> Tensor:
        """Return the negative log-likelihood, summed over a batch, nats."""
        predicted = self.log_probabilities(batch.images).float()
        return F.nll_loss(predicted, batch.attributes[:, self.column], reduction="sum")

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Return log p(class | image), [B, C]."""
        return F.log_softmax(self.network(images), dim=1)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.network.to(device)

    def begin(self, steps: int) -> None:
        """Get ready to take so many steps."""
        self._optimizer = self.recipe.optimizer(self.network.parameters())
        self._schedule = CosineAnnealingLR(self._optimizer, steps) if self.recipe.annealed else None

    def step(self, batch: CensoredBatch, compute: Compute) -> None:
        """Learn from one batch."""
        assert self._optimizer is not None
        with compute.autocast():
            loss = self.loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._schedule is not None:
            self._schedule.step()

    def keep_if_best(self, loss: float) -> None:
        """Remember the present weights if they are the best so far."""
        if loss < self.best_loss:
            self.best_loss = loss
            self._best_state = deepcopy(self.network.state_dict())

    def end(self) -> None:
        """Go back to the best weights and learn no more.

        Raises:
            FloatingPointError: there are none, because every epoch ended with a loss of NaN.
        """
        if not self._best_state:
            raise FloatingPointError("every epoch ended with an undefined validation loss")
        self.network.load_state_dict(self._best_state)
        self._best_state, self._optimizer, self._schedule = {}, None, None
        self.network.eval().requires_grad_(False)


def learn_together(
    learners: Mapping[str, Learner],
    source: CensoredSource,
    epochs: int,
    batch_size: int,
    seed: int,
    description: str,
) -> None:
    """Train all learners on the same batches and leave each at its best epoch by validation loss.

    Args:
        learners: by name; all end ready to predict.
        source: of training and validation images.
        epochs: passes over the training split.
        batch_size: images in a batch.
        seed: of order, noise and augmentation, which are the same for all.
        description: for the progress bar.
    """
    compute = source.compute
    batches = batches_in(source.datamodule, "train", batch_size)
    augmenting = any(learner.recipe.augmented for learner in learners.values())
    for learner in learners.values():
        learner.to(compute.device)
        learner.begin(epochs * batches)
    with progress(description, epochs * batches) as advance:
        for epoch in range(epochs):
            for learner in learners.values():
                learner.network.train().requires_grad_(True)
            for index, batch in enumerate(source.training_epoch(epoch, batch_size, seed)):
                augmented = batch
                if augmenting:
                    key = (seed, Purpose.JUDGE_AUGMENT, epoch, index)
                    rng = keyed_generator(compute.device, *key)
                    augmented = flipped_and_shifted(batch, rng)
                for learner in learners.values():
                    learner.step(augmented if learner.recipe.augmented else batch, compute)
                advance(1)
            validation = source.query("valid", 0, seed)
            found = losses(learners, validation, compute)
            for learner, loss in zip(learners.values(), found, strict=True):
                learner.keep_if_best(loss)
    for learner in learners.values():
        learner.end()


def losses(
    learners: Mapping[str, Learner], batches: Iterable[CensoredBatch], compute: Compute
) -> list[float]:
    """Return each learner's mean negative log-likelihood over all images of some batches, nats."""
    for learner in learners.values():
        learner.network.eval()
    totals, count = [0.0] * len(learners), 0
    for batch in batches:
        count += len(batch.images)
        for index, learner in enumerate(learners.values()):
            with torch.no_grad(), compute.autocast():
                totals[index] += learner.error(batch).item()
    return [total / count for total in totals]
