"""Train several networks on the same batches; exclude those that diverge twice."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch

from privacy_gan.errors import Interrupted
from privacy_gan.evaluation.augmentation import random_flip_and_shift
from privacy_gan.evaluation.learning import RETRY_LR_SCALE, Learner
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource, count_batches
from privacy_gan.hardware import Compute
from privacy_gan.interruption import StopRequests
from privacy_gan.progress import progress_bar
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.artifacts import ResumeCheckpoint

log = logging.getLogger(__name__)


def fit_or_exclude(
    factory: Callable[[str], Learner],
    names: Sequence[str],
    source: CensoredSource,
    epochs: int,
    batch_size: int,
    seed: int,
    description: str,
    resume: ResumeCheckpoint | None = None,
) -> dict[str, Learner]:
    """Train networks on the same batches and return those that did not diverge.

    A network diverges when its loss or its weights are no longer finite. It is restarted once,
    after the others have finished, with half its learning rate; if it diverges again, it is
    excluded. The other networks are not affected.

    Args:
        factory: creates the network of a name, the same one at each call.
        names: names of the networks.
        source: see ``fit_all`` for this and all following arguments.
        epochs: passes over the training split.
        batch_size: images per batch.
        seed: seed of the order, the noise and the augmentation.
        description: label of the progress bar.
        resume: checkpoint of the training.

    Raises:
        Interrupted: a signal asked to stop. The same call resumes from the checkpoint.
    """
    settings = (source, epochs, batch_size, seed, description)
    learners = {name: factory(name) for name in names}
    diverged = fit_all(learners, *settings, resume)
    if not diverged:
        return learners
    log.warning(
        "%s diverged during training: restarted with half the learning rate", ", ".join(diverged)
    )
    restarted = {name: factory(name) for name in diverged}
    for learner in restarted.values():
        learner.lr_scale = RETRY_LR_SCALE
    second = None if resume is None else resume.for_retry()
    excluded = fit_all(restarted, *settings, second)
    if excluded:
        log.warning("%s diverged again: excluded", ", ".join(excluded))
    learners |= restarted
    return {name: learners[name] for name in names if name not in excluded}


def fit_all(
    learners: Mapping[str, Learner],
    source: CensoredSource,
    epochs: int,
    batch_size: int,
    seed: int,
    description: str,
    resume: ResumeCheckpoint | None = None,
) -> list[str]:
    """Train all learners on the same batches and load each one's best epoch by validation loss.

    Args:
        learners: learners by name. Those that do not diverge are ready to predict afterwards.
        source: source of the training and validation images.
        epochs: passes over the training split.
        batch_size: images per batch.
        seed: seed of the order, the noise and the augmentation, which all learners share.
        description: label of the progress bar.
        resume: checkpoint to resume from and to save to; None starts from the beginning.

    Returns:
        The names of the learners that diverged; their training stopped at that point.

    Raises:
        Interrupted: a signal asked to stop. The same call resumes from the checkpoint.
    """
    compute = source.compute
    batches = count_batches(source.datamodule, "train", batch_size)
    augmenting = any(learner.recipe.augmented for learner in learners.values())
    for learner in learners.values():
        learner.to(compute.device)
        learner.start_training()
    epoch, done = load_progress(learners, resume)
    with progress_bar(description, epochs * batches) as advance, StopRequests() as requests:
        advance(epoch * batches + done)
        while epoch < epochs and healthy_learners(learners):
            for learner in healthy_learners(learners).values():
                learner.network.train().requires_grad_(True)
            for batch in source.training_epoch(epoch, batch_size, seed, done):
                if not (training := healthy_learners(learners)):
                    break
                augmented = batch
                if augmenting:
                    key = (seed, Purpose.JUDGE_AUGMENT, epoch, done)
                    rng = keyed_generator(compute.device, *key)
                    augmented = random_flip_and_shift(batch, rng)
                cosine = (1 + math.cos(math.pi * (epoch / epochs + done / (epochs * batches)))) / 2
                for learner in training.values():
                    inputs = augmented if learner.recipe.augmented else batch
                    factor = cosine if learner.recipe.annealed else 1.0
                    learner.training_step(inputs, compute, factor)
                done += 1
                advance(1)
                save_if_due(learners, epoch, done, resume, requests)
            training = healthy_learners(learners)
            losses = validation_losses(training, source.query("valid", 0, seed), compute)
            for learner, loss in zip(training.values(), losses, strict=True):
                learner.track_best(loss)
            epoch, done = epoch + 1, 0
        diverged = [name for name, learner in learners.items() if learner.has_diverged]
        # so that resuming the second attempt does not repeat the first
        if resume is not None and diverged:
            save_progress(resume, learners, epoch, done)
    for learner in learners.values():
        learner.finish_training()
    return diverged


def healthy_learners(learners: Mapping[str, Learner]) -> dict[str, Learner]:
    """Return the learners that have not diverged."""
    return {name: learner for name, learner in learners.items() if not learner.has_diverged}


def load_progress(
    learners: Mapping[str, Learner], resume: ResumeCheckpoint | None
) -> tuple[int, int]:
    """Restore learners from a checkpoint, if there is one.

    Args:
        learners: learners after ``start_training``.
        resume: see ``fit_all``.

    Returns:
        The epoch, and the number of its batches that are done.
    """
    checkpoint = resume.read() if resume is not None else None
    if checkpoint is None:
        return 0, 0
    for name, learner in learners.items():
        learner.resume(checkpoint["learners"][name])
    return checkpoint["epoch"], checkpoint["done"]


def save_if_due(
    learners: Mapping[str, Learner],
    epoch: int,
    done: int,
    resume: ResumeCheckpoint | None,
    requests: StopRequests,
) -> None:
    """Save a checkpoint when the last one is old enough or a signal asks to stop.

    Raises:
        Interrupted: a signal asked to stop.
    """
    signum = requests.received
    if resume is not None and (signum is not None or resume.is_due()):
        save_progress(resume, learners, epoch, done)
    if signum is not None:
        raise Interrupted(signum, "run the same command again to resume")


def save_progress(
    resume: ResumeCheckpoint, learners: Mapping[str, Learner], epoch: int, done: int
) -> None:
    """Save a checkpoint of all learners."""
    for learner in learners.values():
        learner.check_divergence()
    states = {name: learner.checkpoint() for name, learner in learners.items()}
    resume.write({"epoch": epoch, "done": done, "learners": states})


def validation_losses(
    learners: Mapping[str, Learner], batches: Iterable[CensoredBatch], compute: Compute
) -> list[float]:
    """Return each learner's mean negative log-likelihood over all images, in nats."""
    for learner in learners.values():
        learner.network.eval()
    totals, count = [0.0] * len(learners), 0
    for batch in batches:
        count += len(batch.images)
        for index, learner in enumerate(learners.values()):
            with torch.no_grad(), compute.autocast():
                totals[index] += learner.summed_nll(batch).item()
    return [total / count for total in totals]
