"""The GPU part: eager training steps, CUDA graphs of them, both compiled; runs that share a GPU."""

from __future__ import annotations

import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.judging import benchmark_judging
from benchmarks.measurement import (
    count_flops,
    measure_peak_flops,
    summarize,
    summarize_rate,
    synchronize,
    time_interleaved,
)
from benchmarks.run import BenchmarkRun, train_run
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.training.step_graphs import CapturedTrainingSteps

FLOPS_BATCH_SIZE = 4  # images per batch when operations are counted
START_SECONDS = 60  # that processes wait for each other to start
RUN_SECONDS = 120  # after which processes that have not finished are ended


@dataclass(frozen=True)
class Variant:
    """A way to run training steps.

    Attributes:
        graph: whether they are captured as CUDA graphs.
        compiled: whether torch.compile compiles all networks.
    """

    graph: bool
    compiled: bool = False


@dataclass(frozen=True)
class Plan:
    """What is timed.

    Attributes:
        variants: by name; the most important ones first.
        batch_sizes: of training.
        images: per epoch, at least; one epoch is a warm-up, then each is a round.
        runs: numbers of runs that share the device, each with the first batch size.
        shared: variant of the runs that share the device.
        seconds: nothing is started after this time; what is left out is named.
    """

    variants: Mapping[str, Variant]
    batch_sizes: Sequence[int]
    images: int
    runs: Sequence[int]
    seconds: float
    shared: str = "graph"


EAGER, GRAPH = "eager", "graph"
PLAN = Plan(
    {
        EAGER: Variant(graph=False),
        GRAPH: Variant(graph=True),
        "compiled": Variant(graph=False, compiled=True),
        "graph, compiled": Variant(graph=True, compiled=True),
    },
    batch_sizes=(64, 256, 1024),
    images=8192,
    runs=(1, 2, 4, 8),
    seconds=360,
)
TRAINING, RUNS, JUDGING = "training", "runs", "judging"


def benchmark_gpu(run: BenchmarkRun) -> dict[str, Any]:
    """Time the paper's training, judging and several runs on one GPU.

    Raises:
        UserError: there is no GPU.
    """
    if run.device.type != "cuda":
        raise UserError("--parts gpu needs an NVIDIA GPU: on a machine with one, set trainer=gpu")
    return time_plan(run, PLAN)


def time_plan(run: BenchmarkRun, plan: Plan) -> dict[str, Any]:
    """Time everything in a plan, the most important first, until its time is over."""
    started = time.monotonic()
    found: dict[str, dict[str, Any]] = {TRAINING: {}, RUNS: {}, JUDGING: {}}
    left_out, failed = [], {}
    for part, name, work in list_work(run, plan):
        if time.monotonic() - started > plan.seconds:
            left_out.append(f"{part}: {name}")
            continue
        try:
            found[part][name] = work()
        except Exception as error:  # such as a lack of memory, or of a compiler
            reason = str(error).strip().partition("\n")[0]
            failed[f"{part}: {name}"] = reason or type(error).__name__
    flops = flops_per_image(run)
    one = torch.ones(1, 1, device=run.device)
    with run.compute.autocast():  # selects the type in which matrices are multiplied
        dtype = (one @ one).dtype
    return {
        **found,
        "operations_per_image": flops,
        "matrix_peak": measure_peak_flops(run.device, dtype),
        "left_out": left_out,
        "failed": failed,
        "seconds": time.monotonic() - started,
    }


def list_work(
    run: BenchmarkRun, plan: Plan
) -> Iterable[tuple[str, str, Callable[[], Mapping[str, Any]]]]:
    """Yield what is to be timed: the part of the record, a name, and the work.

    Variants that are compiled come last, because compilers take minutes.
    """

    def training(compiled: bool) -> Iterable[tuple[str, str, Callable[[], Mapping[str, Any]]]]:
        for size in plan.batch_sizes:
            for name, variant in plan.variants.items():
                if variant.compiled == compiled:
                    work = partial(time_training, run, plan, variant, size)
                    yield TRAINING, training_name(name, size), work

    yield from training(compiled=False)
    yield TRAINING, "reference", partial(time_reference, run)
    for count in plan.runs:
        yield RUNS, str(count), partial(time_runs, run, plan, count)
    for name, graph in ((EAGER, "false"), (GRAPH, "true")):
        changed = BenchmarkRun(
            run.conf, [*run.overrides, f"trainer.graph={graph}"], run.folder, run.rounds
        )
        yield JUDGING, name, partial(benchmark_judging, changed)
    yield from training(compiled=True)


def training_name(variant: str, batch_size: int) -> str:
    """Return the name of a variant at a batch size in the record."""
    return f"{variant}, batch size {batch_size}"


class EpochTimer(Callback):
    """Times each epoch after the first one, without validation.

    Args:
        device: of the training.
        compiled: whether to compile the networks.
        wait: called before the second epoch.

    Attributes:
        seconds: of each epoch.
        times: of the start of the second epoch and the end of the last one.
        is_captured: whether the steps of the last epoch were captured.
    """

    def __init__(
        self,
        device: torch.device,
        compiled: bool = False,
        wait: Callable[[], object] = lambda: None,
    ) -> None:
        self.device = device
        self.compiled = compiled
        self.wait = wait
        self.seconds: list[float] = []
        self.times: list[float] = []
        self.started = 0.0
        self.is_captured = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compile the networks."""
        for network in pl_module.networks if self.compiled else []:  # type: ignore[union-attr]
            network.compile()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the timer."""
        if trainer.current_epoch == 1:
            self.wait()
        synchronize(self.device)
        self.started = time.monotonic()
        if trainer.current_epoch == 1:
            self.times = [self.started]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **more: Any
    ) -> None:
        """Stop the timer after the last batch."""
        if trainer.is_last_batch and trainer.current_epoch > 0:
            synchronize(self.device)
            now = time.monotonic()
            self.seconds.append(now - self.started)
            self.times[1:] = [now]
            steps = pl_module.captured
            self.is_captured = isinstance(steps, CapturedTrainingSteps) and not steps.failed


def time_training(
    run: BenchmarkRun, plan: Plan, variant: Variant, batch_size: int
) -> dict[str, Any]:
    """Return the images per second of training with Lightning's Trainer, and its peak memory."""
    timer = EpochTimer(run.device, variant.compiled)
    if run.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(run.device)
    images = train_for(run, plan, variant, batch_size, timer)
    torch.compiler.reset()
    peak = torch.cuda.max_memory_allocated(run.device) if run.device.type == "cuda" else None
    return {"images_per_second": summarize_rate(images, timer.seconds), "peak_bytes": peak}


def train_for(
    run: BenchmarkRun, plan: Plan, variant: Variant, batch_size: int, timer: EpochTimer
) -> int:
    """Train a new run for a warm-up and all rounds; return the number of images in an epoch.

    Raises:
        UserError: the steps were not captured, although the variant says so.
    """
    setup = run.prepare(
        f"gpu-{time.time_ns()}-{os.getpid()}",  # a new run each time
        f"data.batch_size={batch_size}",
        f"trainer.graph={str(variant.graph).lower()}",
        f"trainer.max_epochs={run.rounds + 1}",
        f"+trainer.limit_train_batches={-(-plan.images // batch_size)}",
        f"+trainer.check_val_every_n_epoch={run.rounds + 2}",
        "checkpoint_minutes=1000",
    )
    setup.datamodule.setup()
    trainer = train_run(setup, timer)
    if variant.graph and not timer.is_captured:
        raise UserError("the steps were not captured, see the warning above")
    return int(trainer.num_training_batches) * batch_size


def time_reference(run: BenchmarkRun) -> dict[str, Any]:
    """Return the images per second of the released code's steps, images on the device."""
    batches = run.labelled(cycle(run.device_batches))
    step = run.reference_step()
    work = {"reference": partial(step, batches, run.steps)}
    seconds = time_interleaved(work, run.rounds, run.device)["reference"]
    return {"images_per_second": summarize_rate(run.steps * run.batch_size, seconds)}


def time_runs(run: BenchmarkRun, plan: Plan, count: int) -> dict[str, Any]:
    """Return the images per second of several runs together, a process each.

    Raises:
        UserError: a process failed.
    """
    fresh = BenchmarkRun(run.conf, run.overrides, run.folder, run.rounds)  # can be pickled
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    arguments = (fresh, plan, barrier, results)
    processes = [context.Process(target=train_with_others, args=arguments) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        found = [results.get(timeout=RUN_SECONDS) for _ in processes]
    except queue.Empty as error:
        raise UserError(f"not all of {count} runs finished in time, see above") from error
    finally:
        for process in processes:
            process.join(1)
            process.terminate()
    seconds = max(end for _, _, end in found) - min(start for _, start, _ in found)
    images = sum(images for images, _, _ in found)
    return {"images_per_second": summarize([images / seconds])}


def train_with_others(
    run: BenchmarkRun, plan: Plan, barrier: Barrier, results: Queue[tuple[int, float, float]]
) -> None:
    """Train a run in this process, and put images, start and end into the results."""
    timer = EpochTimer(run.device, wait=partial(barrier.wait, START_SECONDS))
    images = train_for(run, plan, plan.variants[plan.shared], plan.batch_sizes[0], timer)
    results.put((run.rounds * images, *timer.times))  # type: ignore[arg-type]


def flops_per_image(run: BenchmarkRun) -> float:
    """Return the floating-point operations of a training step for each image."""
    step = run.bare_step()
    small = Batch(*(rows[:FLOPS_BATCH_SIZE] for rows in run.device_batches[0]))
    # three steps update all networks
    return count_flops(lambda: step(cycle([small]), 3)) / (3 * FLOPS_BATCH_SIZE)
