"""How commands report errors: one line, an exit code, no traceback.

Within a Hydra job errors are raised as they are, so that a sweep can note one and go on with the
next run; they are said, and the command left, outside of ``hydra.main``.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import hydra._internal.utils
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

import privacy_gan.runs.stacking  # noqa: F401 - the resolvers that conf/ uses
from privacy_gan.config import TrainConfig
from privacy_gan.errors import (
    DISK_FULL,
    STOP_SIGNALS,
    Interrupted,
    Mistakes,
    RunFailed,
    UserError,
    is_out_of_memory,
)

MISTAKE = 2  # the shell's own exit code for wrong usage


def register_with_hydra() -> None:
    """Register what conf/train.yaml names with Hydra: the schema, the sweepers, the launcher."""
    plugins = Plugins.instance()  # before the import: it loads Hydra's own sweeper anew

    from hydra_plugins.privacy_gan import (
        ResumingSweeper,
        SearchingSweeper,
        SlurmLauncher,
    )

    plugins.register(ResumingSweeper)
    plugins.register(SearchingSweeper)
    plugins.register(SlurmLauncher)
    ConfigStore.instance().store(name="train_schema", node=TrainConfig)


class PastHydra(BaseException):
    """Carries a job's error past Hydra, which would print lines of its own about it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def job(task: Callable[[DictConfig], None]) -> Callable[[DictConfig], None]:
    """Wrap what ``hydra.main`` calls; to be used with ``start``."""

    @functools.wraps(task)
    def wrapped(config: DictConfig) -> None:
        try:
            task(config)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise  # the other runs do not depend on this one
            raise PastHydra(error) from error

    return wrapped


def start(main: Callable[[], None]) -> None:
    """Run a function of ``hydra.main`` and report a user's errors in one line."""
    # Hydra would print an error over many lines, and exit
    hydra._internal.utils.run_and_report = lambda func: func()
    with report_errors():
        try:
            main()
        except PastHydra as carrier:
            raise carrier.error from None


@contextmanager
def report_errors() -> Iterator[None]:
    """Report an error that a user can fix, or an interruption, in one line, and exit.

    HYDRA_FULL_ERROR=1 shows the traceback of a mistake all the same.
    """
    for signum in STOP_SIGNALS:
        if signal.getsignal(signum) == signal.SIG_DFL:
            signal.signal(signum, interrupt)
    try:
        yield
    except BrokenPipeError:  # whoever read the output has left, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except RunFailed as failure:  # which has shown why
        raise SystemExit(failure.exit_code) from None
    except Exception as error:
        told = mistakes_in(error)
        if not told or wants_tracebacks():
            raise
        for mistake in told:
            say(f"error: {mistake}")
        raise SystemExit(MISTAKE) from None
    except Interrupted as interruption:
        end(f"interrupted: {interruption}", interruption.exit_code)
    except KeyboardInterrupt:
        end("interrupted: repeat the command to go on", 128 + signal.SIGINT)


def wants_tracebacks() -> bool:
    """Tell whether a user wants to see where a mistake was found."""
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def mistakes_in(error: Exception) -> list[str]:
    """Return what a user can fix, in words; nothing where it is no such error."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return [f"no space left to write {error.filename}: free some and repeat"]
    if is_out_of_memory(error):
        why = " ".join(str(error).split())[:200] or "MemoryError"
        return [
            f"not enough memory ({why}): make data.batch_size, image_size or width smaller, or let "
            "fewer programs run at once, and repeat; what was saved is kept"
        ]
    if isinstance(error, Mistakes):
        return [in_words(each) for each in error.errors]
    if isinstance(error, UserError | CompactHydraException | OmegaConfBaseException):
        return [in_words(error)]
    return []


def in_words(error: Exception) -> str:
    """Return an error's message for users."""
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} has no value: give one, {error.full_key}=..."
    return refusal(str(error)) if isinstance(error, CompactHydraException) else str(error)


def refusal(message: str) -> str:
    """Return what Hydra says, without where it looked, and with its list of choices as a list."""
    told, _, choices = message.partition("Config search path:")[0].partition("Available options")
    if not choices:
        return told
    group, *names = choices.splitlines()
    listed = ", ".join(name.strip() for name in names if name.strip())
    return f"{' '.join(told.split())}; available options{group} {listed}"


def interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """Exit cleanly: locks are released and no file is left half written."""
    del frame
    raise Interrupted(signum, "repeat the command to go on")


def from_run(arguments: list[str]) -> list[str]:
    """Turn ``run=FOLDER`` into Hydra's way to begin with the configuration that lies there.

    The other arguments change it. Where there is nothing to begin with, says so and leaves.
    """
    folders = [argument.removeprefix("run=") for argument in arguments if argument[:4] == "run="]
    if {"-h", "--help"} & set(arguments):
        return arguments
    if len(folders) != 1:
        end("error: which run? give its folder, run=FOLDER", MISTAKE)
    folder = Path(folders[0]).absolute()
    if not (folder / "config.yaml").is_file():
        end(f"error: {folder} is not a run folder: it holds no config.yaml", MISTAKE)
    begun = ["--config-path", str(folder), "--config-name", "config"]
    changes = [argument for argument in arguments if argument[:4] != "run="]
    # where the folder lies now counts, not where it was made
    location = [f"run_dir={quoted(str(folder))}", "hydra.run.dir=.", "hydra.output_subdir=null"]
    return [*begun, *location, "hydra/job_logging=stdout", *changes]


def with_names_as_typed(arguments: list[str], options: Sequence[str]) -> list[str]:
    """Let the names of files and folders mean what they say, whatever characters they hold.

    To Hydra blanks, commas and brackets have meanings, unless a value is quoted.

    Args:
        arguments: of the command line.
        options: whose values are names.
    """

    def taken(argument: str) -> str:
        option, is_given, name = argument.partition("=")
        if option not in options or not is_given or name in ("", "null") or name[0] in "'\"":
            return argument
        return f"{option}={quoted(name)}"

    return [taken(argument) for argument in arguments]


def quoted(value: str) -> str:
    """Return a value as Hydra takes it literally."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def end(message: str, exit_code: int) -> NoReturn:
    """Print a message on one line of the error stream and exit."""
    say(message)
    raise SystemExit(exit_code)


def say(message: str) -> None:
    """Print a message on one line of the error stream."""
    print(" ".join(message.split()), file=sys.stderr)
