"""Train networks on the same batches to the end of a stage; resume where a checkpoint left off."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from privacy_gan.errors import Interrupted
from privacy_gan.evaluation.augmentation import random_flip_and_shift
from privacy_gan.evaluation.contender import Contender, validation_losses
from privacy_gan.evaluation.schedule import Schedule
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource
from privacy_gan.interruption import StopRequests
from privacy_gan.progress import progress_bar
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.artifacts import ResumeCheckpoint

log = logging.getLogger(__name__)


class StageTrainer:
    """Trains contenders from stage to stage.

    Contenders at the same step share batches. One that diverged is restarted and catches up by
    itself, so the others are not affected.

    Args:
        contenders: the networks.
        source: source of the training and validation images.
        schedule: the stages.
        max_minutes: training time, or None. The first stage is always finished.
        batch_size: images per batch.
        seed: seed of the order, the noise and the augmentation, which all networks share.
        description: label of the progress bars.
        resume: checkpoint to resume from and to save to, or None.

    Attributes:
        decisions: what was decided after earlier stages; saved with the contenders.
    """

    def __init__(
        self,
        contenders: Sequence[Contender],
        source: CensoredSource,
        schedule: Schedule,
        max_minutes: float | None,
        batch_size: int,
        seed: int,
        description: str,
        resume: ResumeCheckpoint | None,
    ) -> None:
        self.contenders = contenders
        self.source = source
        self.schedule = schedule
        self.max_minutes = max_minutes
        self.batch_size = batch_size
        self.seed = seed
        self.description = description
        self.resume = resume
        self.decisions: dict[str, Any] = {}
        self._seconds = 0.0  # spent before the checkpoint that training resumed from
        self._started_at = time.monotonic()

    def start(self) -> None:
        """Resume from the checkpoint, or prepare all networks for their first step."""
        checkpoint = self.resume.read() if self.resume is not None else None
        for contender in self.contenders:
            if checkpoint is None:
                self._prepare(contender)
            else:
                contender.learner.to(self.source.compute.device)
                contender.resume(checkpoint["contenders"][contender.name])
        if checkpoint is not None:
            self._seconds = checkpoint["seconds"]
            self.decisions = checkpoint["decisions"]

    def _prepare(self, contender: Contender) -> None:
        learner = contender.learner
        learner.to(self.source.compute.device)
        learner.prepare(self.source, self.batch_size, self.seed)
        if learner.trained_by_gradient:
            learner.start_training()
        else:
            (losses,) = self._validate([contender])
            contender.finish_fit(losses)

    def train(self, contenders: Sequence[Contender], stage: int) -> bool:
        """Train contenders to the end of a stage, unless they are there or time runs out.

        Returns:
            False if time ran out first.

        Raises:
            Interrupted: a signal asked to stop. A new trainer resumes from the checkpoint.
        """
        epochs = self.schedule.epochs(stage)
        description = f"{self.description} ({epochs} {'epoch' if epochs == 1 else 'epochs'})"
        steps = self.schedule.end(stage) - self.schedule.start(stage)
        with progress_bar(description, steps) as advance, StopRequests() as requests:
            while behind := [each for each in contenders if each.is_before_end_of(stage)]:
                position = min(each.position for each in behind)
                group = [each for each in behind if each.position == position]
                for _ in self._train_together(group):
                    advance(1)
                    self._save_if_due(requests)
                    if self._is_out_of_time(contenders):
                        return False
                self._save_if_due(requests)
        return True

    def _train_together(self, group: Sequence[Contender]) -> Iterator[None]:
        """Train contenders at the same step to the fork, or from there to the end, of their stage.

        Yields after every step.
        """
        stage, step = group[0].position
        fork, end = self.schedule.fork(stage), self.schedule.end(stage)
        for each in group:
            each.learner.network.train().requires_grad_(True)
            if step == fork:
                each.start_branch()
        for batch, augmented in self._batches(step, fork if step < fork else end, group):
            healthy = [each for each in group if not each.learner.has_diverged]
            if not healthy:
                break
            for each in healthy:
                inputs = augmented if each.learner.recipe.augmented else batch
                each.training_step(inputs, self.source.compute, self.schedule, self.seed)
            yield
        at_end = [each for each in group if each.step == end and not each.learner.has_diverged]
        for each, losses in zip(at_end, self._validate(at_end), strict=True):
            each.finish_stage(losses, self.schedule)
        self._restart_diverged(group)

    def _batches(
        self, start: int, end: int, group: Sequence[Contender]
    ) -> Iterator[tuple[CensoredBatch, CensoredBatch]]:
        """Yield the batches of some steps, as they are and augmented."""
        augmenting = any(each.learner.recipe.augmented for each in group)
        device, per_epoch = self.source.compute.device, self.schedule.batches
        while start < end:
            epoch, first = divmod(start, per_epoch)
            batches = self.source.training_epoch(epoch, self.batch_size, self.seed, first)
            for index, batch in zip(range(first, per_epoch), batches, strict=False):
                if start == end:
                    return
                augmented = batch
                if augmenting:
                    key = (self.seed, Purpose.JUDGE_AUGMENT, epoch, index)
                    augmented = random_flip_and_shift(batch, keyed_generator(device, *key))
                yield batch, augmented
                start += 1

    def _validate(self, contenders: Sequence[Contender]) -> list[Tensor]:
        if not contenders:
            return []
        learners = [each.learner for each in contenders]
        images = self.source.query("valid", 0, self.seed)
        return validation_losses(learners, images, self.source.compute)

    def _restart_diverged(self, group: Sequence[Contender]) -> None:
        for each in group:
            if each.learner.has_diverged:
                each.restart()
                if each.excluded:
                    log.warning("%s diverged again: excluded", each.name)
                else:
                    log.warning(
                        "%s diverged during training: restarted with half the learning rate",
                        each.name,
                    )
                    self._prepare(each)

    def _is_out_of_time(self, contenders: Sequence[Contender]) -> bool:
        """Return whether the time is over; a restarted network, too, finishes its first stage."""
        return (
            self.max_minutes is not None
            and all(each.losses for each in contenders if not each.excluded)
            and self._elapsed() > 60 * self.max_minutes
        )

    def _elapsed(self) -> float:
        return self._seconds + time.monotonic() - self._started_at

    def _save_if_due(self, requests: StopRequests) -> None:
        """Save a checkpoint when the last one is old enough or a signal asks to stop."""
        signum = requests.received
        if self.resume is not None and (signum is not None or self.resume.is_due()):
            self.save()
        if signum is not None:
            raise Interrupted(signum, "run the same command again to resume")

    def save(self) -> None:
        """Save a checkpoint of all contenders, if there is a file for it."""
        if self.resume is not None:
            contenders = {each.name: each.checkpoint() for each in self.contenders}
            seconds = self._elapsed()
            content = {"contenders": contenders, "seconds": seconds, "decisions": self.decisions}
            self.resume.write(content)
