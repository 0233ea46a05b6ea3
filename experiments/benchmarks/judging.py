"""Times judging: adversaries trained together and one by one, predictions, and metrics."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
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
from privacy_gan.evaluation.attack import PAPER, Attack
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.judgement import Found, measure
from privacy_gan.evaluation.learning import Learner, predict_queries
from privacy_gan.evaluation.outcomes import Outcome
from privacy_gan.evaluation.outputs import load_inception
from privacy_gan.evaluation.source import CensoredBatch, MechanismSource
from privacy_gan.hardware import Compute

# of the paper's data, until an adversary can be done: stages end after 1, 2 and 4 epochs, and
# the branches of the first two, a fifth of each, add 0.2 + 0.4 epochs
LEAST_EPOCHS = 4.6


def benchmark_judging(run: BenchmarkRun) -> dict[str, Any]:
    """Time the parts of judging, with untrained networks."""
    on_cpu = run.device.type == "cpu"
    setup, judge = run.setup, build_judge(run.setup.config)
    attribute = setup.task.attribute
    datamodule = limit_evaluation_images(setup.datamodule, 512 if on_cpu else 4096)
    utilities = judge.check(datamodule, attribute)
    fixed = {
        name: untrained_classifier(judge, datamodule, name, run) for name in [attribute, *utilities]
    }

    def create_learners() -> dict[str, Learner]:
        learners = {name: attack.create_learner(name) for name in names}
        for learner in learners.values():
            learner.to(run.device)
            learner.prepare(source, judge.batch_size, judge.seed)
        return learners

    source = MechanismSource(build_privatizer(setup), datamodule, run.compute)
    attack = judge.build_attack(source, attribute, utilities, fixed)
    names = [name for name in attack.factories if is_timed(attack, name)]
    together = prepare_for_training(create_learners().values())
    batches = endless_training_batches(source, judge)

    # the reference: one by one, in float32, contiguous memory format, torch's default Adam
    privatizer = build_privatizer(setup).to(memory_format=torch.contiguous_format)
    plain_source = MechanismSource(privatizer, datamodule, Compute(run.device, nullcontext))
    alone = prepare_for_training(map(with_defaults, create_learners().values()))
    plain_batches = endless_training_batches(plain_source, judge)

    steps = 1 if on_cpu else 20

    def train_together() -> None:
        train_learners(together, islice(batches, steps), source.compute)

    def train_one_by_one() -> None:
        for learner in alone:
            train_learners([learner], islice(plain_batches, steps), plain_source.compute)

    work = {"together": train_together, "alone": train_one_by_one}
    seconds = time_interleaved(work, run.rounds, run.device)
    images = steps * judge.batch_size

    learners = create_learners()
    for learner in learners.values():
        learner.network.eval()
    predictions: dict[str, dict[str, Tensor]] = {name: {} for name in names}

    def predict(split: str) -> None:
        for name, output in predict_queries(learners, source, split, 1, judge.seed).items():
            predictions[name][split] = output

    querying = time_call(lambda: predict("valid"), run.device) / len(datamodule.rows("valid"))
    predict("test")
    queries = attack.queries
    repeated = {  # the predictions of one query for all queries
        name: {split: output.repeat(queries[-1], 1, 1) for split, output in by_split.items()}
        for name, by_split in predictions.items()
    }
    found = Found(to_outcomes(repeated), to_outcomes(predictions), smaller=None, controls=None)

    def measure_all() -> None:
        measure(
            attack,
            found,
            bootstrap=judge.bootstrap,
            inception=load_inception(judge.inception_weights, run.device),
            epsilon=setup.task.epsilon,
            epsilon_batch_size=datamodule.batch_size,
            discriminator_loss=None,
        )

    measuring = time_call(measure_all, run.device) / len(datamodule.rows("test"))
    return {
        "learners": names,
        "images_per_second": {name: summarize_rate(images, each) for name, each in seconds.items()},
        "times_faster": {"alone": summarize_speedup(seconds["alone"], seconds["together"])},
        "seconds_of_an_image": {
            "learning": summarize([each / images for each in seconds["together"]])["median"],
            "querying": querying,
            "measuring": measuring,
        },
        "epochs": LEAST_EPOCHS,
        "queries": queries[-1],
    }


def is_timed(attack: Attack, name: str) -> bool:
    """Return whether a network is trained by gradient until it is done."""
    return name != PAPER and attack.create_learner(name).trained_by_gradient


def to_outcomes(predictions: Mapping[str, dict[str, Tensor]]) -> dict[str, Outcome]:
    """Return outcomes with these predictions, without learning curves."""
    return {name: Outcome(by_split) for name, by_split in predictions.items()}


def limit_evaluation_images(datamodule: TableDataModule, limit: int) -> TableDataModule:
    """Return the same data with at most ``limit`` validation images and ``limit`` test images."""
    splits = datamodule.table.splits.copy()
    for split in ("valid", "test"):
        splits[datamodule.rows(split)[limit:]] = EXCLUDED
    limited = copy.copy(datamodule)
    limited._table = replace(datamodule.table, splits=splits)
    return limited


def untrained_classifier(
    judge: Judge, data: TableDataModule, name: str, run: BenchmarkRun
) -> FixedClassifier:
    """Return an untrained fixed classifier of an attribute."""
    network = judge.classifiers.network(len(data.classes(name))).to(run.device)
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return FixedClassifier(network, test_accuracy=0.5)


def with_defaults(learner: Learner) -> Learner:
    """Return a learner in contiguous memory format, with torch's default Adam."""
    learner.network.to(memory_format=torch.contiguous_format)
    learner.recipe = replace(learner.recipe, optimizer=torch.optim.Adam)
    return learner


def prepare_for_training(learners: Iterable[Learner]) -> list[Learner]:
    """Return learners that are ready to take training steps."""
    ready = list(learners)
    for learner in ready:
        learner.start_training()
        learner.network.train().requires_grad_(True)
    return ready


def endless_training_batches(source: MechanismSource, judge: Judge) -> Iterator[CensoredBatch]:
    """Yield censored training batches forever."""
    epochs = (source.training_epoch(epoch, judge.batch_size, judge.seed) for epoch in count())
    return chain.from_iterable(epochs)


def train_learners(
    learners: Iterable[Learner], batches: Iterable[CensoredBatch], compute: Compute
) -> None:
    """Train all learners on each batch."""
    for batch in batches:
        for learner in learners:
            learner.training_step(batch, compute)
