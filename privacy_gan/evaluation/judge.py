"""The judge: what an adversary learns of censored images, and what everyone else still can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from privacy_gan.attributes import find_attribute
from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation import measures
from privacy_gan.evaluation.attacking import (
    attempts,
    describe,
    query,
    read_all,
    strongest,
)
from privacy_gan.evaluation.bootstrap import Bootstrap
from privacy_gan.evaluation.censoring import Arithmetic, Censor
from privacy_gan.evaluation.classifiers import (
    ClassifierSchool,
    FixedClassifier,
    require_all_classes,
)
from privacy_gan.evaluation.floor import prior
from privacy_gan.evaluation.inception import load_inception
from privacy_gan.evaluation.learning import Learner, learn_together
from privacy_gan.evaluation.record import Evaluation
from privacy_gan.evaluation.references import References
from privacy_gan.evaluation.scores import SCORES
from privacy_gan.evaluation.viewing import view_test_split
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.privatizers.identity import Identity
from privacy_gan.randomness import Purpose, keyed_seed


class Judge:
    """Judges any mechanism on any data.

    Args:
        classifiers: where fixed classifiers come from.
        references: where the same adversaries' answers on original images come from.
        attributes: that are measured; all but the sensitive one are the utility attributes.
        attackers: functions that make them, by name, see evaluation/attackers.py; None is left out.
        seed: of the attackers' weights, of their batches' order and of all noise.
        epochs: that attackers learn; each is taken at its best by validation loss.
        batch_size: of the attackers.
        queries: numbers of censored versions of an image that attackers see.
        resamples: of the bootstrap.
        inception_weights: file with torch-fidelity's InceptionV3 for its FID, or None.

    Raises:
        UserError: there is no attacker or no query.
    """

    def __init__(
        self,
        classifiers: ClassifierSchool,
        references: References,
        attributes: Sequence[str],
        attackers: Mapping[str, Callable[..., Learner] | None],
        seed: int,
        epochs: int,
        batch_size: int,
        queries: Sequence[int],
        resamples: int,
        inception_weights: str | Path | None = None,
    ) -> None:
        self.classifiers = classifiers
        self.references = references
        self.attributes = attributes
        self.makers = {name: make for name, make in attackers.items() if make is not None}
        self.seed = seed
        self.epochs = epochs
        self.batch_size = batch_size
        self.queries = sorted(queries)
        self.bootstrap = Bootstrap(resamples, seed)
        self.inception_weights = inception_weights
        if not self.makers:
            raise UserError("judge.attackers is empty: nobody would try to learn the attribute")
        if not self.queries or self.queries[0] < 1:
            raise UserError(f"judge.queries={list(queries)} must be numbers of 1 or more")
        for name in ("epochs", "batch_size", "resamples"):
            if getattr(self, name, resamples) < 1:
                raise UserError(f"judge.{name} must be 1 or more")

    def judge(
        self,
        privatizer: Privatizer,
        datamodule: TableDataModule,
        attribute: str,
        arithmetic: Arithmetic,
        epsilon: float,
        epsilon_batch_size: int,
    ) -> Evaluation:
        """Attack a mechanism and measure it.

        Args:
            privatizer: the mechanism, trained.
            datamodule: set up.
            attribute: the sensitive one.
            arithmetic: where and how exactly to compute.
            epsilon: the mechanism's distortion budget.
            epsilon_batch_size: images whose mean distortion the budget was meant for.

        Raises:
            UserError: the data lack an attribute, or one of its classes in some split; or a fixed
                classifier is damaged.
        """
        utilities = self.check(datamodule, attribute)
        fixed = self.classifiers.get([attribute, *utilities], datamodule, arithmetic)
        inception = load_inception(self.inception_weights, arithmetic.device)
        censor = Censor(
            privatizer.to(arithmetic.device), datamodule, self.batch_size, self.seed, arithmetic
        )
        labels = {split: labels_of(datamodule, split, fixed) for split in SPLITS}
        sensitive = {split: by_name[attribute] for split, by_name in labels.items()}
        classes = datamodule.classes(attribute)
        frequencies = prior(sensitive["train"], len(classes))

        queries = [1] if privatizer.deterministic else self.queries
        answers = self.answers(censor, attribute, fixed, self.makers, self.seed, queries[-1])
        originals = self.original_answers(datamodule, attribute, arithmetic, fixed)
        read, read_originals = (
            read_all(of["valid"], of["test"], sensitive["valid"], frequencies, times)
            for of, times in [(answers, queries), (originals, [1])]
        )
        best, best_originals = (
            {score: strongest(of, score) for score in SCORES} for of in (read, read_originals)
        )
        view = view_test_split(censor, fixed, inception, len(classes))
        floor = measures.floor_of(attribute, labels["train"], labels["test"], len(classes))
        found = {
            **measures.privacy(
                {score: who.readings[score].test for score, who in best.items()},
                {score: who.readings[score].test for score, who in best_originals.items()},
                floor,
                frequencies,
                sensitive["test"],
                self.bootstrap,
            ),
            **measures.as_in_the_paper(
                answers["test"], originals["test"], sensitive["test"], self.bootstrap
            ),
            **measures.utility(view, utilities, labels["train"], labels["test"], self.bootstrap),
            **measures.replacement(view, attribute, utilities, len(classes), self.bootstrap),
            **measures.change(view, epsilon, epsilon_batch_size, self.bootstrap),
        }
        accuracies = {name: classifier.test_accuracy for name, classifier in fixed.items()}
        return Evaluation(
            attribute=attribute,
            classes=classes,
            images={split: len(values) for split, values in sensitive.items()},
            measures=found,
            strongest={score: describe(who) for score, who in best.items()},
            attempts=attempts(read, sensitive["test"], frequencies, self.bootstrap),
            classifiers=accuracies,
            warnings=measures.warnings(found, attribute, accuracies),
        )

    def original_answers(
        self,
        datamodule: TableDataModule,
        attribute: str,
        arithmetic: Arithmetic,
        fixed: Mapping[str, FixedClassifier],
    ) -> dict[str, dict[str, Tensor]]:
        """Return what the same adversaries say after learning from original images, by split."""

        def make(names: Sequence[str], seed: int) -> dict[str, dict[str, Tensor]]:
            untouched = Censor(Identity(), datamodule, self.batch_size, seed, arithmetic)
            makers = {name: self.makers[name] for name in names}
            return self.answers(untouched, attribute, fixed, makers, seed, queries=1)

        return self.references.get(list(self.makers), datamodule, attribute, make)

    def check(self, datamodule: TableDataModule, attribute: str) -> list[str]:
        """Return the utility attributes; what ``judge`` would refuse later is refused now.

        Raises:
            UserError: see ``judge``.
        """
        found = [find_attribute(name, datamodule.attribute_names) for name in self.attributes]
        for split in SPLITS:
            require_all_classes(datamodule, split, attribute)
        load_inception(self.inception_weights, torch.device("cpu"))
        group = datamodule.group
        hidden = group.members if group and attribute == group.name else (attribute,)
        return [name for name in found if name not in hidden]

    def answers(
        self,
        censor: Censor,
        attribute: str,
        fixed: Mapping[str, FixedClassifier],
        makers: Mapping[str, Callable[..., Learner]],
        seed: int,
        queries: int,
    ) -> dict[str, dict[str, Tensor]]:
        """Return what adversaries say of both splits after learning from the training split.

        Args:
            censor: of all images.
            attribute: the one that they tell.
            fixed: the fixed classifiers.
            makers: of the adversaries, by name.
            seed: of their weights and of the augmentation.
            queries: how often they see each image.

        Returns:
            Probabilities by split and adversary, float64 [queries, N, C].
        """
        attackers = self.train_attackers(censor, attribute, fixed, makers, seed)
        return {split: query(attackers, censor, split, queries) for split in ("valid", "test")}

    def train_attackers(
        self,
        censor: Censor,
        attribute: str,
        fixed: Mapping[str, FixedClassifier],
        makers: Mapping[str, Callable[..., Learner]],
        seed: int,
    ) -> dict[str, Learner]:
        """Return adversaries, trained on the same batches; see ``answers``."""
        column = censor.datamodule.column(attribute)
        num_classes = len(censor.datamodule.classes(attribute))
        attackers = {}
        for name, make in makers.items():
            with torch.random.fork_rng():  # the same attacker whoever else attacks
                torch.manual_seed(keyed_seed(seed, Purpose.JUDGE_INIT, *name.encode()))
                attackers[name] = make(
                    num_classes=num_classes, column=column, fixed=fixed[attribute].network
                )
        learn_together(
            attackers,
            censor.training_epoch,
            lambda: censor.query("valid", 0),
            self.epochs,
            censor.batches_in("train"),
            seed,
            censor.arithmetic,
            "attackers",
        )
        return attackers


def labels_of(
    datamodule: TableDataModule, split: str, attributes: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Return a split's labels by attribute, [N] each."""
    labels = datamodule.labels(split)
    return {name: labels[:, datamodule.column(name)] for name in attributes}
