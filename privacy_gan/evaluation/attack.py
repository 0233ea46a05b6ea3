"""Attacks: train networks on a source's images and predict images that they have not seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.fitting import fit_or_exclude
from privacy_gan.evaluation.learning import Learner, predict_queries
from privacy_gan.evaluation.predictions import QueryProbabilities
from privacy_gan.evaluation.source import CensoredSource
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.checkpoint import save_atomically
from privacy_gan.runs.result import RETRAINED
from privacy_gan.tensors import find_non_finite

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attack:
    """An attack on a source of images: the networks and how they are trained.

    Attributes:
        source: source of the images.
        attribute: the attribute that the adversaries predict.
        utilities: the attributes that the retrained classifier predicts.
        fixed: fixed classifiers of all these attributes; empty without original images.
        factories: create the networks, by name: the adversaries and, optionally, ``RETRAINED``.
        seed: seed of the weights, the order, the noise and the augmentation.
        epochs: epochs of training.
        batch_size: images per training batch.
        queries: numbers of queries to predict from, in ascending order.
    """

    source: CensoredSource
    attribute: str
    utilities: Sequence[str]
    fixed: Mapping[str, FixedClassifier]
    factories: Mapping[str, Callable[..., Learner]]
    seed: int
    epochs: int
    batch_size: int
    queries: Sequence[int]

    def run(
        self,
        names: Sequence[str],
        resume: ResumeCheckpoint | None,
        weights_path: Callable[[str], Path | None] = lambda _: None,
    ) -> QueryProbabilities:
        """Train networks on the training split and predict the validation and test splits.

        Args:
            names: names of the networks.
            resume: checkpoint of their training.
            weights_path: returns the file to which an adversary's weights are saved after its
                training, None to save none.

        Returns:
            Probabilities by network and split; those of a network that diverged are empty.
        """
        learners = self.train(names, resume)
        for name in learners.keys() - {RETRAINED}:
            if (path := weights_path(name)) is not None:
                save_atomically(path, learners[name].export_weights())
        by_split = {
            split: predict_queries(learners, self.source, split, self.queries[-1], self.seed)
            for split in ("valid", "test")
        }
        return {name: finite_probabilities(name, by_split) for name in names}

    def train(self, names: Sequence[str], resume: ResumeCheckpoint | None) -> dict[str, Learner]:
        """Train networks on the same batches and return those that did not diverge."""

        def factory(name: str) -> Learner:
            with torch.random.fork_rng():  # a network's weights do not depend on the others
                torch.manual_seed(keyed_seed(self.seed, Purpose.JUDGE_INIT, *name.encode()))
                return self.create_learner(name)

        settings = (self.epochs, self.batch_size, self.seed, "adversaries")
        return fit_or_exclude(factory, names, self.source, *settings, resume)

    def create_learner(self, name: str) -> Learner:
        """Create a network, untrained."""
        datamodule = self.source.datamodule
        if name == RETRAINED:
            return self.factories[name](
                columns=[datamodule.column(utility) for utility in self.utilities],
                sizes=[len(datamodule.classes(utility)) for utility in self.utilities],
            )
        return self.factories[name](
            num_classes=len(datamodule.classes(self.attribute)),
            column=datamodule.column(self.attribute),
            fixed=self.fixed[self.attribute].network if self.fixed else None,
        )


def finite_probabilities(
    name: str, by_split: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Return a network's probabilities by split; none if it diverged or they are not finite."""
    found = {split: by_name[name] for split, by_name in by_split.items() if name in by_name}
    if find_non_finite(found) is not None:
        log.warning("%s predicts values that are not finite: excluded", name)
        return {}
    return found


def require_any_adversary(
    probabilities: QueryProbabilities, adversaries: Iterable[str], images: str
) -> None:
    """Require that at least one adversary did not diverge.

    Raises:
        UserError: all adversaries were excluded.
    """
    if not any(probabilities[name] for name in adversaries):
        raise UserError(
            f"all adversaries diverged on {images} ({', '.join(adversaries)}), so the leakage is "
            "unknown: set smaller learning rates with judge.adversaries.NAME.recipe.optimizer.lr, "
            "or trainer.precision=32-true"
        )
