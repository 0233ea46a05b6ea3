"""The parts of the benchmark: training, single optimizations, data, memory, start-up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count, cycle, islice
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.certificate import benchmark_certificate
from benchmarks.estimates import EPOCHS, TRAIN
from benchmarks.gpu import benchmark_gpu
from benchmarks.judging import benchmark_judging
from benchmarks.measurement import (
    Summary,
    count_bytes_moved,
    count_flops,
    measure_peak_bandwidth,
    measure_peak_flops,
    measure_peak_memory,
    summarize,
    summarize_rate,
    summarize_speedup,
    synchronize,
    time_call,
    time_interleaved,
    time_shares,
)
from benchmarks.photographs_part import benchmark_photographs
from benchmarks.run import BenchmarkRun, num_workers, train_run
from privacy_gan.data.batch import Batch

PROJECT = "project"  # name of this project among the variants
WARM_UP_STEPS = 3  # memory is allocated and kernels are selected
LOADED_BATCHES = 16  # batches per round of the data benchmark
FLOPS_BATCH_SIZE = 4  # images per batch when operations are counted
# single optimizations to undo; "layout" also undoes "upsampling"
PLAIN_UNET = "networks.privatizer._target_=benchmarks.steps.PlainUNet"
CHANGES = {
    "upsampling": [PLAIN_UNET],
    "adam": ["privatizer.optimizer.fused=false"],
    "precision": ["trainer.precision=32-true"],
    "layout": [PLAIN_UNET],
}
TINY = ["trainer=cpu", "image_size=32", "width=4", "data=synthetic_faces", "data.num_train=256"]
TINY += ["data.num_valid=64", "data.num_test=64", "data.batch_size=32", "trainer.max_epochs=1"]
TINY += ["evaluate=false", "trainer.enable_progress_bar=false"]


class InterleavedTimer(Callback):
    """Times rounds of the Trainer's steps, and after each round as many steps of other variants.

    The first step of every turn is not timed, because the previous variant has used the caches
    and the memory allocator differently.

    Args:
        others: variants by name; each takes a number of steps.
        run: gives the number of rounds and of steps per round.

    Attributes:
        seconds: of each round, by variant.
    """

    def __init__(self, others: Mapping[str, Callable[[int], object]], run: BenchmarkRun) -> None:
        self.others = others
        self.run = run
        self.seconds: dict[str, list[float]] = {name: [] for name in [PROJECT, *others]}
        self.started_at = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **more: Any
    ) -> None:
        """Start the timer after a round's first step; after its last step time the others."""
        steps, device = self.run.steps, self.run.device
        turn, step = divmod(trainer.fit_loop.batch_idx + 1 - WARM_UP_STEPS, steps + 1)
        if step == 1:
            synchronize(device)
            self.started_at = time.perf_counter()
        if step == 0 and turn > 0:
            synchronize(device)
            self.seconds[PROJECT].append(time.perf_counter() - self.started_at)
            for name, work in self.others.items():
                work(1)
                self.seconds[name].append(time_call(partial(work, steps), device))
            trainer.should_stop = turn == self.run.rounds


def benchmark_training(run: BenchmarkRun) -> dict[str, Any]:
    """Time training, its steps in a plain loop, and the reference's steps."""
    device, images = run.device, run.steps * run.batch_size
    bare, reference = run.bare_step(), run.reference_step()
    run.require_batches(WARM_UP_STEPS + run.rounds * (run.steps + 1))
    batches = run.device_batches
    step = partial(bare, cycle(batches))
    others = {"bare": step, "reference": partial(reference, run.labelled(cycle(batches)))}
    if device.type != "cpu":  # on a CPU a step takes seconds, and reading files no time
        others["reference_with_data"] = partial(reference, run.reference_batches())
    timer = InterleavedTimer(others, run)
    trainer = train_run(run.setup, timer)
    seconds = timer.seconds
    save = partial(trainer.save_checkpoint, run.folder / "timed.ckpt", weights_only=False)
    checkpoint = min(time_interleaved({"save": save}, 2, device)["save"])
    small = Batch(*(rows[:FLOPS_BATCH_SIZE] for rows in batches[0]))
    labelled = run.labelled(cycle([small]))
    flops = {  # three steps update all networks
        PROJECT: count_flops(lambda: bare(cycle([small]), 3)) / (3 * FLOPS_BATCH_SIZE),
        "reference": count_flops(lambda: reference(labelled, 3)) / (3 * FLOPS_BATCH_SIZE),
    }
    reached = summarize([flops[PROJECT] * images / each for each in seconds[PROJECT]])
    one = torch.ones(1, 1, device=device)
    with run.compute.autocast():  # selects the type in which matrices are multiplied
        dtype = (one @ one).dtype
    peak = measure_peak_flops(device, dtype)
    speedups = summarize_speedup(seconds["bare"], seconds[PROJECT])["rounds"]
    return compare_with_project(seconds, images, "bare") | {
        "overhead": summarize([1 / speedup - 1 for speedup in speedups]),
        "checkpoint_seconds": checkpoint,
        "checkpoint_share": checkpoint / (60 * run.setup.config.checkpoint_minutes),
        "operations_per_image": flops,
        "operations_per_second": reached,
        "matrix_peak": peak,
        "share_of_peak": reached["median"] / peak,
        "bytes_per_image": count_bytes_moved(lambda: step(3)) / (3 * run.batch_size),
        "memory_peak": measure_peak_bandwidth(device),
        "time_shares": time_shares(lambda: step(3), device),
        "hours_for_the_papers_training": (
            EPOCHS * TRAIN / summarize_rate(images, seconds[PROJECT])["median"] / 3600
        ),
    }


def benchmark_changes(run: BenchmarkRun) -> dict[str, Any]:
    """Time training steps in a plain loop, with single optimizations undone."""
    variants = {PROJECT: [], **CHANGES}
    steps = {name: run.bare_step(*overrides) for name, overrides in variants.items()}
    steps["layout"].privatizer.to(memory_format=torch.contiguous_format)
    batches = run.device_batches
    contiguous = [Batch(each.images.contiguous(), each.attributes) for each in batches]
    work = {
        name: partial(step, cycle(contiguous if name == "layout" else batches), run.steps)
        for name, step in steps.items()
    }
    seconds = time_interleaved(work, run.rounds, run.device)
    return compare_with_project(seconds, run.steps * run.batch_size)


def benchmark_data(run: BenchmarkRun) -> dict[str, Any]:
    """Time the data path and the reference's, which reads image files."""
    cached, files = run.labelled(run.served_batches()), run.reference_batches()

    def load(batches: Any) -> None:
        for images, _ in islice(batches, LOADED_BATCHES):
            images.to(run.device)

    work = {PROJECT: partial(load, cached), "reference": partial(load, files)}
    seconds = time_interleaved(work, run.rounds, run.device)
    images = LOADED_BATCHES * run.batch_size
    return {"workers_of_the_reference": num_workers(), **compare_with_project(seconds, images)}


def benchmark_memory(run: BenchmarkRun) -> dict[str, Any]:
    """Measure the peak memory of training, at the paper's two image sizes."""
    fresh = BenchmarkRun(run.conf, run.overrides, run.folder, run.rounds)  # can be pickled
    peaks = {}
    for size in (64, 128):
        train = partial(fresh.train_briefly, f"memory-{size}", f"image_size={size}")
        peaks[str(size)] = measure_peak_memory(train)
    return {"peak_bytes": peaks}


def benchmark_startup(run: BenchmarkRun) -> dict[str, Any]:
    """Time the start-up of commands, each in a new process."""
    command = [sys.executable, str(run.conf.parent / "experiments" / "train.py")]
    train = [*command, *TINY, f"data.cache_dir={run.folder / 'tiny-cache'}"]
    # a run that ends after its first step counts as finished, so each needs a new folder
    folders = (run.folder / f"first-{number}" for number in count())
    commands: dict[str, Callable[[], list[str]]] = {
        "help": lambda: [*command, "--help"],
        "finished_run": lambda: [*train, f"output_dir={run.folder / 'finished'}"],
        "first_step": lambda: [*train, "+trainer.max_steps=1", f"output_dir={next(folders)}"],
    }

    def start(name: str) -> None:
        subprocess.run(commands[name](), check=True, capture_output=True)

    work = {name: partial(start, name) for name in commands}
    seconds = time_interleaved(work, run.rounds, torch.device("cpu"))
    return {"seconds": {name: summarize(each) for name, each in seconds.items()}}


def compare_with_project(
    seconds: Mapping[str, list[float]], images: int, *excluded: str
) -> dict[str, Any]:
    """Return images per second of each variant, and the project's speedup over the others.

    Args:
        seconds: of each round, by variant.
        images: in a round.
        excluded: variants without a speedup.
    """
    speedups: dict[str, Summary] = {
        name: summarize_speedup(each, seconds[PROJECT])
        for name, each in seconds.items()
        if name not in (PROJECT, *excluded)
    }
    rates = {name: summarize_rate(images, each) for name, each in seconds.items()}
    return {"images_per_second": rates, "times_faster": speedups}


PARTS: dict[str, Callable[[BenchmarkRun], dict[str, Any]]] = {
    "training": benchmark_training,
    "data": benchmark_data,
    "judging": benchmark_judging,
    "memory": benchmark_memory,
    "startup": benchmark_startup,
}
# only timed on request
OPTIONAL_PARTS = {
    "changes": benchmark_changes,
    "certificate": benchmark_certificate,
    "photographs": benchmark_photographs,
    "gpu": benchmark_gpu,
}
