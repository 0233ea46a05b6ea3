"""The process that run_apart starts: python -m privacy_gan.commands.child.

Lightning starts further processes of a run with the same command, so they are children, too.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from privacy_gan.commands.command_line import end, no_space, report_errors
from privacy_gan.errors import DISK_FULL, FolderTaken, Interrupted, UserError
from privacy_gan.launched import is_first_process
from privacy_gan.progress import listening
from privacy_gan.sweeping.notes import Reporter, Teller, notes_of_sweep
from privacy_gan.sweeping.orphans import die_with
from privacy_gan.sweeping.stopping import accept_signals
from privacy_gan.sweeping.supervisor import CONFIG, FAILURE, PARENT, TAKEN


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
    with report_errors(), reporting(Path(config.run_dir)):
        accept_signals()
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
    except FolderTaken as error:
        note_failure(str(error))
        end(f"error: {error}", TAKEN)
    except UserError as error:
        note_failure(str(error))
        raise
    except OSError as error:
        full = error.errno in DISK_FULL
        note_failure(no_space(error) if full else f"{type(error).__name__}: {error}")
        raise
    except Exception as error:
        note_failure(f"{type(error).__name__}: {error}")
        raise


def reporting(run: Path) -> AbstractContextManager[None]:
    """Let a sweep know of progress and of warnings."""
    notes = notes_of_sweep()
    if notes is None or not is_first_process():
        return nullcontext()
    logging.getLogger("privacy_gan").addHandler(Teller(notes, run))
    return listening(Reporter(notes, run))


def note_failure(reason: str) -> None:
    """Leave a reason for the parent; the first of several processes to fail knows best."""
    path = Path(os.environ[FAILURE])
    if path.exists() and not path.read_text():
        path.write_text(reason)


if __name__ == "__main__":
    main()
