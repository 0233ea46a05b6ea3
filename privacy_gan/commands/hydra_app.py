"""How commands report errors: one line, an exit code, no traceback.

Within a Hydra job errors are raised as they are, so that a sweep can note one and go on with the
next run; they are said, and the command left, outside of ``hydra.main``.
"""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import hydra._internal.utils
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

import privacy_gan.runs.resolvers  # noqa: F401 - the resolvers that conf/ uses
from privacy_gan.commands.messages import explain, messages_for
from privacy_gan.commands.user_files import UserFiles
from privacy_gan.config import TrainConfig
from privacy_gan.config.declared_config import DeclaredConfig, unresolved_settings
from privacy_gan.config.paths import resolve_paths
from privacy_gan.config.validators import validate_values
from privacy_gan.errors import STOP_SIGNALS, Interrupted, RunFailed

USAGE_ERROR = 2  # the shell's own exit code for wrong usage


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


class JobError(BaseException):
    """Carries a job's error past Hydra, which would print lines of its own about it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def hydra_job(
    task: Callable[[DictConfig], None], names: Sequence[str] = ()
) -> Callable[[DictConfig], None]:
    """Wrap what ``hydra.main`` calls; to be used with ``start``.

    Args:
        task: what is to be done with a configuration that is as conf/ declares it.
        names: options whose values are names of files or folders.
    """

    @functools.wraps(task)
    def wrapped(config: DictConfig) -> None:
        try:
            resolve_paths(config, names)
            if HydraConfig.get().mode != RunMode.MULTIRUN:  # a sweep has looked at all of its runs
                check_composed(config)
            task(config)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise  # the other runs do not depend on this one
            raise JobError(error) from error

    return wrapped


def check_composed(config: DictConfig) -> None:
    """Refuse a configuration whose settings are not what conf/ declares.

    Raises:
        UserError: names one.
    """
    hydra_config = HydraConfig.get()
    declared = DeclaredConfig(GlobalHydra.instance().config_loader(), str(hydra_config.job.config_name))
    typed = [*hydra_config.overrides.hydra, *hydra_config.overrides.task]
    declared.check(config, hydra_config.runtime.choices, typed)
    if "privatizer" not in config:  # a run's are checked where a run is begun
        validate_values(unresolved_settings(config))


def run_hydra_main(main: Callable[[], None], config: str, conf: Path, typed: Sequence[str]) -> None:
    """Run a function of ``hydra.main`` and report a user's errors in one line.

    Args:
        main: the function.
        config: name of the configuration that it reads.
        conf: folder of all that there are.
        typed: what the user typed.
    """

    def explaining(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except (Exception, JobError) as raised:
            error = raised.error if isinstance(raised, JobError) else raised
        # raised out here, an error has not what carried it for its own context
        assert isinstance(error, Exception)
        if not GlobalHydra.instance().is_initialized():
            raise error
        loader = GlobalHydra.instance().config_loader()
        files = UserFiles(loader.get_search_path(), conf, typed)
        told = explain(error, DeclaredConfig(loader, config), files)
        if told is error:
            raise error
        raise told from error

    # Hydra would print an error over many lines, and exit
    hydra._internal.utils.run_and_report = explaining  # type: ignore[assignment]
    with report_errors():
        main()


@contextmanager
def report_errors() -> Iterator[None]:
    """Report an error that a user can fix, or an interruption, in one line, and exit.

    HYDRA_FULL_ERROR=1 shows the traceback of a mistake all the same.
    """
    configure_process()
    for signum in STOP_SIGNALS:
        if signal.getsignal(signum) == signal.SIG_DFL:
            signal.signal(signum, raise_interrupted)
    try:
        yield
    except BrokenPipeError:  # whoever read the output has left, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except RunFailed as failure:  # which has shown why
        raise SystemExit(failure.exit_code) from None
    except Exception as error:
        told = messages_for(error)
        if not told or wants_tracebacks():
            raise
        for mistake in told:
            print_error(f"error: {mistake}")
        raise SystemExit(USAGE_ERROR) from None
    except Interrupted as interruption:
        exit_with(f"interrupted: {interruption}", interruption.exit_code)
    except KeyboardInterrupt:
        exit_with("interrupted: repeat the command to go on", 128 + signal.SIGINT)


def configure_process() -> None:
    """Draw without a display, and print what a terminal cannot show as escapes.

    A notebook's MPLBACKEND names a module that need not be there, and matplotlib, which libraries
    load, stops at it. Processes that this one starts inherit the change.
    """
    os.environ["MPLBACKEND"] = "Agg"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # a file that has become a pipe since Python began
                stream.reconfigure(errors="backslashreplace")


def wants_tracebacks() -> bool:
    """Tell whether a user wants to see where a mistake was found."""
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def raise_interrupted(signum: int, frame: FrameType | None) -> NoReturn:
    """Exit cleanly: locks are released and no file is left half written."""
    del frame
    raise Interrupted(signum, "repeat the command to go on")


def exit_with(message: str, exit_code: int) -> NoReturn:
    """Print a message on one line of the error stream and exit."""
    print_error(message)
    raise SystemExit(exit_code)


def print_error(message: str) -> None:
    """Print a message on one line of the error stream."""
    print(" ".join(message.split()), file=sys.stderr)
