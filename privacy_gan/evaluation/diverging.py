"""Networks that diverge while they learn: begun anew once, more slowly, then left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from privacy_gan.evaluation.bookmark import Bookmark
from privacy_gan.evaluation.learning import Learner, learn_together
from privacy_gan.evaluation.source import CensoredSource

log = logging.getLogger(__name__)

SLOWER = 0.5  # of its learning rate is what a network that diverged begins anew with


def learn_or_leave_out(
    make: Callable[[str], Learner],
    names: Sequence[str],
    source: CensoredSource,
    epochs: int,
    batch_size: int,
    seed: int,
    description: str,
    bookmark: Bookmark | None = None,
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
        bookmark: of their training.

    Raises:
        Interrupted: a signal asked to stop; with a bookmark the same call goes on.
    """
    how = (source, epochs, batch_size, seed, description)
    learners = {name: make(name) for name in names}
    diverged = learn_together(learners, *how, bookmark)
    if not diverged:
        return learners
    log.warning(
        "%s diverged while learning: begun anew with half the learning rate", ", ".join(diverged)
    )
    again = {name: make(name) for name in diverged}
    for learner in again.values():
        learner.rate = SLOWER
    second = None if bookmark is None else bookmark.again()
    left_out = learn_together(again, *how, second)
    if left_out:
        log.warning("%s diverged again and is left out", ", ".join(left_out))
    learners |= again
    return {name: learners[name] for name in names if name not in left_out}
