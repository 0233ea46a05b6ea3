"""The process that run_apart starts: python -m privacy_gan.commands.child.

Lightning starts further processes of a run with the same command, so they are children, too.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from privacy_gan.commands.command_line import report_errors
from privacy_gan.errors import Interrupted, UserError
from privacy_gan.launched import is_first_process
from privacy_gan.sweeping.supervisor import CONFIG, FAILURE, PARENT


def main() -> None:
    """Train and judge; leave the reason of a failure where the parent finds it."""
    die_with(int(os.environ[PARENT]))
    os.environ[PARENT] = str(os.getpid())  # for those that Lightning starts
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO if is_first_process() else logging.WARNING,
        format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s",
    )
    config = OmegaConf.create(os.environ[CONFIG])
    assert isinstance(config, DictConfig)
    with report_errors():
        train(config)


def train(config: DictConfig) -> None:
    """Train and judge what a configuration describes, and print what came out."""
    from privacy_gan.commands.pipeline import train
    from privacy_gan.reporting.summary import summary

    try:
        print(summary(*train(config)))
    except Interrupted:
        if is_first_process():
            raise
        sys.exit(0)  # Lightning takes any other end of theirs for a failure of the run
    except UserError as error:
        note_failure(str(error))
        raise
    except Exception as error:
        note_failure(f"{type(error).__name__}: {error}")
        raise


def note_failure(reason: str) -> None:
    """Leave a reason for the parent; the first of several processes to fail knows best."""
    path = Path(os.environ[FAILURE])
    if path.exists() and not path.read_text():
        path.write_text(reason)


def die_with(parent: int) -> None:
    """End this process as soon as its parent has ended, for whatever reason.

    A parent that is killed cannot stop its children, and one of several processes would wait half
    an hour for the others.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-with-parent", daemon=True).start()


if __name__ == "__main__":
    main()
