"""Several networks learn from the same batches, side by side; who diverges is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor

from privacy_gan.errors import Interrupted
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource, batches_in
from privacy_gan.hardware import Compute
from privacy_gan.interruption import StopRequests
from privacy_gan.progress import progress
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.artifacts import ResumeState

log = logging.getLogger(__name__)

SLOWER = 0.5  # of its learning rate is what a network that diverged begins anew with
LARGEST_SHIFT = 1 / 16  # of an image's side


def learn_or_leave_out(
    make: Callable[[str], Learner],
    names: Sequence[str],
    source: CensoredSource,
    epochs: int,
    batch_size: int,
    seed: int,
    description: str,
    resume: ResumeState | None = None,
) -> dict[str, Learner]:
    """Return those networks that learned, all of them on the same batches.

    One whose loss or weights are no longer finite is begun anew once, after the others, with half
    its learning rate. If it diverges again, it is left out. The others do not notice.

    Args:
        make: makes a network, the same at each call.
        names: of the networks.
        source: see ``learn_together``, as all that follow.
        epochs: passes over the training split.
        batch_size: images in a batch.
        seed: of order, noise and augmentation.
        description: for the progress bar.
        resume: of their training.

    Raises:
        Interrupted: a signal asked to stop; with a resume state the same call goes on.
    """
    how = (source, epochs, batch_size, seed, description)
    learners = {name: make(name) for name in names}
    diverged = learn_together(learners, *how, resume)
    if not diverged:
        return learners
    log.warning(
        "%s diverged while learning: begun anew with half the learning rate", ", ".join(diverged)
    )
    again = {name: make(name) for name in diverged}
    for learner in again.values():
        learner.rate = SLOWER
    second = None if resume is None else resume.again()
    left_out = learn_together(again, *how, second)
    if left_out:
        log.warning("%s diverged again and is left out", ", ".join(left_out))
    learners |= again
    return {name: learners[name] for name in names if name not in left_out}


def learn_together(
    learners: Mapping[str, Learner],
    source: CensoredSource,
    epochs: int,
    batch_size: int,
    seed: int,
    description: str,
    resume: ResumeState | None = None,
) -> list[str]:
    """Train all learners on the same batches and leave each at its best epoch by validation loss.

    Args:
        learners: by name; all that do not diverge end ready to predict.
        source: of training and validation images.
        epochs: passes over the training split.
        batch_size: images in a batch.
        seed: of order, noise and augmentation, which are the same for all.
        description: for the progress bar.
        resume: where to go on from, and where to keep how far they are; None begins anew.

    Returns:
        The names of those that diverged, which stopped learning then.

    Raises:
        Interrupted: a signal asked to stop; with a resume state the same call goes on.
    """
    compute = source.compute
    batches = batches_in(source.datamodule, "train", batch_size)
    augmenting = any(learner.recipe.augmented for learner in learners.values())
    for learner in learners.values():
        learner.to(compute.device)
        learner.begin(epochs * batches)
    epoch, done = gone_on(learners, resume)
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
                keep(learners, epoch, done, resume, requests)
            validation = source.query("valid", 0, seed)
            learning = sound(learners)
            found = losses(learning, validation, compute)
            for learner, loss in zip(learning.values(), found, strict=True):
                learner.keep_if_best(loss)
            epoch, done = epoch + 1, 0
        diverged = [name for name, learner in learners.items() if learner.has_diverged]
        if resume is not None and diverged:  # which are begun anew, but not the others
            write(resume, learners, epoch, done)
    for learner in learners.values():
        learner.end()
    return diverged


def sound(learners: Mapping[str, Learner]) -> dict[str, Learner]:
    """Return those that have not diverged."""
    return {name: learner for name, learner in learners.items() if not learner.has_diverged}


def gone_on(learners: Mapping[str, Learner], resume: ResumeState | None) -> tuple[int, int]:
    """Return the epoch, and the batches of it, that learners have done after going on from there.

    Args:
        learners: ready to begin.
        resume: see ``learn_together``.
    """
    found = resume.read() if resume is not None else None
    if found is None:
        return 0, 0
    for name, learner in learners.items():
        learner.go_on_from(found["learners"][name])
    return found["epoch"], found["done"]


def keep(
    learners: Mapping[str, Learner],
    epoch: int,
    done: int,
    resume: ResumeState | None,
    requests: StopRequests,
) -> None:
    """Keep how far learners are, where a signal or the time since the last time asks for it.

    Raises:
        Interrupted: a signal asked to stop.
    """
    stopped = requests.received
    if resume is not None and (stopped is not None or resume.is_due()):
        write(resume, learners, epoch, done)
    if stopped is not None:
        raise Interrupted(stopped, "repeat the command to go on")


def write(resume: ResumeState, learners: Mapping[str, Learner], epoch: int, done: int) -> None:
    """Keep how far learners are."""
    for learner in learners.values():
        learner.look()
    states = {name: learner.state() for name, learner in learners.items()}
    resume.write({"epoch": epoch, "done": done, "learners": states})


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


def flipped_and_shifted(batch: CensoredBatch, rng: torch.Generator) -> CensoredBatch:
    """Mirror half of a batch's images and shift each by whole pixels.

    The censored image and its original are moved alike; where an image leaves the frame, its edge
    is repeated.

    Args:
        batch: images [B, C, H, W].
        rng: of all that is random, on the images' device.
    """
    count, _, height, width = batch.images.shape
    device = batch.images.device
    mirrored = torch.randint(2, (count,), generator=rng, device=device).bool()
    shifts = [
        torch.randint(-most, most + 1, (count,), generator=rng, device=device)
        for most in (int(LARGEST_SHIFT * height), int(LARGEST_SHIFT * width))
    ]

    def moved(images: Tensor) -> Tensor:
        return shifted(torch.where(mirrored[:, None, None, None], images.flip(3), images), *shifts)

    return batch._replace(images=moved(batch.images), original=moved(batch.original))


def shifted(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift images [B, C, H, W] by whole pixels, [B] each, repeating their edges."""
    _, _, height, width = images.shape
    rows = (torch.arange(height, device=images.device) - down[:, None]).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - right[:, None]).clamp(0, width - 1)
    places = torch.arange(len(images), device=images.device)[:, None, None]
    # indexing moves channels last, which is how the networks want them
    return images.permute(0, 2, 3, 1)[places, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )
