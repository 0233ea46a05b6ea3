"""A run in a process of its own: fresh, however many came before, and gone when it is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from privacy_gan.config import check, completed, resolve
from privacy_gan.errors import Interrupted, RunFailed, RunStopped, RunTaken
from privacy_gan.launched import is_first_process
from privacy_gan.runs.folder import RunFolder
from privacy_gan.sweeping.gpus import VISIBLE, claimed
from privacy_gan.sweeping.notes import Note, Notes, die_with_sweep, is_owner, notes_of_sweep
from privacy_gan.sweeping.stopping import SIGNALS

CHILD = "privacy_gan.commands.child"  # named, not imported: it depends on this room
CONFIG, PARENT, FAILURE = "PRIVACY_GAN_CONFIG", "PRIVACY_GAN_PARENT", "PRIVACY_GAN_FAILURE"
TAKEN = os.EX_TEMPFAIL  # a child's exit code where another process is at work on the run
SECONDS_BETWEEN_LOOKS = 0.2


def is_swept() -> bool:
    """Tell whether Hydra is at work on one run of several."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def gpus_wanted(config: DictConfig) -> dict[str, Any]:
    """Return what ``claimed`` wants to know of a run."""
    trainer = config.trainer
    return {
        "accelerator": trainer.accelerator,
        "devices": trainer.devices,
        "runs_per_device": config.runs_per_device,
    }


def starts_processes(config: DictConfig) -> bool:
    """Tell whether Lightning starts further processes for a run.

    It starts them with the command that the first was started with, which must then say all, and
    not just which configuration to begin with.
    """
    return "strategy" in config.trainer


def run_swept(config: DictConfig) -> None:
    """Train and judge one run of a sweep.

    Raises:
        RunFailed: it ended without a result; the sweep goes on.
        UserError: a value is out of its range; the sweep goes on.
        Interrupted: a signal asked to stop the sweep.
        SystemExit: the run failed and is several tasks of a cluster's job, of which the others
            should not wait for this one.
    """
    try:
        run_apart(config)
    except RunFailed as failure:
        if int(os.environ.get("SLURM_NTASKS", 1)) > 1:
            print(f"error: {failure}", file=sys.stderr)
            raise SystemExit(failure.exit_code) from None
        raise


def run_apart(config: DictConfig) -> None:
    """Train and judge in a new process, which dies with this one.

    Within a sweep, its output goes to ``output.log`` in the run's folder, and the sweep's notes say
    how far it is.

    Raises:
        RunFailed: it ended without a result.
        RunStopped: the sweep was asked to stop; the same call goes on.
        RunTaken: another process is at work on the run.
        Interrupted: a signal that was sent to this process asked to stop; the same call goes on.
        UserError: a value is out of its range, or the run's folder cannot be written.
    """
    die_with_sweep()
    check(config)
    resolved = completed(config, resolve(config))
    folder, notes = RunFolder(Path(resolved.run_dir)), notes_of_sweep()
    with (
        noted(notes, folder) as waiting,
        claimed(**gpus_wanted(config), waiting=waiting) as gpus,
        folder.output() if notes else nullcontext() as output,
        tempfile.NamedTemporaryFile(prefix="privacy_gan-") as failure,
    ):
        environment = {
            **os.environ,
            **gpus,
            CONFIG: OmegaConf.to_yaml(resolved),
            PARENT: str(os.getpid()),
            FAILURE: failure.name,
        }
        if output is not None:
            output.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} begun{place(environment)}\n")
            output.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", CHILD],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        received = wait(process, notes)
        reason = Path(failure.name).read_text()
    for signum in received:
        if not is_first_process():
            sys.exit(0)  # srun kills the others of a run as soon as one of them fails
        # the state is saved; now the signal does here what it would have done: a cluster's job is
        # put into the queue again
        signal.raise_signal(signum)
        raise Interrupted(signum, "repeat the command to go on")
    if code := process.returncode:
        raise_failure(code, reason, notes)


def raise_failure(code: int, reason: str, notes: Notes | None) -> NoReturn:
    """Raise what says how a run ended that has no result.

    Args:
        code: its process's exit code, minus the signal if one killed it.
        reason: what it said itself, if it could.
        notes: of the sweep.
    """
    if code == TAKEN:
        raise RunTaken(reason, code)
    if notes and (stops := notes.stops()):
        raise RunStopped(reason or "stopped", 128 + stops[0])
    raise RunFailed(reason or ending(code), code if code > 0 else 128 - code)


@contextmanager
def noted(notes: Notes | None, folder: RunFolder) -> Iterator[Callable[[], None]]:
    """Keep a note on a run as long as it is at work.

    Yields:
        To be called while the run waits for a GPU.

    Raises:
        RunStopped: the sweep was asked to stop; also by what is yielded.
    """
    if notes is None:
        yield lambda: None
        return

    def note(what: str) -> None:
        if stops := notes.stops():
            raise RunStopped("stopped", 128 + stops[0])
        notes.write(folder.path, Note(what))

    note("starting")
    try:
        yield lambda: note("waiting for a GPU")
    finally:
        notes.remove(folder.path)


def place(environment: Mapping[str, str]) -> str:
    """Say on which GPUs and with how many threads a process computes, where that was decided."""
    told = {VISIBLE: "GPU", "OMP_NUM_THREADS": "threads"}
    return "".join(f", {told[name]}: {environment[name]}" for name in told if name in environment)


def wait(process: subprocess.Popen[bytes], notes: Notes | None) -> list[int]:
    """Wait for a run; pass signals that ask to stop on to it.

    Returns:
        Those that were sent to this process; others were sent to the sweep's.
    """
    passed = 0
    # in the sweep's own process signals are noted, for all runs
    unheard: AbstractContextManager[list[int]] = nullcontext([])
    hearing = unheard if notes and is_owner() else passed_on(process)
    with killed_at_last(process), hearing as received:
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_BETWEEN_LOOKS if notes else None)
                return received
            stops = notes.stops() if notes else []
            for signum in stops[passed:]:
                process.send_signal(signum)
            passed = len(stops)


@contextmanager
def killed_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no process behind that is not waited for any more."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()


@contextmanager
def passed_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Send to a process what this one is sent, and say what that was."""
    received: list[int] = []

    def pass_on(signum: int, frame: FrameType | None) -> None:
        del frame
        received.append(signum)
        process.send_signal(signum)

    previous = {signum: signal.signal(signum, pass_on) for signum in SIGNALS}
    try:
        yield received
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def ending(code: int) -> str:
    """Say how a process ended that did not say it itself."""
    if code == -signal.SIGKILL:
        return "the run was killed: was there too little memory?"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
