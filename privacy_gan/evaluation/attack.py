"""Attacks: train networks on a source's images and predict images that they have not seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from privacy_gan import distributed
from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.fitting import fit_or_exclude
from privacy_gan.evaluation.halving import Gather, Limits, Trained, fit_until_done
from privacy_gan.evaluation.learning import Learner, predict_queries
from privacy_gan.evaluation.outcomes import Outcome
from privacy_gan.evaluation.source import CensoredSource
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.checkpoint import save_atomically
from privacy_gan.runs.evaluation import RETRAINED
from privacy_gan.tensors import find_non_finite

log = logging.getLogger(__name__)


PAPER = "paper"  # name of the paper's adversary among the networks of an attack
PAPER_EPOCHS = 5  # section 4.3


@dataclass(frozen=True)
class Attack:
    """An attack on a source of images: the networks and how they are trained.

    Attributes:
        source: source of the images.
        attribute: the attribute that the adversaries predict.
        utilities: the attributes that the retrained classifier predicts.
        fixed: fixed classifiers of all these attributes; empty without original images.
        factories: create the networks, by name: the adversaries and, optionally, ``RETRAINED`` and
            ``PAPER``.
        seed: seed of the weights, the order, the noise and the augmentation.
        limits: bounds of the training.
        batch_size: images per training batch.
        queries: numbers of queries to predict from, in ascending order.
        label: what the networks are, for progress bars and log lines.
    """

    source: CensoredSource
    attribute: str
    utilities: Sequence[str]
    fixed: Mapping[str, FixedClassifier]
    factories: Mapping[str, Callable[..., Learner]]
    seed: int
    limits: Limits
    batch_size: int
    queries: Sequence[int]
    label: str = "adversaries"

    @property
    def adversaries(self) -> list[str]:
        """Names of the networks that predict the sensitive attribute, without the paper's."""
        return [name for name in self.factories if name not in (RETRAINED, PAPER)]

    def run(
        self,
        names: Sequence[str],
        resume: ResumeCheckpoint | None = None,
        weights_path: Callable[[str], Path | None] = lambda _: None,
        gather: Gather = lambda value: [value],
    ) -> dict[str, Outcome]:
        """Train networks on the training split and predict the validation and test splits.

        Args:
            names: names of the networks.
            resume: checkpoint of their training.
            weights_path: returns the file to which an adversary's weights are saved after its
                training, None to save none.
            gather: exchanges values with the processes that train other networks of the same
                attack, see ``fit_until_done``.

        Returns:
            The outcomes of these networks by name.

        Raises:
            Interrupted: a signal asked to stop. The same call resumes from the checkpoint.
        """
        trained = self.train(names, resume, gather)
        learners = {name: each.learner for name, each in trained.items()}
        for name in learners.keys() - {RETRAINED, PAPER}:
            if (path := weights_path(name)) is not None:
                save_atomically(path, learners[name].export_weights())
        queries = 1 if set(names) <= {RETRAINED, PAPER} else self.queries[-1]
        by_split = {
            split: predict_queries(learners, self.source, split, queries, self.seed)
            for split in ("valid", "test")
        }
        return {
            name: Outcome(finite_probabilities(name, by_split), trained[name].curve)
            if name in trained
            else Outcome()
            for name in names
        }

    def run_on_all_ranks(
        self,
        names: Sequence[str],
        resume: ResumeCheckpoint | None = None,
        weights_path: Callable[[str], Path | None] = lambda _: None,
    ) -> dict[str, Outcome]:
        """Do what ``run`` does, with the networks divided among the ranks; all return the same."""
        if list(names) == [PAPER]:
            return distributed.broadcast_from_rank_zero(
                lambda: self.run(names, resume, weights_path)
            )
        local_names = names[distributed.rank() :: distributed.world_size()]
        local = self.run(local_names, resume, weights_path, distributed.all_gather)
        outcomes = {
            name: each for part in distributed.all_gather(local) for name, each in part.items()
        }
        return {name: outcomes[name] for name in names}

    def train(
        self,
        names: Sequence[str],
        resume: ResumeCheckpoint | None = None,
        gather: Gather = lambda value: [value],
    ) -> dict[str, Trained]:
        """Train networks on the same batches and return those that did not diverge; see ``run``."""

        def factory(name: str) -> Learner:
            with torch.random.fork_rng():  # a network's weights do not depend on the others
                torch.manual_seed(keyed_seed(self.seed, Purpose.JUDGE_INIT, *name.encode()))
                return self.create_learner(name)

        if list(names) == [PAPER]:
            settings = (self.source, PAPER_EPOCHS, self.batch_size, self.seed, "paper's adversary")
            found = fit_or_exclude(factory, names, *settings, resume)
            return {name: Trained(learner, None) for name, learner in found.items()}
        return fit_until_done(
            factory,
            names,
            self.source,
            self.limits,
            self.batch_size,
            self.seed,
            self.label,
            resume,
            exempt=[RETRAINED],
            gather=gather,
        )

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
    outcomes: Mapping[str, Outcome], adversaries: Iterable[str], images: str
) -> None:
    """Require that at least one adversary did not diverge.

    Raises:
        UserError: all adversaries were excluded.
    """
    if not any(outcomes[name].probabilities for name in adversaries):
        raise UserError(
            f"all adversaries diverged on {images} ({', '.join(adversaries)}), so the leakage is "
            "unknown: set smaller learning rates with judge.adversaries.NAME.recipe.optimizer.lr, "
            "or trainer.precision=32-true"
        )
