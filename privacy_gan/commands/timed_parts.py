"""The parts of a benchmark, each from a run that is timed to its figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count, cycle
from typing import Any

import torch

from privacy_gan.benchmarking.arithmetic import (
    bytes_moved,
    matrix_peak,
    memory_peak,
    operations,
    time_shares,
)
from privacy_gan.benchmarking.judging import EPOCHS, TRAIN, JudgingCosts, first_images
from privacy_gan.benchmarking.loading import served_batches, time_loading
from privacy_gan.benchmarking.memory import peak_memory
from privacy_gan.benchmarking.startup import time_commands
from privacy_gan.benchmarking.timing import Figures, alternate, rate, ratio, spread
from privacy_gan.benchmarking.training import PROJECT, WARM_UP, time_checkpoint, time_training
from privacy_gan.commands.building import build_judge, build_privatizer
from privacy_gan.commands.timed_run import TimedRun, train_briefly, trained, workers
from privacy_gan.data.batch import Batch
from privacy_gan.hardware import Compute

# what makes training fast, undone one by one; the last one undoes the first, too
PLAIN = "networks.privatizer._target_=privacy_gan.benchmarking.reference.PlainUNet"
CHANGES = {
    "upsampling": [PLAIN],
    "adam": ["privatizer.optimizer.fused=false"],
    "precision": ["trainer.precision=32-true"],
    "layout": [PLAIN],
}
FEW = 4  # images in a batch whose operations are counted
TINY = ["trainer=cpu", "image_size=32", "width=4", "data=synthetic_faces", "data.num_train=256"]
TINY += ["data.num_valid=64", "data.num_test=64", "data.batch_size=32", "trainer.max_epochs=1"]
TINY += ["evaluate=false", "trainer.enable_progress_bar=false"]


def training(run: TimedRun) -> dict[str, Any]:
    """Time training beside the reference and beside its bare step."""
    setup, batch_size = run.setup, run.batch_size
    resident = cycle(run.resident)
    bare, reference = run.bare_step(), run.reference_step()
    steps = run.steps
    run.require_batches(WARM_UP + run.rounds * (steps + 1))
    others = {
        "bare": partial(bare, resident),
        "reference": partial(reference, resident),
    }
    if run.device.type != "cpu":  # where a step takes seconds, files are no matter
        files = run.reference_batches()
        others["reference_with_data"] = partial(reference, files)
    taken, trainer = time_training(partial(trained, setup), others, run.rounds, steps, run.device)
    images = steps * batch_size
    few = cycle([Batch(*(rows[:FEW] for rows in next(resident)))])
    counted = {
        PROJECT: operations(lambda: bare(few, 3)) / (3 * FEW),
        "reference": operations(lambda: reference(few, 3)) / (3 * FEW),
    }
    moved = bytes_moved(lambda: bare(resident, 3)) / (3 * batch_size)
    checkpoint = time_checkpoint(trainer, run.folder, run.device)
    bare_is_faster = ratio(taken["bare"], taken[PROJECT])
    peak = matrix_peak(run.device, computed_in(run.compute))
    best = spread([counted[PROJECT] * images / each for each in taken[PROJECT]])
    return {
        "images_per_second": {name: rate(images, each) for name, each in taken.items()},
        "times_faster": times_faster(taken),
        "overhead": spread([1 / faster - 1 for faster in bare_is_faster["rounds"]]),
        "checkpoint_seconds": checkpoint,
        "checkpoint_share": checkpoint / (60 * setup.config.checkpoint_minutes),
        "operations_per_image": counted,
        "operations_per_second": best,
        "matrix_peak": peak,
        "share_of_peak": best["median"] / peak,
        "bytes_per_image": moved,
        "memory_peak": memory_peak(run.device),
        "time_shares": time_shares(lambda: bare(resident, 3), run.device),
        "hours_for_the_papers_training": EPOCHS
        * TRAIN
        / rate(images, taken[PROJECT])["median"]
        / 3600,
    }


def changes(run: TimedRun) -> dict[str, Any]:
    """Time bare steps with single changes undone."""
    steps = {PROJECT: run.bare_step()}
    steps |= {name: run.bare_step(*undone) for name, undone in CHANGES.items()}
    steps["layout"].privatizer.to(memory_format=torch.contiguous_format)
    contiguous = [Batch(each.images.contiguous(), each.attributes) for each in run.resident]
    batches = {name: cycle(contiguous if name == "layout" else run.resident) for name in steps}

    def work(name: str) -> Callable[[], None]:
        return lambda: steps[name](batches[name], run.steps)

    taken = alternate({name: work(name) for name in steps}, run.rounds, run.device)
    images = run.steps * run.batch_size
    return {
        "images_per_second": {name: rate(images, each) for name, each in taken.items()},
        "times_faster": times_faster(taken),
    }


def data(run: TimedRun) -> dict[str, Any]:
    """Time the data path beside a folder of images."""
    datamodule = run.setup.datamodule
    batches = 16
    taken = time_loading(
        {
            PROJECT: served_batches(datamodule, run.device),
            "reference": run.reference_batches(),
        },
        run.rounds,
        batches,
        run.device,
    )
    images = batches * run.batch_size
    return {
        "workers_of_the_reference": workers(),
        "images_per_second": {name: rate(images, each) for name, each in taken.items()},
        "times_faster": times_faster(taken),
    }


def judging(run: TimedRun) -> dict[str, Any]:
    """Time judging beside adversaries one by one, and put together what a run's costs."""
    setup = run.setup
    datamodule = first_images(setup.datamodule, run.judged)
    judge = build_judge(setup.config)
    costs = JudgingCosts(
        judge,
        partial(build_privatizer, setup),
        datamodule,
        setup.task.attribute,
        setup.task.epsilon,
        run.compute,
    )
    batches = 1 if run.device.type == "cpu" else 20
    learning = costs.time_learning(run.rounds, batches)
    images = batches * judge.batch_size
    queried, measured = costs.time_query(), costs.time_measuring()
    of_query = queried / len(datamodule.rows("valid"))
    of_measuring = measured / len(datamodule.rows("test"))
    return {
        "learners": costs.names,
        "images_per_second": {name: rate(images, each) for name, each in learning.items()},
        "times_faster": {"alone": ratio(learning["alone"], learning["together"])},
        "seconds_of_an_image": {
            "learning": spread([each / images for each in learning["together"]])["median"],
            "querying": of_query,
            "measuring": of_measuring,
        },
        "epochs": judge.epochs,
        "queries": judge.queries_of(costs.source)[-1],
    }


def memory(run: TimedRun) -> dict[str, Any]:
    """Return the most memory that training holds, at the paper's two sizes."""
    return {
        "peak_bytes": {
            str(size): peak_memory(
                partial(
                    train_briefly,
                    run.conf,
                    [*run.overrides, *run.own(f"memory-{size}"), f"image_size={size}"],
                )
            )
            for size in (64, 128)
        }
    }


def startup(run: TimedRun) -> dict[str, Any]:
    """Time commands that have little to do."""
    script = run.conf.parent / "experiments" / "train.py"
    command = [sys.executable, str(script)]
    train = [*command, *TINY, f"data.cache_dir={run.folder / 'tiny-cache'}"]
    finished = [*train, f"output_dir={run.folder / 'finished'}"]
    # a run that ends after its first step is finished, too, so each has a folder of its own
    folders = (run.folder / f"first-{number}" for number in count())
    taken = time_commands(
        {
            "help": lambda: [*command, "--help"],
            "finished_run": lambda: finished,
            "first_step": lambda: [*train, "+trainer.max_steps=1", f"output_dir={next(folders)}"],
        },
        run.rounds,
    )
    return {"seconds": {name: spread(each) for name, each in taken.items()}}


def times_faster(taken: Mapping[str, list[float]]) -> dict[str, Figures]:
    """Return how many times faster the project is than each of the others."""
    return {
        name: ratio(seconds, taken[PROJECT])
        for name, seconds in taken.items()
        if name not in (PROJECT, "bare")
    }


def computed_in(compute: Compute) -> torch.dtype:
    """Return the type of number in which a precision multiplies matrices."""
    one = torch.ones(2, 2, device=compute.device)
    with compute.autocast():
        return (one @ one).dtype


PARTS: dict[str, Callable[[TimedRun], dict[str, Any]]] = {
    "training": training,
    "data": data,
    "judging": judging,
    "memory": memory,
    "startup": startup,
}
# timed where they are asked for
MORE_PARTS = {"changes": changes}
