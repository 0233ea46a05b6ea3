"""Runs commands in subprocesses, so that each run starts fresh and leaves no process behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from privacy_gan.cluster_environment import (
    is_launched_by_slurm,
    is_launched_externally,
    is_rank_zero,
)
from privacy_gan.config import (
    check_config,
    config_to_dict,
    is_distributed,
    resolve_config,
    resolve_task,
)
from privacy_gan.data.image_source import own_attributes
from privacy_gan.errors import Interrupted, RunFailed, RunLocked, RunStopped, UserError
from privacy_gan.runs.folder import RunFolder
from privacy_gan.sweeping.gpus import VISIBLE_DEVICES, reserve_gpus
from privacy_gan.sweeping.heartbeat import (
    FORWARDED_SIGNALS,
    Heartbeat,
    Heartbeats,
    current_heartbeats,
    is_in_sweep,
    sweep_pid,
)
from privacy_gan.sweeping.processes import (
    POLL_SECONDS,
    Processes,
    exit_with_parent,
    read_failures,
    root_cause,
    torchrun_environments,
)

WORKER = "privacy_gan.commands.worker"  # a name, not an import: it depends on this package
# environment variables for the worker
CONFIG, PARENT, FAILURES = "PRIVACY_GAN_CONFIG", "PRIVACY_GAN_PARENT", "PRIVACY_GAN_FAILURES"
LOCKED_EXIT_CODE = os.EX_TEMPFAIL  # of a worker whose run another process has locked


def is_multirun() -> bool:
    """Return whether Hydra is running one of several runs."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def run_in_sweep(config: DictConfig) -> None:
    """Train and judge one run of a sweep.

    Raises:
        RunFailed: the run ended without a result; the sweep continues.
        UserError: a value is out of range; the sweep continues.
        Interrupted: a signal asked the sweep to stop.
        SystemExit: the run failed, and is one of several tasks of a SLURM job; the other tasks
            must not wait for this one.
    """
    try:
        run_in_subprocess(config, "train")
    except RunFailed as failure:
        if is_launched_by_slurm():
            print(f"error: {failure}", file=sys.stderr)
            raise SystemExit(failure.exit_code) from None
        raise


def run_in_subprocess(config: DictConfig, name: str) -> None:
    """Run a command in new processes, which end with this one.

    There is one process, or one for each of the trainer's devices. Within a sweep, their output
    goes to ``output.log`` in the run's folder, and the run's heartbeat reports the progress.

    Args:
        config: the command's configuration.
        name: the command's name among ``privacy_gan.commands``.

    Raises:
        RunFailed: it ended without a result.
        RunStopped: the sweep was asked to stop; the same call resumes.
        RunLocked: another process has locked the run.
        Interrupted: a signal asked this process to stop; the same call resumes.
        UserError: a value is out of range, or the run's folder is not writable.
    """
    exit_with_sweep()
    check_config(config)
    known = own_attributes(config_to_dict(config.data))
    resolved = resolve_config(config, resolve_task(config, known))
    folder = RunFolder(Path(resolved.run_dir))
    heartbeats = current_heartbeats() if is_rank_zero() else None
    with (
        keep_heartbeat(heartbeats, folder) as on_wait,
        reserve_run_gpus(config, on_wait) as gpus,
        rank_environments(config.trainer, gpus) as ranks,
        folder.open_output() if is_in_sweep() else nullcontext() as output,
        TemporaryDirectory(prefix="privacy_gan-") as failures_folder,
    ):
        variables = {
            **gpus,
            CONFIG: OmegaConf.to_yaml(resolved),
            PARENT: str(os.getpid()),
            FAILURES: failures_folder,
        }
        environments = [os.environ | variables | rank for rank in ranks]
        if output is not None and is_rank_zero():
            now = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
            output.write(f"{now} started{format_resources(environments)}\n")
            output.flush()
        command = [sys.executable, "-m", WORKER, name]
        processes = Processes(command, environments, output, Path(failures_folder))
        received = wait_for_run(processes, heartbeats)
        if not processes.failed:
            return
        stop_signals = heartbeats.stop_signals() if heartbeats else []
        failures = read_failures(Path(failures_folder))
        failure = root_cause(failures, processes.exit_codes, several=len(ranks) > 1)
        if not received and (failures or not stop_signals):  # else it has printed that it stopped
            print(failure.format(), end="", file=output or sys.stderr, flush=True)
    for signum in received:
        if not is_rank_zero():
            sys.exit(0)  # srun kills a run's other tasks as soon as one of them fails
        # The state is saved, so let the signal take its usual effect here: submitit requeues its
        # job.
        signal.raise_signal(signum)
        raise Interrupted(signum, "run the same command again to resume")
    if failure.exit_code == LOCKED_EXIT_CODE:
        raise RunLocked(failure.reason, failure.exit_code)
    if stop_signals:
        raise RunStopped("stopped", 128 + stop_signals[0])
    raise RunFailed(failure.reason, failure.exit_code)


@cache
def exit_with_sweep() -> None:
    """Make this process, if a launcher started it, exit when the sweep's main process ends."""
    if (pid := sweep_pid()) is not None and pid != os.getpid():
        exit_with_parent(pid)


def reserve_run_gpus(
    config: DictConfig, on_wait: Callable[[], None] = lambda: None
) -> AbstractContextManager[dict[str, str]]:
    """Reserve a run's GPUs, see ``reserve_gpus``.

    Nothing is reserved in processes that torchrun or SLURM started, which assign the GPUs.
    """
    if is_launched_externally():
        return nullcontext({})
    trainer = config.trainer
    return reserve_gpus(trainer.accelerator, trainer.devices, config.runs_per_device, on_wait)


def rank_environments(
    trainer: DictConfig, gpus: Mapping[str, str]
) -> AbstractContextManager[list[dict[str, str]]]:
    """Return the environment variables of each of a run's processes on this node.

    Args:
        trainer: the trainer's configuration.
        gpus: the environment variables that ``reserve_run_gpus`` yields.

    Raises:
        UserError: all GPUs are to be used but there is none, or the environment variables for
            several nodes are missing, see ``torchrun_environments``.
    """
    if not is_distributed(trainer) or is_launched_externally():
        return nullcontext([{}])
    count = trainer.devices
    if count == "auto":
        if VISIBLE_DEVICES not in gpus:
            raise UserError(
                "trainer=ddp uses all GPUs, but nvidia-smi shows none here: to train on the CPU, "
                "set trainer=ddp_cpu, or trainer.accelerator=cpu trainer.devices=N"
            )
        count = len(gpus[VISIBLE_DEVICES].split(","))
    return torchrun_environments(count, trainer.num_nodes)


@contextmanager
def keep_heartbeat(
    heartbeats: Heartbeats | None, folder: RunFolder
) -> Iterator[Callable[[], None]]:
    """Keep a run's heartbeat within the block; the run's process adds its progress.

    Yields:
        A function to call while the run waits for a GPU.

    Raises:
        RunStopped: the sweep was asked to stop; the yielded function raises it, too.
    """
    if heartbeats is None:
        yield lambda: None
        return

    def report(activity: str) -> None:
        if stop_signals := heartbeats.stop_signals():
            raise RunStopped("stopped", 128 + stop_signals[0])
        heartbeats.write(folder.path, Heartbeat(activity))

    report("starting")
    try:
        yield lambda: report("waiting for a GPU")
    finally:
        heartbeats.end(folder.path)


def format_resources(environments: Sequence[Mapping[str, str]]) -> str:
    """Return the number of processes, the GPUs and the threads per process, as far as set."""
    labels = {VISIBLE_DEVICES: "GPU", "OMP_NUM_THREADS": "threads"}
    first = environments[0]
    several = f", processes: {len(environments)}" if len(environments) > 1 else ""
    return several + "".join(
        f", {label}: {first[name]}" for name, label in labels.items() if name in first
    )


def wait_for_run(processes: Processes, heartbeats: Heartbeats | None) -> list[int]:
    """Wait for a run's processes, and forward stop signals to them.

    Returns:
        The stop signals that this process received itself, without those that the sweep's main
        process forwarded.
    """
    num_forwarded = 0
    # the sweep's main process handles signals for all of its runs
    no_forwarding: AbstractContextManager[list[int]] = nullcontext([])
    is_main = heartbeats and sweep_pid() == os.getpid()
    forwarding = no_forwarding if is_main else forward_signals(processes)
    try:
        with forwarding as received:
            while not processes.have_ended():
                stop_signals = heartbeats.stop_signals() if heartbeats else []
                for signum in stop_signals[num_forwarded:]:
                    processes.send_signal(signum)
                num_forwarded = len(stop_signals)
                time.sleep(POLL_SECONDS)
            return received
    finally:
        processes.kill()


@contextmanager
def forward_signals(processes: Processes) -> Iterator[list[int]]:
    """Forward stop signals to processes within the block; yield the list of received ones."""
    received: list[int] = []

    def forward(signum: int, frame: FrameType | None) -> None:
        del frame
        received.append(signum)
        processes.send_signal(signum)

    previous = {signum: signal.signal(signum, forward) for signum in FORWARDED_SIGNALS}
    try:
        yield received
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
