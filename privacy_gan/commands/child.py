"""A process of a command, as run_apart starts it: python -m privacy_gan.commands.child VERB."""

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

from privacy_gan.commands.command_line import (
    MISTAKE,
    report_errors,
    wants_tracebacks,
)
from privacy_gan.commands.launch import IN_PROCESSES
from privacy_gan.commands.messages import mistakes_in
from privacy_gan.errors import FolderTaken, Interrupted
from privacy_gan.launched import is_first_process
from privacy_gan.progress import listening
from privacy_gan.sweeping.heartbeat import Reporter, accept_signals, current_heartbeats
from privacy_gan.sweeping.processes import Failure, die_with
from privacy_gan.sweeping.supervisor import CONFIG, FAILURES, PARENT, TAKEN

# how gloo and NCCL begin to complain of a connection that another process's end has cut
OF_CONNECTIONS = ("gloo/transport", "Gloo", "NCCL", "TCPStore")


def main() -> None:
    """Do what a verb stands for; leave the reason of a failure where the parent finds it."""
    die_with(int(os.environ[PARENT]))
    if not is_first_process():
        warnings.simplefilter("ignore")  # the first gives them
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO if is_first_process() else logging.ERROR,
        format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s",
    )
    config = OmegaConf.create(os.environ[CONFIG])
    assert isinstance(config, DictConfig)
    with report_errors(), reporting(Path(config.run_dir)):
        accept_signals()
        try:
            told = IN_PROCESSES[sys.argv[1]](config)
        except Exception as error:
            fail(error)
        except (Interrupted, KeyboardInterrupt):
            if is_first_process():
                raise
            sys.exit(0)  # the first says it
    if is_first_process():
        print(told)


def fail(error: Exception) -> NoReturn:
    """Leave the reason of a failure where the parent finds it, and end."""
    if mistakes := mistakes_in(error):
        reason = "\n".join(" ".join(mistake.split()) for mistake in mistakes)
        code = TAKEN if isinstance(error, FolderTaken) else MISTAKE
        failure = Failure(reason, code, traceback.format_exc() if wants_tracebacks() else "")
    else:
        reason = f"{type(error).__name__}: {error}"
        follows = any(words in reason for words in OF_CONNECTIONS)
        failure = Failure(reason, 1, traceback.format_exc(), follows)
    failure.leave(Path(os.environ[FAILURES]), int(os.environ.get("LOCAL_RANK", 0)))
    sys.exit(failure.exit_code)


def reporting(run: Path) -> AbstractContextManager[None]:
    """Let a sweep know of progress and of warnings."""
    heartbeats = current_heartbeats()
    if heartbeats is None or not is_first_process():
        return nullcontext()
    reporter = Reporter(heartbeats, run)
    logging.getLogger("privacy_gan").addHandler(reporter)
    return listening(reporter)


if __name__ == "__main__":
    main()
