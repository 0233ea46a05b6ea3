"""Attacks: networks learn from a source's images, then answer of images that they have not seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.fitting import learn_or_leave_out
from privacy_gan.evaluation.learning import Learner, query
from privacy_gan.evaluation.predictions import Answers
from privacy_gan.evaluation.retrained import RETRAINED
from privacy_gan.evaluation.source import CensoredSource
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.artifacts import ResumeState
from privacy_gan.runs.checkpoint import save
from privacy_gan.tensors import first_undefined

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attack:
    """What is attacked, and how.

    Attributes:
        source: of the images.
        attribute: the one that adversaries tell.
        utilities: those that the retrained classifier tells.
        fixed: the fixed classifiers, of all these; none where there are no original images.
        makers: of all networks by name: adversaries, and perhaps ``RETRAINED``.
        seed: of weights, of order, noise and augmentation.
        epochs: that they learn.
        batch_size: that they learn from.
        queries: numbers of times that they are shown each image afterwards, the most last.
    """

    source: CensoredSource
    attribute: str
    utilities: Sequence[str]
    fixed: Mapping[str, FixedClassifier]
    makers: Mapping[str, Callable[..., Learner]]
    seed: int
    epochs: int
    batch_size: int
    queries: Sequence[int]

    def answers(
        self,
        names: Sequence[str],
        resume: ResumeState | None,
        keep_in: Callable[[str], Path | None] = lambda _: None,
    ) -> Answers:
        """Return networks' answers on both splits after learning from the training split.

        Those of a network that diverged are empty.

        Args:
            names: of the networks.
            resume: of their training.
            keep_in: names the file in which an adversary is kept as it is after its training, None
                for none.
        """
        learners = self.train(names, resume)
        for name in learners.keys() - {RETRAINED}:
            if (path := keep_in(name)) is not None:
                save(path, learners[name].learned())
        seen = {
            split: query(learners, self.source, split, self.queries[-1], self.seed)
            for split in ("valid", "test")
        }
        return {name: answered(name, seen) for name in names}

    def train(self, names: Sequence[str], resume: ResumeState | None) -> dict[str, Learner]:
        """Return networks, trained on the same batches, but for those that diverged."""

        def make(name: str) -> Learner:
            with torch.random.fork_rng():  # a network's weights do not depend on the others
                torch.manual_seed(keyed_seed(self.seed, Purpose.JUDGE_INIT, *name.encode()))
                return self.make(name)

        how = (self.epochs, self.batch_size, self.seed, "adversaries")
        return learn_or_leave_out(make, names, self.source, *how, resume)

    def make(self, name: str) -> Learner:
        """Return a network before it has learned."""
        datamodule = self.source.datamodule
        if name == RETRAINED:
            return self.makers[name](
                columns=[datamodule.column(other) for other in self.utilities],
                sizes=[len(datamodule.classes(other)) for other in self.utilities],
            )
        return self.makers[name](
            num_classes=len(datamodule.classes(self.attribute)),
            column=datamodule.column(self.attribute),
            fixed=self.fixed[self.attribute].network if self.fixed else None,
        )


def answered(name: str, seen: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return a network's answers by split; none where it diverged, or they are not finite."""
    answers = {split: by_name[name] for split, by_name in seen.items() if name in by_name}
    if first_undefined(answers) is not None:
        log.warning("%s answers with values that are not finite and is left out", name)
        return {}
    return answers


def require_some(answers: Answers, adversaries: Iterable[str], images: str) -> None:
    """Refuse to judge where nobody learned anything.

    Raises:
        UserError: all adversaries were left out.
    """
    if not any(answers[name] for name in adversaries):
        raise UserError(
            f"all adversaries diverged on {images} ({', '.join(adversaries)}), so what leaks is "
            "not known: set smaller learning rates, judge.adversaries.NAME.recipe.optimizer.lr, or "
            "trainer.precision=32-true"
        )
