"""Several networks learning from the same batches, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from privacy_gan.errors import Interrupted
from privacy_gan.evaluation.augmentation import flipped_and_shifted
from privacy_gan.evaluation.bookmark import Bookmark
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource, batches_in
from privacy_gan.finite import first_undefined
from privacy_gan.hardware import Compute
from privacy_gan.interruption import StopRequests
from privacy_gan.progress import progress
from privacy_gan.randomness import Purpose, keyed_generator

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


def learn_together(
    learners: Mapping[str, Learner],
    source: CensoredSource,
    epochs: int,
    batch_size: int,
    seed: int,
    description: str,
    bookmark: Bookmark | None = None,
) -> list[str]:
    """Train all learners on the same batches and leave each at its best epoch by validation loss.

    Args:
        learners: by name; all that do not diverge end ready to predict.
        source: of training and validation images.
        epochs: passes over the training split.
        batch_size: images in a batch.
        seed: of order, noise and augmentation, which are the same for all.
        description: for the progress bar.
        bookmark: where to go on from, and where to keep how far they are; None begins anew.

    Returns:
        The names of those that diverged, which stopped learning then.

    Raises:
        Interrupted: a signal asked to stop; with a bookmark the same call goes on.
    """
    compute = source.compute
    batches = batches_in(source.datamodule, "train", batch_size)
    augmenting = any(learner.recipe.augmented for learner in learners.values())
    for learner in learners.values():
        learner.to(compute.device)
        learner.begin(epochs * batches)
    epoch, done = gone_on(learners, bookmark)
    with progress(description, epochs * batches) as advance, StopRequests() as requests:
        advance(epoch * batches + done)
        while epoch < epochs and sound(learners):
            for learner in sound(learners).values():
                learner.network.train().requires_grad_(True)
            for batch in islice(source.training_epoch(epoch, batch_size, seed), done, None):
                if not (learning := sound(learners)):
                    break
                augmented = batch
                if augmenting:
                    key = (seed, Purpose.JUDGE_AUGMENT, epoch, done)
                    rng = keyed_generator(compute.device, *key)
                    augmented = flipped_and_shifted(batch, rng)
                for learner in learning.values():
                    learner.step(augmented if learner.recipe.augmented else batch, compute)
                done += 1
                advance(1)
                keep(learners, epoch, done, bookmark, requests)
            validation = source.query("valid", 0, seed)
            learning = sound(learners)
            found = losses(learning, validation, compute)
            for learner, loss in zip(learning.values(), found, strict=True):
                learner.keep_if_best(loss)
            epoch, done = epoch + 1, 0
        diverged = [name for name, learner in learners.items() if learner.has_diverged]
        if bookmark is not None and diverged:  # which are begun anew, but not the others
            write(bookmark, learners, epoch, done)
    for learner in learners.values():
        learner.end()
    return diverged


def sound(learners: Mapping[str, Learner]) -> dict[str, Learner]:
    """Return those that have not diverged."""
    return {name: learner for name, learner in learners.items() if not learner.has_diverged}


def gone_on(learners: Mapping[str, Learner], bookmark: Bookmark | None) -> tuple[int, int]:
    """Return the epoch, and the batches of it, that learners have done after going on from there.

    Args:
        learners: ready to begin.
        bookmark: see ``learn_together``.
    """
    found = bookmark.read() if bookmark is not None else None
    if found is None:
        return 0, 0
    for name, learner in learners.items():
        learner.go_on_from(found["learners"][name])
    return found["epoch"], found["done"]


def keep(
    learners: Mapping[str, Learner],
    epoch: int,
    done: int,
    bookmark: Bookmark | None,
    requests: StopRequests,
) -> None:
    """Keep how far learners are, where a signal or the time since the last time asks for it.

    Raises:
        Interrupted: a signal asked to stop.
    """
    stopped = requests.received
    if bookmark is not None and (stopped is not None or bookmark.is_due()):
        write(bookmark, learners, epoch, done)
    if stopped is not None:
        raise Interrupted(stopped, "repeat the command to go on")


def write(bookmark: Bookmark, learners: Mapping[str, Learner], epoch: int, done: int) -> None:
    """Keep how far learners are."""
    for learner in learners.values():
        learner.look()
    states = {name: learner.state() for name, learner in learners.items()}
    bookmark.write({"epoch": epoch, "done": done, "learners": states})


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
