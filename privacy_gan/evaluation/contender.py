"""A network on its way through the stages of a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from privacy_gan.attributes import IGNORED
from privacy_gan.evaluation.learning import RETRY_LR_SCALE, Learner
from privacy_gan.evaluation.metrics.samples import negative_log_likelihood
from privacy_gan.evaluation.schedule import Schedule
from privacy_gan.evaluation.source import CensoredBatch
from privacy_gan.hardware import Compute
from privacy_gan.models.calibration import calibrate
from privacy_gan.randomness import Purpose, keyed_seed


class Contender:
    """A network in training, its position in the schedule and its results so far.

    Args:
        name: its name.
        factory: creates the network of a name, the same one at each call.

    Attributes:
        learner: the network.
        stage: the stage that it trains in.
        step: number of steps that it has taken, on the trunk and in the current branch.
        trunk: the trunk's state while a branch is trained, or None.
        losses: calibrated validation losses at the end of each stage, in bits, [N] each.
        restarted: whether it diverged and was restarted.
        excluded: whether it diverged twice.
    """

    def __init__(self, name: str, factory: Callable[[str], Learner]) -> None:
        self.name = name
        self.factory = factory
        self.restarted = False
        self.excluded = False
        self._begin()

    def _begin(self) -> None:
        self.learner = self.factory(self.name)
        self.stage = 0
        self.step = 0
        self.trunk: dict[str, Any] | None = None
        self.losses: list[Tensor] = []

    def restart(self) -> None:
        """Begin from the start at half the learning rate, or be excluded the second time."""
        if self.restarted:
            self.excluded = True
            return
        self.restarted = True
        self._begin()
        self.learner.lr_scale *= RETRY_LR_SCALE

    @property
    def position(self) -> tuple[int, int]:
        """Stage and step."""
        return self.stage, self.step

    def is_before_end_of(self, stage: int) -> bool:
        """Return whether the network has yet to be trained to the end of a stage."""
        return self.stage <= stage and self.learner.trained_by_gradient and not self.excluded

    def training_step(
        self, batch: CensoredBatch, compute: Compute, schedule: Schedule, seed: int
    ) -> None:
        """Take one step; a network with dropout draws numbers that depend on its name and step."""
        factor = schedule.lr_factor(self.stage, self.step)
        if self.learner.uses_random_numbers:
            device = compute.device
            with torch.random.fork_rng([] if device.type == "cpu" else [device]):
                key = (self.step, *self.name.encode())
                torch.manual_seed(keyed_seed(seed, Purpose.JUDGE_DROPOUT, *key))
                self.learner.training_step(batch, compute, factor)
        else:
            self.learner.training_step(batch, compute, factor)
        self.step += 1

    def start_branch(self) -> None:
        """Remember the trunk, which the next stage continues."""
        self.trunk = deepcopy(self.learner.state_dict())

    def finish_stage(self, losses: Tensor, schedule: Schedule) -> None:
        """Record a branch's losses, remember its weights if they are the best, return to the trunk.

        Args:
            losses: from ``validation_losses``.
            schedule: the stages.
        """
        self.learner.track_best(float(losses.mean()))
        if self.learner.has_diverged:
            return
        self.losses.append(losses)
        if self.trunk is not None:
            self.learner.load_state_dict(self.trunk)
        self.trunk = None
        self.step = schedule.fork(self.stage)
        self.stage += 1

    def finish_fit(self, losses: Tensor) -> None:
        """Record the losses of a network that was fitted in closed form.

        Args:
            losses: from ``validation_losses``.
        """
        self.learner.track_best(float(losses.mean()))
        self.excluded = self.learner.has_diverged
        self.losses = [] if self.excluded else [losses]

    def checkpoint(self) -> dict[str, Any]:
        """Return all that is needed to resume."""
        return {
            "learner": self.learner.checkpoint(),
            "stage": self.stage,
            "step": self.step,
            "trunk": self.trunk,
            "losses": self.losses,
            "restarted": self.restarted,
            "excluded": self.excluded,
        }

    def resume(self, checkpoint: Mapping[str, Any]) -> None:
        """Restore a checkpoint."""
        self.restarted, self.excluded = checkpoint["restarted"], checkpoint["excluded"]
        if self.restarted:
            self.learner.lr_scale *= RETRY_LR_SCALE
        if self.learner.trained_by_gradient:
            self.learner.start_training()
        self.learner.resume(checkpoint["learner"])
        self.stage, self.step = checkpoint["stage"], checkpoint["step"]
        self.trunk, self.losses = checkpoint["trunk"], checkpoint["losses"]


def best_stage(losses: Sequence[Tensor]) -> Tensor:
    """Return the losses [N] of the stage with the lowest mean."""
    return min(losses, key=lambda each: float(each.mean()))


def validation_losses(
    learners: Sequence[Learner], batches: Iterable[CensoredBatch], compute: Compute
) -> list[Tensor]:
    """Return each learner's calibrated losses on validation images, in bits, [N] float64 each.

    Calibration on the same images, by one slope and a bias for each class, keeps overconfidence
    from looking like ignorance. A learner of several attributes has the mean of their losses.

    Args:
        learners: the networks, in evaluation mode afterwards.
        batches: all validation images.
        compute: precision of the networks.
    """
    for learner in learners:
        learner.network.eval()
    probabilities: list[list[Tensor]] = [[] for _ in learners]
    attributes = []
    for batch in batches:
        attributes.append(batch.attributes.cpu())
        for learner, parts in zip(learners, probabilities, strict=True):
            with torch.no_grad(), compute.autocast():
                predicted = learner.log_probabilities(batch.images)
            parts.append(predicted.double().exp().cpu())
    truth = torch.cat(attributes)
    found = []
    for learner, parts in zip(learners, probabilities, strict=True):
        by_attribute = zip(learner.split(torch.cat(parts)), learner.labels(truth), strict=True)
        bits = [calibrated_bits(part, labels) for part, labels in by_attribute]
        found.append(torch.stack(bits).mean(dim=0))
    return found


def calibrated_bits(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return minus the calibrated log-probability of each label, in bits, [N], or nan.

    Images without a label get the mean of the others, whose deviations from it grow accordingly, so
    that the mean over all images and its standard error are those of the images with a label.
    """
    if not probabilities.isfinite().all():
        return torch.full((len(labels),), math.nan, dtype=torch.float64)
    known = labels != IGNORED
    probabilities, labels = probabilities[known], labels[known]
    calibrated = calibrate(probabilities, labels).apply(probabilities)
    bits = negative_log_likelihood(calibrated, labels) / math.log(2)
    if bool(known.all()):
        return bits
    average = bits.mean()
    spread = average + (bits - average) * len(known) / len(bits)
    return average.expand(len(known)).masked_scatter(known, spread)
