"""Learners: networks trained to predict attributes from images (adversaries, classifiers)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torchvision.ops import StochasticDepth

from privacy_gan.attributes import IGNORED
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource, count_batches
from privacy_gan.graphs import CapturedSteps, Step, set_learning_rates
from privacy_gan.hardware import Compute
from privacy_gan.progress import progress_bar
from privacy_gan.tensors import find_non_finite

RANDOM_LAYERS: tuple[type[nn.Module], ...] = (
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.AlphaDropout, nn.FeatureAlphaDropout, StochasticDepth),
)
RETRY_LR_SCALE = 0.5  # of the learning rate, when a network that diverged is restarted
STEPS_BETWEEN_CHECKS = 20  # for divergence on GPUs, where each check synchronizes

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class Recipe:
    """A training recipe.

    Attributes:
        optimizer: creates the optimizer of a network's parameters.
        annealed: whether the learning rate of ``fit_all`` follows a cosine schedule to 0 or stays
            constant. ``fit_until_done`` ignores it: it has another schedule.
        augmented: whether training images are randomly flipped and shifted.
    """

    optimizer: MakeOptimizer
    annealed: bool = False
    augmented: bool = False


class Learner:
    """A network that is trained to predict one attribute from images.

    Args:
        network: maps images to logits.
        recipe: the training recipe.
        column: the attribute's column in ``CensoredBatch.attributes``.

    Attributes:
        best_loss: lowest validation loss so far, per image.
        lr_scale: factor by which the recipe's learning rate is multiplied.
        has_diverged: whether a loss or a weight was not finite. Training then stops.
        trained_by_gradient: False for learners that ``prepare`` fits in closed form.
    """

    trained_by_gradient = True

    def __init__(self, network: nn.Module, recipe: Recipe, column: int) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.recipe = recipe
        self.column = column
        self.best_loss = float("inf")
        self.lr_scale = 1.0
        self.has_diverged = False
        self._unchecked_losses: list[Tensor] = []  # since the last check
        self._best_weights: dict[str, Any] = {}
        self._optimizer: Optimizer | None = None
        self._captured: CapturedSteps | None = None  # bound to the optimizer's state
        self._learning_rates: list[float] = []  # of the optimizer's parameter groups

    @property
    def uses_random_numbers(self) -> bool:
        """Whether the network draws random numbers in training, as dropout does."""
        return any(
            isinstance(module, RANDOM_LAYERS) and module.p for module in self.network.modules()
        )

    def loss(self, batch: CensoredBatch) -> Tensor:
        """Return the training loss of a batch: the mean cross-entropy of images with a label."""
        labels = batch.attributes[:, self.column]
        total = F.cross_entropy(self.network(batch.images), labels, reduction="sum")
        return total / (labels != IGNORED).sum().clamp_min(1)

    def summed_nll(self, batch: CensoredBatch) -> Tensor:
        """Return the negative log-likelihood summed over a batch, in nats."""
        predicted = self.log_probabilities(batch.images).float()
        return F.nll_loss(predicted, batch.attributes[:, self.column], reduction="sum")

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Return log p(class | image), [B, C]."""
        return F.log_softmax(self.network(images), dim=1)

    def labels(self, attributes: Tensor) -> list[Tensor]:
        """Return the labels [N] of each attribute that is predicted, from attributes [N, A]."""
        return [attributes[:, self.column]]

    def split(self, probabilities: Tensor) -> list[Tensor]:
        """Return the probabilities of each attribute that is predicted, [N, C] each.

        Args:
            probabilities: of all classes, as from ``log_probabilities``.
        """
        return [probabilities]

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    def prepare(self, source: CensoredSource, batch_size: int, seed: int) -> None:
        """Fit from training images what is not trained by gradient; by default, nothing.

        What is fitted is part of the network's state_dict. Called once, on the source's device,
        before training starts.

        Args:
            source: source of the images.
            batch_size: images per batch.
            seed: seed of all noise.
        """

    def start_training(self) -> None:
        """Create the optimizer."""
        self._captured = None
        self._optimizer = self.recipe.optimizer(self.network.parameters())
        self._learning_rates = [
            group["lr"] * self.lr_scale for group in self._optimizer.param_groups
        ]

    def training_step(self, batch: CensoredBatch, compute: Compute, lr_factor: float = 1.0) -> None:
        """Take one optimizer step on a batch, with the learning rate multiplied by a factor."""
        assert self._optimizer is not None
        tensors = {name: each for name, each in batch._asdict().items() if each is not None}
        rates = [rate * lr_factor for rate in self._learning_rates]
        step = Step(None, tensors, {str(index): rate for index, rate in enumerate(rates)})
        loss = self._step_function(compute)(step)["loss"]
        set_learning_rates(self._optimizer, rates)
        self._unchecked_losses.append(loss)
        if loss.device.type == "cpu" or len(self._unchecked_losses) == STEPS_BETWEEN_CHECKS:
            self.check_divergence()

    def _step_function(self, compute: Compute) -> Callable[[Step], dict[str, Tensor]]:
        """Return what runs steps: ``_update``, or CUDA graphs of it."""
        update = partial(self._update, compute)
        if compute.graphs is None:
            return update
        if self._captured is None:
            assert self._optimizer is not None
            name = f"training steps of {type(self).__name__}"
            self._captured = CapturedSteps(update, compute.graphs, [self._optimizer], name)
        return self._captured

    def _update(self, compute: Compute, step: Step) -> dict[str, Tensor]:
        """Update the network; launches the same kernels at every step."""
        assert self._optimizer is not None
        batch: dict[str, Any] = {"synthetic": None, **step.tensors}
        with compute.autocast():
            loss = self.loss(CensoredBatch(**batch))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        set_learning_rates(self._optimizer, step.numbers.values())
        self._optimizer.step()
        return {"loss": loss.detach()}

    def check_divergence(self) -> None:
        """Set ``has_diverged`` if a recent loss is not finite; synchronizes with the GPU."""
        if self._unchecked_losses and not torch.stack(self._unchecked_losses).isfinite().all():
            self.has_diverged = True
        self._unchecked_losses.clear()

    def export_weights(self) -> dict[str, Any]:
        """Return the weights that prediction needs."""
        return {"network": self.network.state_dict()}

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """Load weights exported by a learner of the same kind, for prediction only."""
        self.network.load_state_dict(weights["network"])
        self.network.eval().requires_grad_(False)

    def state_dict(self) -> dict[str, Any]:
        """Return what the next training step depends on: weights and optimizer."""
        assert self._optimizer is not None
        return {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a state_dict of a learner of the same kind, after ``start_training``."""
        assert self._optimizer is not None
        self.network.load_state_dict(state_dict["network"])
        self._optimizer.load_state_dict(state_dict["optimizer"])
        self._captured = None  # the optimizer has a new state

    def checkpoint(self) -> dict[str, Any]:
        """Return all that a learner of the same kind needs to resume training."""
        return {
            "state": self.state_dict() if self.trained_by_gradient else None,
            "best_weights": self._best_weights,
            "best_loss": self.best_loss,
            "has_diverged": self.has_diverged,
        }

    def resume(self, checkpoint: Mapping[str, Any]) -> None:
        """Restore a checkpoint of a learner of the same kind, after ``start_training``."""
        if self.trained_by_gradient:
            self.load_state_dict(checkpoint["state"])
        self._best_weights = checkpoint["best_weights"]
        self.best_loss = checkpoint["best_loss"]
        self.has_diverged = checkpoint["has_diverged"]

    def track_best(self, loss: float) -> None:
        """Remember the current weights if they are finite and the best so far.

        Args:
            loss: validation loss of the current weights.
        """
        self.check_divergence()
        if not math.isfinite(loss) or find_non_finite(self.network.state_dict()) is not None:
            self.has_diverged = True
        elif loss < self.best_loss:
            self.best_loss = loss
            self._best_weights = deepcopy(self.export_weights())

    def finish_training(self) -> None:
        """Load the best weights, unless training diverged, and freeze the network."""
        if not self.has_diverged:
            self.load_weights(self._best_weights)
        self._best_weights, self._optimizer, self._captured = {}, None, None
        self.network.eval().requires_grad_(False)


def predict_queries(
    learners: Mapping[str, Learner], source: CensoredSource, split: str, queries: int, seed: int
) -> dict[str, Tensor]:
    """Predict a split several times; each query censors the images with new noise.

    Returns:
        Class probabilities by learner, float64 [queries, N, C].
    """
    probabilities: dict[str, list[Tensor]] = {name: [] for name in learners}
    batches = queries * count_batches(source.datamodule, split)
    with progress_bar(f"querying ({split})", batches) as advance:
        for number in range(queries):
            for batch in source.query(split, number, seed):
                for name, learner in learners.items():
                    with torch.no_grad(), source.compute.autocast():
                        predicted = learner.log_probabilities(batch.images)
                    probabilities[name].append(predicted.double().exp().cpu())
                advance(1)
    count = len(source.datamodule.rows(split))
    return {
        name: torch.cat(parts).view(queries, count, -1) for name, parts in probabilities.items()
    }
