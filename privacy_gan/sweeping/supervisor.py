"""A run in processes of its own: fresh, however many came before, and gone when it is done."""

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
from privacy_gan.config import check_config, is_distributed, resolve_config, resolve_task
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
    ranks,
    read_failures,
    root_cause,
)

WORKER = "privacy_gan.commands.worker"  # named, not imported: it depends on this room
CONFIG, PARENT, FAILURES = "PRIVACY_GAN_CONFIG", "PRIVACY_GAN_PARENT", "PRIVACY_GAN_FAILURES"
LOCKED_EXIT_CODE = os.EX_TEMPFAIL  # a child's exit code where another process is at work on the run


def is_multirun() -> bool:
    """Tell whether Hydra is at work on one run of several."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def run_in_sweep(config: DictConfig) -> None:
    """Train and judge one run of a sweep.

    Raises:
        RunFailed: it ended without a result; the sweep goes on.
        UserError: a value is out of its range; the sweep goes on.
        Interrupted: a signal asked to stop the sweep.
        SystemExit: the run failed and is several tasks of a cluster's job, of which the others
            should not wait for this one.
    """
    try:
        run_in_subprocess(config, "train")
    except RunFailed as failure:
        if is_launched_by_slurm():
            print(f"error: {failure}", file=sys.stderr)
            raise SystemExit(failure.exit_code) from None
        raise


def run_in_subprocess(config: DictConfig, verb: str) -> None:
    """Do what a command does in new processes, which die with this one.

    They are one, or as many as the trainer has devices. Within a sweep, their output goes to
    ``output.log`` in the run's folder, and its heartbeat says how far it is.

    Args:
        config: of the command.
        verb: the command's name among ``privacy_gan.commands``.

    Raises:
        RunFailed: it ended without a result.
        RunStopped: the sweep was asked to stop; the same call goes on.
        RunLocked: another process is at work on the run.
        Interrupted: a signal that was sent to this process asked to stop; the same call goes on.
        UserError: a value is out of its range, or the run's folder cannot be written.
    """
    exit_with_sweep()
    check_config(config)
    resolved = resolve_config(config, resolve_task(config))
    folder = RunFolder(Path(resolved.run_dir))
    heartbeats = current_heartbeats() if is_rank_zero() else None  # the others add nothing
    with (
        keep_heartbeat(heartbeats, folder) as waiting,
        reserve_run_gpus(config, waiting) as gpus,
        rank_environments(config.trainer, gpus) as ranks,
        folder.output() if is_in_sweep() else nullcontext() as output,
        TemporaryDirectory(prefix="privacy_gan-") as failures,
    ):
        told = {
            **gpus,
            CONFIG: OmegaConf.to_yaml(resolved),
            PARENT: str(os.getpid()),
            FAILURES: failures,
        }
        environments = [os.environ | told | rank for rank in ranks]
        if output is not None and is_rank_zero():
            output.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} begun{place(environments)}\n")
            output.flush()
        command = [sys.executable, "-m", WORKER, verb]
        processes = Processes(command, environments, output, Path(failures))
        received = wait(processes, heartbeats)
        if not processes.failed:
            return
        stops = heartbeats.stop_signals() if heartbeats else []
        left = read_failures(Path(failures))
        failure = root_cause(left, processes.ended, several=len(ranks) > 1)
        if not received and (left or not stops):  # else it said itself that it was stopped
            print(failure.format(), end="", file=output or sys.stderr, flush=True)
    for signum in received:
        if not is_rank_zero():
            sys.exit(0)  # srun kills the others of a run as soon as one of them fails
        # the state is saved; now the signal does here what it would have done: a cluster's job is
        # put into the queue again
        signal.raise_signal(signum)
        raise Interrupted(signum, "repeat the command to go on")
    if failure.exit_code == LOCKED_EXIT_CODE:
        raise RunLocked(failure.reason, failure.exit_code)
    if stops:
        raise RunStopped("stopped", 128 + stops[0])
    raise RunFailed(failure.reason, failure.exit_code)


@cache
def exit_with_sweep() -> None:
    """Kill this process, if a launcher started it, as soon as the sweep's own was killed."""
    if (process := sweep_pid()) is not None and process != os.getpid():
        exit_with_parent(process)


def reserve_run_gpus(
    config: DictConfig, waiting: Callable[[], None] = lambda: None
) -> AbstractContextManager[dict[str, str]]:
    """Keep a run's GPUs from other runs, see ``claimed``.

    Whoever started its processes said which they have.
    """
    if is_launched_externally():
        return nullcontext({})
    trainer = config.trainer
    return reserve_gpus(trainer.accelerator, trainer.devices, config.runs_per_device, waiting)


def rank_environments(
    trainer: DictConfig, gpus: Mapping[str, str]
) -> AbstractContextManager[list[dict[str, str]]]:
    """Say which processes a run has here, see ``processes.ranks``.

    Args:
        trainer: its part of the configuration.
        gpus: that it was given.

    Raises:
        UserError: there is no GPU, or nobody said how several nodes meet.
    """
    if not is_distributed(trainer) or is_launched_externally():
        return nullcontext([{}])
    count = trainer.devices
    if count == "auto":
        if VISIBLE_DEVICES not in gpus:
            raise UserError(
                "trainer=ddp takes all GPUs, and nvidia-smi shows none here: trainer=ddp_cpu, "
                "or trainer.accelerator=cpu trainer.devices=N, computes without"
            )
        count = len(gpus[VISIBLE_DEVICES].split(","))
    return ranks(count, trainer.num_nodes)


@contextmanager
def keep_heartbeat(
    heartbeats: Heartbeats | None, folder: RunFolder
) -> Iterator[Callable[[], None]]:
    """Keep up a run's heartbeat as long as it is at work; its process says more.

    Yields:
        To be called while the run waits for a GPU.

    Raises:
        RunStopped: the sweep was asked to stop; also by what is yielded.
    """
    if heartbeats is None:
        yield lambda: None
        return

    def say(what: str) -> None:
        if stops := heartbeats.stop_signals():
            raise RunStopped("stopped", 128 + stops[0])
        heartbeats.write(folder.path, Heartbeat(what))

    say("starting")
    try:
        yield lambda: say("waiting for a GPU")
    finally:
        heartbeats.end(folder.path)


def place(environments: Sequence[Mapping[str, str]]) -> str:
    """Say on which GPUs and with how many threads processes compute, where that was decided."""
    told = {VISIBLE_DEVICES: "GPU", "OMP_NUM_THREADS": "threads"}
    first = environments[0]
    several = f", processes: {len(environments)}" if len(environments) > 1 else ""
    return several + "".join(f", {told[name]}: {first[name]}" for name in told if name in first)


def wait(processes: Processes, heartbeats: Heartbeats | None) -> list[int]:
    """Wait for a run; pass signals that ask to stop on to it.

    Returns:
        Those that were sent to this process; others were sent to the sweep's.
    """
    passed = 0
    # the sweep's own process takes signals for all runs
    unheard: AbstractContextManager[list[int]] = nullcontext([])
    hearing = unheard if heartbeats and sweep_pid() == os.getpid() else forward_signals(processes)
    try:
        with hearing as received:
            while not processes.have_exited():
                stops = heartbeats.stop_signals() if heartbeats else []
                for signum in stops[passed:]:
                    processes.send_signal(signum)
                passed = len(stops)
                time.sleep(POLL_SECONDS)
            return received
    finally:
        processes.kill()


@contextmanager
def forward_signals(processes: Processes) -> Iterator[list[int]]:
    """Send to processes what this one is sent, and say what that was."""
    received: list[int] = []

    def pass_on(signum: int, frame: FrameType | None) -> None:
        del frame
        received.append(signum)
        processes.send_signal(signum)

    previous = {signum: signal.signal(signum, pass_on) for signum in FORWARDED_SIGNALS}
    try:
        yield received
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
