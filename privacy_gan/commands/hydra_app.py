"""Hydra entry points whose errors are reported in one line with an exit code, not a traceback.

Errors within a Hydra job propagate unchanged, so that a sweep can record them and start the next
run. They are reported outside of ``hydra.main``.
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

USAGE_ERROR = 2  # the exit code that shells use for wrong usage


def register_with_hydra() -> None:
    """Register the schema, sweepers and launcher that conf/train.yaml names with Hydra."""
    plugins = Plugins.instance()  # before the import below, which reloads Hydra's own sweeper

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
    """Wraps an error of a job, so that Hydra does not print its own message about it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def hydra_job(
    task: Callable[[DictConfig], None], path_options: Sequence[str] = ()
) -> Callable[[DictConfig], None]:
    """Wrap a function that ``hydra.main`` calls. Start the result with ``run_hydra_main``.

    Args:
        task: called with the configuration after it was checked.
        path_options: options whose values are names of files or folders.
    """

    @functools.wraps(task)
    def wrapped(config: DictConfig) -> None:
        try:
            resolve_paths(config, path_options)
            if HydraConfig.get().mode != RunMode.MULTIRUN:  # the sweeper has checked all its runs
                check_composed(config)
            task(config)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise  # the other runs do not depend on this one
            raise JobError(error) from error

    return wrapped


def check_composed(config: DictConfig) -> None:
    """Check a composed configuration against what conf/ declares.

    Raises:
        UserError: a setting is unknown or has an unsuitable value.
    """
    hydra_config = HydraConfig.get()
    loader = GlobalHydra.instance().config_loader()
    declared = DeclaredConfig(loader, str(hydra_config.job.config_name))
    overrides = [*hydra_config.overrides.hydra, *hydra_config.overrides.task]
    declared.check(config, hydra_config.runtime.choices, overrides)
    if "privatizer" not in config:  # values of a run are checked when it starts
        validate_values(unresolved_settings(config))


def run_hydra_main(
    main: Callable[[], None], config_name: str, conf: Path, overrides: Sequence[str]
) -> None:
    """Run a function decorated with ``hydra.main`` and report user errors in one line.

    Args:
        main: the function.
        config_name: the configuration that it reads.
        conf: the folder conf/.
        overrides: the command line's arguments.
    """

    def run_and_explain(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except (Exception, JobError) as raised:
            error = raised.error if isinstance(raised, JobError) else raised
        # raised outside of the except block, so that JobError does not become its context
        assert isinstance(error, Exception)
        if not GlobalHydra.instance().is_initialized():
            raise error
        loader = GlobalHydra.instance().config_loader()
        files = UserFiles(loader.get_search_path(), conf, overrides)
        explained = explain(error, DeclaredConfig(loader, config_name), files)
        if explained is error:
            raise error
        raise explained from error

    # Hydra's own function prints errors over several lines and exits
    hydra._internal.utils.run_and_report = run_and_explain  # type: ignore[assignment]
    with report_errors():
        main()


@contextmanager
def report_errors() -> Iterator[None]:
    """Report user errors and interruptions in one line and exit.

    With HYDRA_FULL_ERROR=1, user errors propagate, which shows their tracebacks.
    """
    configure_process()
    for signum in STOP_SIGNALS:
        if signal.getsignal(signum) == signal.SIG_DFL:
            signal.signal(signum, raise_interrupted)
    try:
        yield
    except BrokenPipeError:  # the reader of the output, such as head, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except RunFailed as failure:  # already reported
        raise SystemExit(failure.exit_code) from None
    except Exception as error:
        messages = messages_for(error)
        if not messages or wants_tracebacks():
            raise
        for message in messages:
            print_error(f"error: {message}")
        raise SystemExit(USAGE_ERROR) from None
    except Interrupted as interruption:
        exit_with(f"interrupted: {interruption}", interruption.exit_code)
    except KeyboardInterrupt:
        exit_with("interrupted: run the same command again to resume", 128 + signal.SIGINT)


def configure_process() -> None:
    """Plot without a display, and escape characters that a terminal cannot encode.

    A notebook's MPLBACKEND can name a module that is not installed; importing matplotlib, which
    some libraries do, would then fail. Child processes inherit the change.
    """
    os.environ["MPLBACKEND"] = "Agg"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # reconfiguring fails if the stream has become a pipe
                stream.reconfigure(errors="backslashreplace")


def wants_tracebacks() -> bool:
    """Return whether HYDRA_FULL_ERROR=1 is set."""
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def raise_interrupted(signum: int, frame: FrameType | None) -> NoReturn:
    """Handle a stop signal: raise, so that locks are released and partial files are removed."""
    del frame
    raise Interrupted(signum, "run the same command again to resume")


def exit_with(message: str, exit_code: int) -> NoReturn:
    """Print a message to stderr, on one line, and exit."""
    print_error(message)
    raise SystemExit(exit_code)


def print_error(message: str) -> None:
    """Print a message to stderr, on one line."""
    print(" ".join(message.split()), file=sys.stderr)
