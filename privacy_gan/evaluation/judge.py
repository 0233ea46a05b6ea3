"""The judge: what adversaries learn from censored images, and what stays useful in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from privacy_gan import distributed
from privacy_gan.attributes import find_attribute
from privacy_gan.data.release_format import FLOAT, ReleaseFormat
from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.attack import Attack, require_any_adversary
from privacy_gan.evaluation.classifiers import (
    FixedClassifier,
    FixedClassifiers,
    require_all_classes,
)
from privacy_gan.evaluation.evaluate import collect_observations, evaluate, split_labels
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.outputs import load_inception
from privacy_gan.evaluation.predictions import QueryProbabilities
from privacy_gan.evaluation.retrained import RETRAINED
from privacy_gan.evaluation.saved_adversary import describe_strongest
from privacy_gan.evaluation.source import CensoredSource, original_images, with_file_format
from privacy_gan.runs.artifacts import ArtifactCache, Content
from privacy_gan.runs.result import Evaluation


class Judgement(NamedTuple):
    """What a judge finds.

    Attributes:
        evaluation: in numbers.
        strongest: who tells most of single images, see evaluation/kept.py.
    """

    evaluation: Evaluation
    strongest: Content


class JudgingCache(ArtifactCache):
    """How far one judgement is: what adversaries answer of censored images.

    Args:
        folder: of the files.
        key: what decides how the judgement turns out, in any form that changes with it.
        every_minutes: time between two writes of a resume state.
        keeps_networks: whether the adversaries' networks are kept, too.
    """

    def __init__(
        self, folder: Path, key: str, every_minutes: float, saves_weights: bool = False
    ) -> None:
        super().__init__(folder, "the judge's adversaries", every_minutes)
        self.key = key
        self.saves_weights = saves_weights

    def answers(self, attribute: str, name: str) -> Path:
        """Return the file with what one that learned to tell an attribute answers."""
        return self.path(f"{attribute}-{name}", self.key)

    def networks(self, attribute: str, name: str) -> Path | None:
        """Return the file with its networks, None where these are not kept."""
        return self.path(f"{attribute}-{name}-networks", self.key) if self.saves_weights else None


class Judge:
    """Judges any source of censored images.

    Args:
        classifiers: where fixed classifiers come from.
        reference_settings: by adversary, and of the retrained classifier: what decides what it
            answers of original images, in any form that changes with it.
        attributes: that are measured; all but the sensitive one are the utility attributes.
        adversaries: functions that make them, by name, see evaluation/adversaries.py; None is
            left out.
        seed: of the adversaries' weights, of their batches' order and of all noise.
        epochs: that adversaries learn; each is taken at its best by validation loss.
        batch_size: of the adversaries.
        queries: numbers of censored versions of an image that adversaries see.
        resamples: of the bootstrap.
        inception_weights: file with torch-fidelity's InceptionV3 for its FID, or None.
        released_as: how adversaries get the images: "float", as the mechanism makes them, or as
            read from files, "png" or "jpeg-QUALITY".
        retrained: makes the classifier of the utility attributes that learns from censored images,
            see evaluation/retrained.py; None leaves it out.

    Raises:
        UserError: there is no adversary or no query, or an adversary cannot be made.
    """

    def __init__(
        self,
        classifiers: FixedClassifiers,
        reference_settings: Mapping[str, str],
        attributes: Sequence[str],
        adversaries: Mapping[str, Callable[..., Learner] | None],
        seed: int,
        epochs: int,
        batch_size: int,
        queries: Sequence[int],
        resamples: int,
        inception_weights: str | Path | None = None,
        retrained: Callable[..., Learner] | None = None,
        released_as: str = FLOAT,
    ) -> None:
        self.classifiers = classifiers
        self.reference_settings = reference_settings
        self.attributes = attributes
        self.factories = {name: make for name, make in adversaries.items() if make is not None}
        self.seed = seed
        self.epochs = epochs
        self.batch_size = batch_size
        self.queries = sorted(queries)
        self.bootstrap = Bootstrap(resamples, seed)
        self.inception_weights = inception_weights
        self.retrained = retrained
        self.released_as = released_as
        self._require_usable()

    def _require_usable(self) -> None:
        if self.released_as != FLOAT:
            ReleaseFormat.of(self.released_as)  # refuses what there is not
        for name, make in self.factories.items():
            if not callable(make):
                raise UserError(
                    f"judge.adversaries.{name} cannot be made, for it lacks _target_ and "
                    "_partial_=true (was it left out, as judge=quick does?): complete it, or leave "
                    f"it out with judge.adversaries.{name}=null"
                )
        if RETRAINED in self.factories:
            raise UserError(f"judge.adversaries.{RETRAINED} is taken: give it another name")
        if not self.factories:
            raise UserError("judge.adversaries is empty: nobody would try to learn the attribute")
        if not self.queries or self.queries[0] < 1:
            raise UserError(f"judge.queries={self.queries} must be numbers of 1 or more")
        numbers = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "resamples": self.bootstrap.resamples,
        }
        for name, value in numbers.items():
            if value < 1:
                raise UserError(f"judge.{name} must be 1 or more")

    def check(self, datamodule: TableDataModule, attribute: str) -> list[str]:
        """Return the utility attributes; what ``judge`` would refuse later is refused now.

        Raises:
            UserError: see ``judge``.
        """
        if self.released_as != FLOAT and not datamodule.viewable:
            raise UserError(
                f"judge.released_as={self.released_as} is about pictures, which "
                f"{datamodule.data_name} is not: set it to {FLOAT}"
            )
        found = [find_attribute(name, datamodule.attribute_names) for name in self.attributes]
        for split in SPLITS:
            require_all_classes(datamodule, split, attribute)
        load_inception(self.inception_weights, torch.device("cpu"))
        group = datamodule.group
        hidden = group.members if group and attribute == group.name else (attribute,)
        return [name for name in found if name not in hidden]

    def judge(
        self,
        source: CensoredSource,
        attribute: str,
        epsilon: float | None,
        epsilon_batch_size: int,
        discriminator_loss: float | None = None,
        cache: JudgingCache | None = None,
    ) -> Judgement:
        """Attack censored images and measure them.

        Several processes divide the adversaries among them; the first one measures.

        Args:
            source: of the censored images: a mechanism, or images that someone else censored.
            attribute: the sensitive one.
            epsilon: the distortion budget, or None where there was none.
            epsilon_batch_size: images whose mean distortion the budget was meant for.
            discriminator_loss: of the filter's discriminator on validation images, nats, or None.
            cache: where to keep how far the judgement is; None keeps nothing.

        Raises:
            UserError: the data lack an attribute, or one of its classes in some split; a fixed
                classifier is damaged; or all adversaries diverge.
            Interrupted: a signal asked to stop; with a cache the same call goes on.
        """
        source = with_file_format(source, self.released_as)
        utilities = self.check(source.datamodule, attribute)
        fixed: Mapping[str, FixedClassifier] = {}
        if source.has_originals:
            measured = [attribute, *utilities]
            fixed = self.classifiers.get(measured, source.datamodule, source.compute)
        attack = self.attack(source, attribute, utilities, fixed)
        censored = attack_censored(attack, cache)
        require_any_adversary(censored, self.factories, "the censored images")
        originals = self.attack_originals(attack) if source.has_originals else None
        how = (epsilon, epsilon_batch_size, discriminator_loss)
        return distributed.broadcast_from_rank_zero(
            lambda: self.measure(attack, censored, originals, *how)
        )

    def attack(
        self,
        source: CensoredSource,
        attribute: str,
        utilities: Sequence[str],
        fixed: Mapping[str, FixedClassifier],
    ) -> Attack:
        """Return the attack of all adversaries, and of the retrained classifier if there is one.

        Args:
            source: see ``Attack``, as all that follow.
            attribute: the sensitive one.
            utilities: the utility attributes.
            fixed: the fixed classifiers of all these.
        """
        factories = dict(self.factories)
        if self.retrained is not None and utilities:
            factories[RETRAINED] = self.retrained
        queries = [1] if source.deterministic else self.queries
        how = (self.seed, self.epochs, self.batch_size, queries)
        return Attack(source, attribute, utilities, fixed, factories, *how)

    def attack_originals(self, attack: Attack) -> QueryProbabilities:
        """Return what the same networks answer of original images after learning from such.

        They are trained once for each data set, attribute and way of training, and their answers
        are kept beside the fixed classifiers. Their seed is that of the classifiers.
        """
        datamodule = attack.source.datamodule
        attack = replace(
            attack,
            source=original_images(datamodule, attack.source.compute),
            seed=self.classifiers.seed,
            queries=[1],
        )
        what = f"reference adversaries of {attack.attribute}"
        cache = self.classifiers.cache(datamodule.split_name(), what)
        paths = {
            name: cache.path(f"{attack.attribute}-{name}", self.reference_settings[name])
            for name in attack.factories
        }
        answers = cache.get(paths, attack.answers)
        require_any_adversary(answers, self.factories, "the original images")
        return answers

    def measure(
        self,
        attack: Attack,
        censored: QueryProbabilities,
        originals: QueryProbabilities | None,
        epsilon: float | None,
        epsilon_batch_size: int,
        discriminator_loss: float | None = None,
    ) -> Judgement:
        """Return what is found.

        Args:
            attack: on the censored images.
            censored: what its networks answer.
            originals: what the same ones answer of original images after learning from such.
            epsilon: see ``judge``, as all that follow.
            epsilon_batch_size: images whose mean distortion the budget was meant for.
            discriminator_loss: of the filter's discriminator.
        """
        seen = collect_observations(
            attack,
            censored,
            originals,
            bootstrap=self.bootstrap,
            inception=load_inception(self.inception_weights, attack.source.compute.device),
            epsilon=epsilon,
            epsilon_batch_size=epsilon_batch_size,
            discriminator_loss=discriminator_loss,
        )
        left_out = {
            images: [name for name, answered in answers.items() if not answered]
            for images, answers in (("censored", censored), ("original", originals or {}))
        }
        labels = split_labels(attack.source.datamodule, "valid", [attack.attribute])
        strongest = describe_strongest(seen, labels[attack.attribute])
        return Judgement(evaluate(attack, seen, left_out), strongest)


def attack_censored(attack: Attack, cache: JudgingCache | None) -> QueryProbabilities:
    """Return what networks answer after learning from a source's images.

    Args:
        attack: on the images.
        cache: of the judgement; None keeps nothing.
    """
    names = list(attack.factories)
    if cache is None:
        return distributed.scatter_work(names, lambda some: attack.answers(some, None))
    return cache.get(
        {name: cache.answers(attack.attribute, name) for name in names},
        partial(attack.answers, weights_path=partial(cache.networks, attack.attribute)),
    )
