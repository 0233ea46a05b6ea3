"""What judging costs, beside adversaries that are trained one by one, and beside training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from privacy_gan.benchmarking.timing import alternate, seconds_taken
from privacy_gan.data.table_data_module import LEFT_OUT, TableDataModule
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.measuring import measure
from privacy_gan.evaluation.predictions import query
from privacy_gan.evaluation.references import Answers
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource, MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Privatizer

# CelebA's official splits and the paper's epochs, which are what costs are put together for
TRAIN, VALID, TEST, EPOCHS = 162_770, 19_867, 19_962, 100


class JudgingCosts:
    """Times the parts of a judgement by networks that were not trained.

    Args:
        judge: whose adversaries and settings are taken.
        make_privatizer: makes the mechanism that censors.
        datamodule: set up.
        attribute: the sensitive one.
        epsilon: the distortion budget.
        compute: where, and in which precision.
    """

    def __init__(
        self,
        judge: Judge,
        make_privatizer: Callable[[], Privatizer],
        datamodule: TableDataModule,
        attribute: str,
        epsilon: float,
        compute: Compute,
    ) -> None:
        self.judge = judge
        self.datamodule = datamodule
        self.attribute = attribute
        self.epsilon = epsilon
        self.compute = compute
        self.utilities = judge.check(datamodule, attribute)
        self.names = judge.learners(self.utilities)
        self.fixed = {
            name: FixedClassifier(
                judge.classifiers.network(len(datamodule.classes(name)))
                .eval()
                .requires_grad_(False)
                .to(memory_format=torch.channels_last)
                .to(compute.device),
                0.5,
            )
            for name in [attribute, *self.utilities]
        }
        self.source = MechanismSource(make_privatizer(), datamodule, compute)
        plain = Compute(compute.device, nullcontext)
        contiguous = make_privatizer().to(memory_format=torch.contiguous_format)
        self.plain_source = MechanismSource(contiguous, datamodule, plain)

    def learners(self) -> dict[str, Learner]:
        """Return all that learn from censored images, ready to begin."""
        learners = {
            name: self.judge.make(name, self.datamodule, self.attribute, self.fixed)
            for name in self.names
        }
        for learner in learners.values():
            learner.to(self.compute.device)
        return learners

    def time_learning(self, rounds: int, batches: int) -> dict[str, list[float]]:
        """Let learning together and learning alone take turns; return seconds for some batches."""
        together = self.learners()
        begin(together)
        endless = self.endless(self.source)

        def learn_together() -> None:
            for batch in islice(endless, batches):
                for learner in together.values():
                    learner.step(batch, self.compute)

        alone = plain(self.learners())
        begin(alone)
        plainly = self.endless(self.plain_source)

        def learn_alone() -> None:
            for learner in alone.values():
                for batch in islice(plainly, batches):
                    learner.step(batch, self.plain_source.compute)

        work = {"together": learn_together, "alone": learn_alone}
        return alternate(work, rounds, self.compute.device)

    def endless(self, source: CensoredSource) -> Iterator[CensoredBatch]:
        """Yield censored training batches without end."""
        epoch = 0
        while True:
            yield from source.training_epoch(epoch, self.judge.batch_size, self.judge.seed)
            epoch += 1

    def time_query(self) -> float:
        """Return seconds for one pass of all over the validation split."""
        learners = self.learners()
        for learner in learners.values():
            learner.network.eval()
        return seconds_taken(
            lambda: query(learners, self.source, "valid", 1, self.judge.seed), self.compute.device
        )

    def time_measuring(self) -> float:
        """Return seconds from answers to the finished evaluation, on the test split."""
        queries = self.judge.queries_of(self.source)
        censored, original = self.drawn_answers(queries[-1]), self.drawn_answers(1)
        return seconds_taken(
            lambda: measure(
                self.source,
                self.attribute,
                self.fixed,
                censored,
                original,
                utilities=[name for name in self.fixed if name != self.attribute],
                adversaries=list(self.judge.makers),
                queries=queries,
                inception=None,
                bootstrap=self.judge.bootstrap,
                seed=self.judge.seed,
                epsilon=self.epsilon,
                epsilon_batch_size=self.datamodule.batch_size,
            ),
            self.compute.device,
        )

    def drawn_answers(self, queries: int) -> Answers:
        """Return answers as adversaries might give them, drawn at random."""
        return {
            name: {
                split: self.drawn(name, queries, len(self.datamodule.rows(split)))
                for split in ("valid", "test")
            }
            for name in self.names
        }

    def drawn(self, name: str, queries: int, images: int) -> Tensor:
        """Return probabilities [queries, images, C]."""
        classes = len(self.datamodule.classes(self.attribute))
        columns = classes if name in self.judge.makers else 2 * len(self.utilities)
        rng = torch.Generator().manual_seed(0)
        logits = torch.randn(queries, images, columns, generator=rng, dtype=torch.float64)
        return logits.softmax(dim=2)


def first_images(datamodule: TableDataModule, count: int) -> TableDataModule:
    """Return the same data with no more than some images to validate and to test on."""
    splits = datamodule.table.splits.copy()
    for split in ("valid", "test"):
        splits[datamodule.rows(split)[count:]] = LEFT_OUT
    fewer = copy.copy(datamodule)
    fewer._table = replace(datamodule.table, splits=splits)
    return fewer


def begin(learners: Mapping[str, Learner]) -> None:
    """Get all ready to take steps."""
    for learner in learners.values():
        learner.begin(10_000)
        learner.network.train().requires_grad_(True)


def plain(learners: dict[str, Learner]) -> dict[str, Learner]:
    """Return learners in torch's usual layout, with Adam as torch sets it up."""
    for learner in learners.values():
        learner.network.to(memory_format=torch.contiguous_format)
        learner.recipe = replace(learner.recipe, optimizer=torch.optim.Adam)
    return learners


def share_of_training(
    training: float, learning: float, querying: float, measuring: float, epochs: int, queries: int
) -> tuple[float, float]:
    """Return hours that the paper's training takes, and its judgement, from costs of an image.

    Args:
        training: seconds of a training image in one epoch.
        learning: of a training image in one of the adversaries' epochs.
        querying: of an image in one query.
        measuring: of a test image.
        epochs: of the adversaries, each with a pass over the validation split.
        queries: of both splits.
    """
    train = EPOCHS * TRAIN * training
    judge = epochs * (TRAIN * learning + VALID * querying)
    judge += queries * (VALID + TEST) * querying + TEST * measuring
    return train / 3600, judge / 3600
