"""The judge: what adversaries learn from censored images, and what stays useful in them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from privacy_gan import replicas
from privacy_gan.attributes import find_attribute
from privacy_gan.data.release_format import FLOAT, ReleaseFormat
from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.bookmark import Bookmark, Bookmarks, Content
from privacy_gan.evaluation.bootstrap import Bootstrap
from privacy_gan.evaluation.classifiers import (
    FixedClassifier,
    FixedClassifiers,
    require_all_classes,
)
from privacy_gan.evaluation.diverging import learn_or_leave_out
from privacy_gan.evaluation.floor import prior
from privacy_gan.evaluation.inception import load_inception
from privacy_gan.evaluation.kept import strongest_of
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.measuring import labels_of, measure
from privacy_gan.evaluation.predictions import query
from privacy_gan.evaluation.references import Answers, References
from privacy_gan.evaluation.released import as_released
from privacy_gan.evaluation.retrained import RETRAINED
from privacy_gan.evaluation.source import CensoredSource, original_images
from privacy_gan.finite import first_undefined
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.result import Evaluation

log = logging.getLogger(__name__)


class Judge:
    """Judges any source of censored images.

    Args:
        classifiers: where fixed classifiers come from.
        references: where the same adversaries' answers on original images come from.
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
        references: References,
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
        self.references = references
        self.attributes = attributes
        self.makers = {name: make for name, make in adversaries.items() if make is not None}
        self.seed = seed
        self.epochs = epochs
        self.batch_size = batch_size
        self.queries = sorted(queries)
        self.bootstrap = Bootstrap(resamples, seed)
        self.inception_weights = inception_weights
        self.retrained = retrained
        self.released_as = released_as
        if released_as != FLOAT:
            ReleaseFormat.of(released_as)  # refuses what there is not
        for name, make in self.makers.items():
            if not callable(make):
                raise UserError(
                    f"judge.adversaries.{name} cannot be made, for it lacks _target_ and "
                    "_partial_=true (was it left out, as judge=quick does?): complete it, or leave "
                    f"it out with judge.adversaries.{name}=null"
                )
        if RETRAINED in self.makers:
            raise UserError(f"judge.adversaries.{RETRAINED} is taken: give it another name")
        if not self.makers:
            raise UserError("judge.adversaries is empty: nobody would try to learn the attribute")
        if not self.queries or self.queries[0] < 1:
            raise UserError(f"judge.queries={list(queries)} must be numbers of 1 or more")
        for name in ("epochs", "batch_size", "resamples"):
            if getattr(self, name, resamples) < 1:
                raise UserError(f"judge.{name} must be 1 or more")

    def judge(
        self,
        source: CensoredSource,
        attribute: str,
        epsilon: float | None,
        epsilon_batch_size: int,
        bookmarks: Bookmarks | None = None,
        keep: Callable[[Content], None] | None = None,
    ) -> Evaluation:
        """Attack censored images and measure them.

        Several processes divide the adversaries among them; the first one measures.

        Args:
            source: of the censored images: a mechanism, or images that someone else censored.
            attribute: the sensitive one.
            epsilon: the distortion budget, or None where there was none.
            epsilon_batch_size: images whose mean distortion the budget was meant for.
            bookmarks: where to keep how far the adversaries are; None keeps nothing.
            keep: called with the strongest adversary, see evaluation/kept.py, where there are
                bookmarks.

        Raises:
            UserError: the data lack an attribute, or one of its classes in some split; a fixed
                classifier is damaged; or all adversaries diverge.
            Interrupted: a signal asked to stop; with bookmarks the same call goes on.
        """
        source = as_released(source, self.released_as)
        datamodule = source.datamodule
        utilities = self.check(datamodule, attribute)
        fixed: Mapping[str, FixedClassifier] = {}
        if source.has_originals:
            fixed = self.classifiers.get([attribute, *utilities], datamodule, source.compute)
        names = self.learners(utilities)
        answers = replicas.divided(
            names,
            lambda some: self.answers(
                source,
                attribute,
                fixed,
                some,
                self.seed,
                self.queries_of(source)[-1],
                bookmarks.of(attribute, some) if bookmarks is not None else None,
                partial(bookmarks.learned, attribute) if bookmarks is not None and keep else None,
            ),
        )
        require_some(answers, self.makers, "the censored images")
        originals = None
        if source.has_originals:
            originals = self.original_answers(source, attribute, fixed, names)
            require_some(originals, self.makers, "the original images")
        if bookmarks is not None and keep is not None and replicas.rank() == 0:
            self.keep_strongest(datamodule, attribute, answers, bookmarks, keep)
        return replicas.of_first(
            lambda: measure(
                source,
                attribute,
                fixed,
                answers,
                originals,
                utilities=utilities,
                adversaries=list(self.makers),
                queries=self.queries_of(source),
                inception=load_inception(self.inception_weights, source.compute.device),
                bootstrap=self.bootstrap,
                seed=self.seed,
                epsilon=epsilon,
                epsilon_batch_size=epsilon_batch_size,
            )
        )

    def keep_strongest(
        self,
        datamodule: TableDataModule,
        attribute: str,
        answers: Answers,
        bookmarks: Bookmarks,
        keep: Callable[[Content], None],
    ) -> None:
        """Keep the adversary who tells most of single images, and what else showing it takes."""
        answers = {name: answers[name] for name in self.makers if answers[name]}
        labels = {split: labels_of(datamodule, split, [attribute])[attribute] for split in SPLITS}
        frequencies = prior(labels["train"], len(datamodule.classes(attribute)))
        content = strongest_of(answers, labels, frequencies, self.bootstrap)
        learned = bookmarks.learned(attribute, content["adversary"]).read()
        if learned is not None:
            keep({**content, "learned": learned, "data": datamodule.split_name()})

    def learners(self, utilities: Sequence[str]) -> list[str]:
        """Return the names of all that learn from censored images."""
        return [*self.makers, *([RETRAINED] if self.retrained and utilities else [])]

    def queries_of(self, source: CensoredSource) -> list[int]:
        """Return the numbers of queries that tell something."""
        return [1] if source.deterministic else self.queries

    def original_answers(
        self,
        source: CensoredSource,
        attribute: str,
        fixed: Mapping[str, FixedClassifier],
        names: Sequence[str],
    ) -> Answers:
        """Return the same networks' answers after learning from original images."""
        original = original_images(source.datamodule, source.compute)

        def make(names: Sequence[str], seed: int, bookmark: Bookmark) -> Answers:
            return self.answers(original, attribute, fixed, names, seed, 1, bookmark)

        return self.references.get(names, source.datamodule, attribute, make)

    def check(self, datamodule: TableDataModule, attribute: str) -> list[str]:
        """Return the utility attributes; what ``judge`` would refuse later is refused now.

        Raises:
            UserError: see ``judge``.
        """
        if self.released_as != FLOAT and not datamodule.pictures:
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

    def answers(
        self,
        source: CensoredSource,
        attribute: str,
        fixed: Mapping[str, FixedClassifier],
        names: Sequence[str],
        seed: int,
        queries: int,
        bookmark: Bookmark | None,
        learned: Callable[[str], Bookmark] | None = None,
    ) -> Answers:
        """Return networks' answers on both splits after learning from the training split.

        Those of a network that was left out are empty.

        Args:
            source: of the images.
            attribute: the one that adversaries tell.
            fixed: the fixed classifiers, of it and of the utility attributes; none where there are
                no original images.
            names: of the networks.
            seed: of their weights, of order, noise and augmentation.
            queries: how often they see each image.
            bookmark: of their training, and then of their answers.
            learned: where each adversary is kept after its training; None keeps none.
        """
        kept = bookmark.read() if bookmark is not None else None
        if kept is not None and "answers" in kept:
            answers: Answers = kept["answers"]
            return answers
        learners = self.train(source, attribute, fixed, names, seed, bookmark)
        if learned is not None:
            for name in self.makers.keys() & learners.keys():
                learned(name).write(learners[name].learned())
        seen = {split: query(learners, source, split, queries, seed) for split in ("valid", "test")}
        answers = {name: answered(name, seen) for name in names}
        if bookmark is not None:
            bookmark.write({"answers": answers})
        return answers

    def train(
        self,
        source: CensoredSource,
        attribute: str,
        fixed: Mapping[str, FixedClassifier],
        names: Sequence[str],
        seed: int,
        bookmark: Bookmark | None,
    ) -> dict[str, Learner]:
        """Return networks, trained on the same batches, but for those that diverged."""

        def make(name: str) -> Learner:
            with torch.random.fork_rng():  # a network's weights do not depend on the others
                torch.manual_seed(keyed_seed(seed, Purpose.JUDGE_INIT, *name.encode()))
                return self.make(name, source.datamodule, attribute, fixed)

        what = "adversaries"
        how = (source, self.epochs, self.batch_size, seed, what, bookmark)
        return learn_or_leave_out(make, names, *how)

    def make(
        self,
        name: str,
        datamodule: TableDataModule,
        attribute: str,
        fixed: Mapping[str, FixedClassifier],
    ) -> Learner:
        """Return an adversary, or the utility attributes' classifier, before it has learned."""
        if name == RETRAINED:
            assert self.retrained is not None
            utilities = self.check(datamodule, attribute)
            return self.retrained(
                columns=[datamodule.column(other) for other in utilities],
                sizes=[len(datamodule.classes(other)) for other in utilities],
            )
        return self.makers[name](
            num_classes=len(datamodule.classes(attribute)),
            column=datamodule.column(attribute),
            fixed=fixed[attribute].network if fixed else None,
        )


def answered(name: str, seen: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return a network's answers by split; none where it was left out, or they are not finite."""
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
