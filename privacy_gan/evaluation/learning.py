"""Networks that learn to tell an attribute of images, and then answer: adversaries, classifiers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from privacy_gan.evaluation.source import CensoredBatch, CensoredSource, batches_in
from privacy_gan.hardware import Compute
from privacy_gan.progress import progress
from privacy_gan.tensors import first_undefined

STEPS_BETWEEN_LOOKS = 20  # whether it diverged, on GPUs

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
        rate: the share of the recipe's learning rate at which it learns.
        has_diverged: whether a loss or a weight was not finite; then it learns no more.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, column: int) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.recipe = recipe
        self.column = column
        self.best_loss = float("inf")
        self.rate = 1.0
        self.has_diverged = False
        self._unseen: list[Tensor] = []  # losses of steps since the last look
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
        for group in self._optimizer.param_groups:
            group["lr"] *= self.rate
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
        self._unseen.append(loss.detach())
        if loss.device.type == "cpu" or len(self._unseen) == STEPS_BETWEEN_LOOKS:
            self.look()

    def look(self) -> None:
        """Look whether it has diverged; on GPUs that waits for all that was begun."""
        if self._unseen and not torch.stack(self._unseen).isfinite().all():
            self.has_diverged = True
        self._unseen.clear()

    def learned(self) -> dict[str, Any]:
        """Return all that answering takes, after training."""
        return {"network": self.network.state_dict()}

    def recall(self, learned: Mapping[str, Any]) -> None:
        """Be what another learner of the same kind was at its end."""
        self.network.load_state_dict(learned["network"])
        self.network.eval().requires_grad_(False)

    def state(self) -> dict[str, Any]:
        """Return all that a learner of the same kind needs to go on from here."""
        assert self._optimizer is not None
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict() if self._schedule is not None else None,
            "best_state": self._best_state,
            "best_loss": self.best_loss,
            "has_diverged": self.has_diverged,
        }

    def go_on_from(self, state: Mapping[str, Any]) -> None:
        """Be where another learner of the same kind was; to be called after ``begin``."""
        assert self._optimizer is not None
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._schedule is not None:
            self._schedule.load_state_dict(state["schedule"])
        self._best_state = state["best_state"]
        self.best_loss = state["best_loss"]
        self.has_diverged = state.get("has_diverged", False)  # not kept by earlier versions

    def keep_if_best(self, loss: float) -> None:
        """Remember the present weights if they are the best so far, and finite.

        Args:
            loss: on the validation split, at the end of an epoch.
        """
        self.look()
        if not math.isfinite(loss) or first_undefined(self.network.state_dict()) is not None:
            self.has_diverged = True
        elif loss < self.best_loss:
            self.best_loss = loss
            self._best_state = deepcopy(self.network.state_dict())

    def end(self) -> None:
        """Go back to the best weights, unless it has diverged, and learn no more."""
        if not self.has_diverged:
            self.network.load_state_dict(self._best_state)
        self._best_state, self._optimizer, self._schedule = {}, None, None
        self.network.eval().requires_grad_(False)


def query(
    learners: Mapping[str, Learner], source: CensoredSource, split: str, times: int, seed: int
) -> dict[str, Tensor]:
    """Return what learners answer of a split, seen again and again and each time censored anew.

    Returns:
        Probabilities by learner, float64 [times, N, C].
    """
    answers: dict[str, list[Tensor]] = {name: [] for name in learners}
    with progress(f"querying ({split})", times * batches_in(source.datamodule, split)) as advance:
        for number in range(times):
            for batch in source.query(split, number, seed):
                for name, learner in learners.items():
                    with torch.no_grad(), source.compute.autocast():
                        answer = learner.log_probabilities(batch.images)
                    answers[name].append(answer.double().exp().cpu())
                advance(1)
    count = len(source.datamodule.rows(split))
    return {name: torch.cat(seen).view(times, count, -1) for name, seen in answers.items()}
