"""What judging costs, beside adversaries that are trained one by one, and beside training."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain, count, islice
from typing import Any

import torch
from torch import Tensor

from benchmarks.measurement import (
    summarize,
    summarize_rate,
    summarize_speedup,
    time_call,
    time_interleaved,
)
from benchmarks.run import BenchmarkRun
from privacy_gan.commands.judging import build_judge
from privacy_gan.commands.run_setup import build_privatizer
from privacy_gan.data.table_data_module import EXCLUDED, TableDataModule
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.learning import Learner, predict_queries
from privacy_gan.evaluation.source import CensoredBatch, MechanismSource
from privacy_gan.hardware import Compute


def benchmark_judging(run: BenchmarkRun) -> dict[str, Any]:
    """Time what a judgement is made of, by networks that were not trained."""
    on_cpu = run.device.type == "cpu"
    setup, judge = run.setup, build_judge(run.setup.config)
    attribute = setup.task.attribute
    datamodule = limit_evaluation_images(setup.datamodule, 512 if on_cpu else 4096)
    utilities = judge.check(datamodule, attribute)
    fixed = {name: untrained_classifier(judge, datamodule, name, run) for name in [attribute, *utilities]}

    def learners() -> dict[str, Learner]:
        made = {name: attack.create(name) for name in names}
        for learner in made.values():
            learner.to(run.device)
        return made

    source = MechanismSource(build_privatizer(setup), datamodule, run.compute)
    attack = judge.build_attack(source, attribute, utilities, fixed)
    names = list(attack.factories)
    together, batches = prepare_for_training(learners().values()), endless_training_batches(source, judge)

    # the plain way: one by one, in float32, in torch's usual layout, with Adam as torch sets it up
    privatizer = build_privatizer(setup).to(memory_format=torch.contiguous_format)
    plain = MechanismSource(privatizer, datamodule, Compute(run.device, nullcontext))
    alone = [with_default_optimizer(learner) for learner in learners().values()]
    alone, plain_batches = prepare_for_training(alone), endless_training_batches(plain, judge)

    number = 1 if on_cpu else 20

    def learn_together() -> None:
        train_learners(together, islice(batches, number), source.compute)

    def learn_alone() -> None:
        for learner in alone:
            train_learners([learner], islice(plain_batches, number), plain.compute)

    work = {"together": learn_together, "alone": learn_alone}
    taken = time_interleaved(work, run.rounds, run.device)
    images = number * judge.batch_size

    asked = learners()
    for learner in asked.values():
        learner.network.eval()
    answers: dict[str, dict[str, Tensor]] = {name: {} for name in names}

    def ask(split: str) -> None:
        for name, seen in predict_queries(asked, source, split, 1, judge.seed).items():
            answers[name][split] = seen

    querying = time_call(lambda: ask("valid"), run.device) / len(datamodule.rows("valid"))
    ask("test")
    queries = attack.queries
    many = {  # as if each query had been answered alike
        name: {split: seen.repeat(queries[-1], 1, 1) for split, seen in of_name.items()}
        for name, of_name in answers.items()
    }
    measuring = time_call(
        lambda: judge.measure(attack, many, answers, setup.task.epsilon, datamodule.batch_size),
        run.device,
    ) / len(datamodule.rows("test"))
    return {
        "learners": names,
        "images_per_second": {name: summarize_rate(images, each) for name, each in taken.items()},
        "times_faster": {"alone": summarize_speedup(taken["alone"], taken["together"])},
        "seconds_of_an_image": {
            "learning": summarize([each / images for each in taken["together"]])["median"],
            "querying": querying,
            "measuring": measuring,
        },
        "epochs": judge.epochs,
        "queries": queries[-1],
    }


def limit_evaluation_images(datamodule: TableDataModule, most: int) -> TableDataModule:
    """Return the same data with no more than some images to validate and to test on."""
    splits = datamodule.table.splits.copy()
    for split in ("valid", "test"):
        splits[datamodule.rows(split)[most:]] = EXCLUDED
    fewer = copy.copy(datamodule)
    fewer._table = replace(datamodule.table, splits=splits)
    return fewer


def untrained_classifier(judge: Judge, data: TableDataModule, name: str, run: BenchmarkRun) -> FixedClassifier:
    """Return an attribute's fixed classifier before its training."""
    network = judge.classifiers.network(len(data.classes(name))).to(run.device)
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return FixedClassifier(network, test_accuracy=0.5)


def with_default_optimizer(learner: Learner) -> Learner:
    """Return a learner in torch's usual layout, with Adam as torch sets it up."""
    learner.network.to(memory_format=torch.contiguous_format)
    learner.recipe = replace(learner.recipe, optimizer=torch.optim.Adam)
    return learner


def prepare_for_training(learners: Iterable[Learner]) -> list[Learner]:
    """Return learners, ready to take steps."""
    ready = list(learners)
    for learner in ready:
        learner.start_training(10_000)
        learner.network.train().requires_grad_(True)
    return ready


def endless_training_batches(source: MechanismSource, judge: Judge) -> Iterator[CensoredBatch]:
    """Yield censored training batches without end."""
    epochs = (source.training_epoch(epoch, judge.batch_size, judge.seed) for epoch in count())
    return chain.from_iterable(epochs)


def train_learners(learners: Iterable[Learner], batches: Iterable[CensoredBatch], compute: Compute) -> None:
    """Let all learn from each of some batches."""
    for batch in batches:
        for learner in learners:
            learner.training_step(batch, compute)
