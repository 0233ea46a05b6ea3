"""Worker process of a command: ``python -m privacy_gan.commands.worker COMMAND``."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

from omegaconf import DictConfig, OmegaConf

from privacy_gan.cluster_environment import is_rank_zero
from privacy_gan.commands.hydra_app import (
    USAGE_ERROR,
    report_errors,
    wants_tracebacks,
)
from privacy_gan.commands.launch import WORKER_FUNCTIONS
from privacy_gan.commands.messages import messages_for
from privacy_gan.errors import FolderLocked, Interrupted
from privacy_gan.progress import progress_listener
from privacy_gan.sweeping.heartbeat import HeartbeatReporter, current_heartbeats, unblock_signals
from privacy_gan.sweeping.processes import Failure, exit_with_parent
from privacy_gan.sweeping.supervisor import CONFIG, FAILURES, LOCKED_EXIT_CODE, PARENT

# parts of gloo's and NCCL's messages after another process ended and its connections were lost
CONNECTION_ERRORS = ("gloo/transport", "Gloo", "NCCL", "TCPStore")


def main() -> None:
    """Run a command; on failure, write the reason to a file that the parent process reads."""
    exit_with_parent(int(os.environ[PARENT]))
    if not is_rank_zero():
        warnings.simplefilter("ignore")  # rank zero shows them
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO if is_rank_zero() else logging.ERROR,
        format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s",
    )
    config = OmegaConf.create(os.environ[CONFIG])
    assert isinstance(config, DictConfig)
    with report_errors(), report_to_sweep(Path(config.run_dir)):
        unblock_signals()
        try:
            summary = WORKER_FUNCTIONS[sys.argv[1]](config)
        except Exception as error:
            exit_with_failure(error)
        except (Interrupted, KeyboardInterrupt):
            if is_rank_zero():
                raise
            sys.exit(0)  # rank zero reports it
    if is_rank_zero():
        print(summary)


def exit_with_failure(error: Exception) -> NoReturn:
    """Write the reason of a failure to a file that the parent process reads, and exit."""
    if messages := messages_for(error):
        reason = "\n".join(" ".join(message.split()) for message in messages)
        code = LOCKED_EXIT_CODE if isinstance(error, FolderLocked) else USAGE_ERROR
        failure = Failure(reason, code, traceback.format_exc() if wants_tracebacks() else "")
    else:
        reason = f"{type(error).__name__}: {error}"
        is_secondary = any(text in reason for text in CONNECTION_ERRORS)
        failure = Failure(reason, 1, traceback.format_exc(), is_secondary)
    failure.write(Path(os.environ[FAILURES]), int(os.environ.get("LOCAL_RANK", 0)))
    sys.exit(failure.exit_code)


def report_to_sweep(run: Path) -> AbstractContextManager[None]:
    """Report progress and warnings to the sweep that this run is part of, if any."""
    heartbeats = current_heartbeats()
    if heartbeats is None or not is_rank_zero():
        return nullcontext()
    reporter = HeartbeatReporter(heartbeats, run)
    logging.getLogger("privacy_gan").addHandler(reporter)
    return progress_listener(reporter)


if __name__ == "__main__":
    main()
