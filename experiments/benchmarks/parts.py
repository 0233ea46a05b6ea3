"""The parts of a benchmark, each from a run that is timed to its figures."""

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
from benchmarks.run import BenchmarkRun, num_workers, train_run
from benchmarks.table import EPOCHS, TRAIN
from privacy_gan.data.batch import Batch

PROJECT = "project"  # what training through the Trainer is called among the contestants
WARM_UP_STEPS = 3  # steps: memory is allocated, kernels are chosen
LOADED_BATCHES = 16  # batches of a turn that loads data alone
FLOPS_BATCH_SIZE = 4  # images in a batch whose operations are counted
# what makes training fast, undone one by one; the last one undoes the first, too
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
    """Times some steps of the Trainer, whole rounds of its loop, then lets the others do as much.

    Everyone's turn begins with a step that is not timed: the one before has left memory otherwise
    than it is needed.

    Args:
        others: take as many steps as they are told to.
        run: says how many rounds, and steps in each.

    Attributes:
        taken: seconds in each round, by contestant.
    """

    def __init__(self, others: Mapping[str, Callable[[int], object]], run: BenchmarkRun) -> None:
        self.others = others
        self.run = run
        self.taken: dict[str, list[float]] = {name: [] for name in [PROJECT, *others]}
        self.since = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **more: Any
    ) -> None:
        """Begin to time a turn after its first step; after its last one hand over."""
        steps, device = self.run.steps, self.run.device
        turn, step = divmod(trainer.fit_loop.batch_idx + 1 - WARM_UP_STEPS, steps + 1)
        if step == 1:
            synchronize(device)
            self.since = time.perf_counter()
        if step == 0 and turn > 0:
            synchronize(device)
            self.taken[PROJECT].append(time.perf_counter() - self.since)
            for name, work in self.others.items():
                work(1)
                self.taken[name].append(time_call(partial(work, steps), device))
            trainer.should_stop = turn == self.run.rounds


def benchmark_training(run: BenchmarkRun) -> dict[str, Any]:
    """Time training beside the reference and beside its bare step."""
    device, images = run.device, run.steps * run.batch_size
    bare, reference = run.bare_step(), run.reference_step()
    run.require_batches(WARM_UP_STEPS + run.rounds * (run.steps + 1))
    step = partial(bare, cycle(run.resident))
    others = {"bare": step, "reference": partial(reference, run.labelled(cycle(run.resident)))}
    if device.type != "cpu":  # where a step takes seconds, files are no matter
        others["reference_with_data"] = partial(reference, run.reference_batches())
    turns = InterleavedTimer(others, run)
    trainer = train_run(run.setup, turns)
    taken = turns.taken
    save = partial(trainer.save_checkpoint, run.folder / "timed.ckpt", weights_only=False)
    checkpoint = min(time_interleaved({"save": save}, 2, device)["save"])
    few = Batch(*(rows[:FLOPS_BATCH_SIZE] for rows in run.resident[0]))
    of_reference = run.labelled(cycle([few]))
    counted = {  # in three steps all players learn
        PROJECT: count_flops(lambda: bare(cycle([few]), 3)) / (3 * FLOPS_BATCH_SIZE),
        "reference": count_flops(lambda: reference(of_reference, 3)) / (3 * FLOPS_BATCH_SIZE),
    }
    reached = summarize([counted[PROJECT] * images / each for each in taken[PROJECT]])
    one = torch.ones(1, 1, device=device)
    with run.compute.autocast():  # which says in what type of number matrices are multiplied
        computed_in = (one @ one).dtype
    peak = measure_peak_flops(device, computed_in)
    bare_is_faster = summarize_speedup(taken["bare"], taken[PROJECT])["rounds"]
    return compare_with_project(taken, images, "bare") | {
        "overhead": summarize([1 / faster - 1 for faster in bare_is_faster]),
        "checkpoint_seconds": checkpoint,
        "checkpoint_share": checkpoint / (60 * run.setup.config.checkpoint_minutes),
        "operations_per_image": counted,
        "operations_per_second": reached,
        "matrix_peak": peak,
        "share_of_peak": reached["median"] / peak,
        "bytes_per_image": count_bytes_moved(lambda: step(3)) / (3 * run.batch_size),
        "memory_peak": measure_peak_bandwidth(device),
        "time_shares": time_shares(lambda: step(3), device),
        "hours_for_the_papers_training": (
            EPOCHS * TRAIN / summarize_rate(images, taken[PROJECT])["median"] / 3600
        ),
    }


def benchmark_changes(run: BenchmarkRun) -> dict[str, Any]:
    """Time bare steps with single changes undone."""
    steps = {name: run.bare_step(*undone) for name, undone in {PROJECT: [], **CHANGES}.items()}
    steps["layout"].privatizer.to(memory_format=torch.contiguous_format)
    contiguous = [Batch(each.images.contiguous(), each.attributes) for each in run.resident]
    work = {
        name: partial(step, cycle(contiguous if name == "layout" else run.resident), run.steps)
        for name, step in steps.items()
    }
    taken = time_interleaved(work, run.rounds, run.device)
    return compare_with_project(taken, run.steps * run.batch_size)


def benchmark_data(run: BenchmarkRun) -> dict[str, Any]:
    """Time the data path beside a folder of images."""
    served, files = run.labelled(run.served_batches()), run.reference_batches()

    def load(batches: Any) -> None:
        for images, _ in islice(batches, LOADED_BATCHES):
            images.to(run.device)

    work = {PROJECT: partial(load, served), "reference": partial(load, files)}
    taken = time_interleaved(work, run.rounds, run.device)
    return {"workers_of_the_reference": num_workers(), **compare_with_project(taken, LOADED_BATCHES * run.batch_size)}


def benchmark_memory(run: BenchmarkRun) -> dict[str, Any]:
    """Return the most memory that training holds, at the paper's two sizes."""
    fresh = BenchmarkRun(run.conf, run.overrides, run.folder, run.rounds)  # nothing to be pickled
    peaks = {
        str(size): measure_peak_memory(partial(fresh.train_briefly, f"memory-{size}", f"image_size={size}"))
        for size in (64, 128)
    }
    return {"peak_bytes": peaks}


def benchmark_startup(run: BenchmarkRun) -> dict[str, Any]:
    """Time commands that have little to do, each in a process of its own."""
    command = [sys.executable, str(run.conf.parent / "experiments" / "train.py")]
    train = [*command, *TINY, f"data.cache_dir={run.folder / 'tiny-cache'}"]
    # a run that ends after its first step is finished, too, so each has a folder of its own
    folders = (run.folder / f"first-{number}" for number in count())
    commands: dict[str, Callable[[], list[str]]] = {
        "help": lambda: [*command, "--help"],
        "finished_run": lambda: [*train, f"output_dir={run.folder / 'finished'}"],
        "first_step": lambda: [*train, "+trainer.max_steps=1", f"output_dir={next(folders)}"],
    }

    def start(name: str) -> None:
        subprocess.run(commands[name](), check=True, capture_output=True)

    work = {name: partial(start, name) for name in commands}
    taken = time_interleaved(work, run.rounds, torch.device("cpu"))
    return {"seconds": {name: summarize(each) for name, each in taken.items()}}


def compare_with_project(taken: Mapping[str, list[float]], images: int, *alike: str) -> dict[str, Any]:
    """Return images a second by contestant, and how many times faster the project is than others.

    Args:
        taken: seconds in each round, by contestant.
        images: in a round.
        alike: contestants that the project is not compared with.
    """
    faster: dict[str, Summary] = {
        name: summarize_speedup(seconds, taken[PROJECT])
        for name, seconds in taken.items()
        if name not in (PROJECT, *alike)
    }
    per_second = {name: summarize_rate(images, each) for name, each in taken.items()}
    return {"images_per_second": per_second, "times_faster": faster}


PARTS: dict[str, Callable[[BenchmarkRun], dict[str, Any]]] = {
    "training": benchmark_training,
    "data": benchmark_data,
    "judging": benchmark_judging,
    "memory": benchmark_memory,
    "startup": benchmark_startup,
}
# timed where they are asked for
OPTIONAL_PARTS = {"changes": benchmark_changes}
