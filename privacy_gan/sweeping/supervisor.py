"""A run in a process of its own: fresh, however many came before, and gone when it is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from privacy_gan.config import check, completed, resolve
from privacy_gan.errors import STOP_SIGNALS, Interrupted, RunFailed
from privacy_gan.launched import is_first_process
from privacy_gan.sweeping.gpus import claimed

CHILD = "privacy_gan.commands.child"  # named, not imported: it depends on this room
CONFIG, PARENT, FAILURE = "PRIVACY_GAN_CONFIG", "PRIVACY_GAN_PARENT", "PRIVACY_GAN_FAILURE"


def is_swept() -> bool:
    """Tell whether Hydra is at work on one run of several."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def gpus_wanted(config: DictConfig) -> dict[str, Any]:
    """Return what ``claimed`` wants to know of a run."""
    trainer = config.trainer
    return {
        "accelerator": trainer.accelerator,
        "devices": trainer.devices,
        "runs_per_gpu": config.runs_per_gpu,
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

    A signal that asks to stop is passed on; once the run has saved its state, the signal does here
    what it would have done: a cluster's job is put into the queue again.

    Raises:
        RunFailed: it ended without a result.
        Interrupted: a signal asked to stop; the same call goes on.
        UserError: a value is out of its range.
    """
    check(config)
    text = OmegaConf.to_yaml(completed(config, resolve(config)))
    gpus_of_its_own = claimed(**gpus_wanted(config))
    with tempfile.NamedTemporaryFile(prefix="privacy_gan-") as failure, gpus_of_its_own as gpus:
        environment = {
            **os.environ,
            **gpus,
            CONFIG: text,
            PARENT: str(os.getpid()),
            FAILURE: failure.name,
        }
        command = [sys.executable, "-m", CHILD]
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        with passing_signals_on(process) as received:
            code = process.wait()
        reason = Path(failure.name).read_text()
    for signum in received:
        if not is_first_process():
            sys.exit(0)  # srun kills the others of a run as soon as one of them fails
        signal.raise_signal(signum)
        raise Interrupted(signum, "repeat the command to go on")
    if code:
        raise RunFailed(reason or ending(code), code if code > 0 else 128 - code)


@contextmanager
def passing_signals_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Send to a process what this one is sent, and say what that was."""
    received: list[int] = []

    def pass_on(signum: int, frame: FrameType | None) -> None:
        del frame
        received.append(signum)
        process.send_signal(signum)

    previous = {signum: signal.signal(signum, pass_on) for signum in (signal.SIGINT, *STOP_SIGNALS)}
    try:
        yield received
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
        if process.poll() is None:
            process.kill()


def ending(code: int) -> str:
    """Say how a process ended that did not say it itself."""
    if code == -signal.SIGKILL:
        return "the run was killed: was there too little memory?"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
