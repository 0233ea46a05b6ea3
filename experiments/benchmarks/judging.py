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

from benchmarks.measuring import alternate, rate, ratio, seconds_taken, spread
from benchmarks.run import TimedRun
from privacy_gan.commands.building import build_privatizer
from privacy_gan.commands.judging import build_judge
from privacy_gan.data.table_data_module import LEFT_OUT, TableDataModule
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.learning import Learner, query
from privacy_gan.evaluation.source import CensoredBatch, MechanismSource
from privacy_gan.hardware import Compute


def judging(run: TimedRun) -> dict[str, Any]:
    """Time what a judgement is made of, by networks that were not trained."""
    on_cpu = run.device.type == "cpu"
    setup, judge = run.setup, build_judge(run.setup.config)
    attribute = setup.task.attribute
    datamodule = first_images(setup.datamodule, 512 if on_cpu else 4096)
    utilities = judge.check(datamodule, attribute)
    fixed = {name: untrained(judge, datamodule, name, run) for name in [attribute, *utilities]}

    def learners() -> dict[str, Learner]:
        made = {name: attack.make(name) for name in names}
        for learner in made.values():
            learner.to(run.device)
        return made

    source = MechanismSource(build_privatizer(setup), datamodule, run.compute)
    attack = judge.attack(source, attribute, utilities, fixed)
    names = list(attack.makers)
    together, batches = begun(learners().values()), endless(source, judge)

    # the plain way: one by one, in float32, in torch's usual layout, with Adam as torch sets it up
    privatizer = build_privatizer(setup).to(memory_format=torch.contiguous_format)
    plain = MechanismSource(privatizer, datamodule, Compute(run.device, nullcontext))
    alone = [in_plain_way(learner) for learner in learners().values()]
    alone, plain_batches = begun(alone), endless(plain, judge)

    number = 1 if on_cpu else 20

    def learn_together() -> None:
        learn(together, islice(batches, number), source.compute)

    def learn_alone() -> None:
        for learner in alone:
            learn([learner], islice(plain_batches, number), plain.compute)

    work = {"together": learn_together, "alone": learn_alone}
    taken = alternate(work, run.rounds, run.device)
    images = number * judge.batch_size

    asked = learners()
    for learner in asked.values():
        learner.network.eval()
    answers: dict[str, dict[str, Tensor]] = {name: {} for name in names}

    def ask(split: str) -> None:
        for name, seen in query(asked, source, split, 1, judge.seed).items():
            answers[name][split] = seen

    querying = seconds_taken(lambda: ask("valid"), run.device) / len(datamodule.rows("valid"))
    ask("test")
    queries = attack.queries
    many = {  # as if each query had been answered alike
        name: {split: seen.repeat(queries[-1], 1, 1) for split, seen in of_name.items()}
        for name, of_name in answers.items()
    }
    measuring = seconds_taken(
        lambda: judge.measure(attack, many, answers, setup.task.epsilon, datamodule.batch_size),
        run.device,
    ) / len(datamodule.rows("test"))
    return {
        "learners": names,
        "images_per_second": {name: rate(images, each) for name, each in taken.items()},
        "times_faster": {"alone": ratio(taken["alone"], taken["together"])},
        "seconds_of_an_image": {
            "learning": spread([each / images for each in taken["together"]])["median"],
            "querying": querying,
            "measuring": measuring,
        },
        "epochs": judge.epochs,
        "queries": queries[-1],
    }


def first_images(datamodule: TableDataModule, most: int) -> TableDataModule:
    """Return the same data with no more than some images to validate and to test on."""
    splits = datamodule.table.splits.copy()
    for split in ("valid", "test"):
        splits[datamodule.rows(split)[most:]] = LEFT_OUT
    fewer = copy.copy(datamodule)
    fewer._table = replace(datamodule.table, splits=splits)
    return fewer


def untrained(judge: Judge, data: TableDataModule, name: str, run: TimedRun) -> FixedClassifier:
    """Return an attribute's fixed classifier before its training."""
    network = judge.classifiers.network(len(data.classes(name))).to(run.device)
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return FixedClassifier(network, test_accuracy=0.5)


def in_plain_way(learner: Learner) -> Learner:
    """Return a learner in torch's usual layout, with Adam as torch sets it up."""
    learner.network.to(memory_format=torch.contiguous_format)
    learner.recipe = replace(learner.recipe, optimizer=torch.optim.Adam)
    return learner


def begun(learners: Iterable[Learner]) -> list[Learner]:
    """Return learners, ready to take steps."""
    ready = list(learners)
    for learner in ready:
        learner.begin(10_000)
        learner.network.train().requires_grad_(True)
    return ready


def endless(source: MechanismSource, judge: Judge) -> Iterator[CensoredBatch]:
    """Yield censored training batches without end."""
    epochs = (source.training_epoch(epoch, judge.batch_size, judge.seed) for epoch in count())
    return chain.from_iterable(epochs)


def learn(learners: Iterable[Learner], batches: Iterable[CensoredBatch], compute: Compute) -> None:
    """Let all learn from each of some batches."""
    for batch in batches:
        for learner in learners:
            learner.step(batch, compute)
