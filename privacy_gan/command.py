"""How commands end when something is in the way: one line, an exit code, no traceback."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn, ParamSpec

import hydra._internal.utils
from hydra.errors import CompactHydraException
from omegaconf.errors import MissingMandatoryValue

from privacy_gan.errors import Interrupted, RunFailed, UserError

Arguments = ParamSpec("Arguments")

# What asks a command to stop, beside Ctrl-C; clusters choose among these.
STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

MISTAKE = 2  # the shell's own exit code for a command that was given wrongly


def start(main: Callable[[], None]) -> None:
    """Run a Hydra command; a configuration that Hydra cannot compose is refused in one line."""
    # Hydra would print a refusal as a page, and leave
    hydra._internal.utils.run_and_report = lambda func: func()
    try:
        main()
    except CompactHydraException as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        end(f"error: {refusal(str(error))}", MISTAKE)


def refusal(message: str) -> str:
    """Return what Hydra says, without where it looked, and with its list of choices as a list."""
    told, _, choices = message.partition("Config search path:")[0].partition("Available options")
    if not choices:
        return told
    group, *names = choices.splitlines()
    listed = ", ".join(name.strip() for name in names if name.strip())
    return f"{' '.join(told.split())}; available options{group} {listed}"


def in_one_line(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Wrap a command so that what a user can mend, or did, is said in one line.

    HYDRA_FULL_ERROR=1 shows the traceback of a mistake all the same.
    """

    @functools.wraps(command)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        for signum in STOPPING:
            if signal.getsignal(signum) == signal.SIG_DFL:
                signal.signal(signum, interrupt)
        try:
            command(*args, **kwargs)
        except UserError as error:
            if os.environ.get("HYDRA_FULL_ERROR") == "1":
                raise
            end(f"error: {error}", MISTAKE)
        except MissingMandatoryValue as error:
            end(f"error: {error.full_key} has no value: give one, {error.full_key}=...", MISTAKE)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            end(f"error: no space left to write {error.filename}: free some and repeat", MISTAKE)
        except RunFailed as failure:  # which has shown why
            raise SystemExit(failure.exit_code) from None
        except Interrupted as interruption:
            end(f"interrupted: {interruption}", interruption.exit_code)
        except KeyboardInterrupt:
            end("interrupted: repeat the command to go on", 128 + signal.SIGINT)

    return wrapped


def interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """Leave in good order: with locks given back and no half of a file."""
    del frame
    raise Interrupted(signum, "repeat the command to go on")


def from_run(arguments: list[str]) -> list[str]:
    """Turn ``run=FOLDER`` into Hydra's way to begin with the configuration that lies there.

    The other arguments change it. Where nothing can be begun with, says so and leaves.
    """
    folders = [argument.removeprefix("run=") for argument in arguments if argument[:4] == "run="]
    if {"-h", "--help"} & set(arguments):
        return arguments
    if len(folders) != 1:
        end("error: which run? give its folder, run=FOLDER", MISTAKE)
    folder = Path(folders[0]).absolute()
    if not (folder / "config.yaml").is_file():
        end(f"error: {folder} holds no config.yaml, so it is no run's folder", MISTAKE)
    begun = ["--config-path", str(folder), "--config-name", "config"]
    changes = [argument for argument in arguments if argument[:4] != "run="]
    # where the folder lies now counts, not where it was made
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    whereabouts = [f"run_dir='{quoted}'", "hydra.run.dir=.", "hydra.output_subdir=null"]
    return [*begun, *whereabouts, "hydra/job_logging=stdout", *changes]


def end(message: str, exit_code: int) -> NoReturn:
    """Say a message on one line of the error stream and leave."""
    print(" ".join(message.split()), file=sys.stderr)
    raise SystemExit(exit_code)
