"""The ``privacy-gan`` command line: its commands, their options and their entry points.

``privacy-gan COMMAND ...`` and ``python experiments/COMMAND.py ...`` are the same.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hydra
from omegaconf import DictConfig

import privacy_gan
from privacy_gan.commands.arguments import (
    HELP_FLAGS,
    arguments_for_run,
    is_value,
    to_hydra_arguments,
)
from privacy_gan.commands.completion import SCRIPTS, complete, program_path, shell_script
from privacy_gan.commands.help import command_help, run_command_help
from privacy_gan.commands.hydra_app import (
    USAGE_ERROR,
    exit_with,
    hydra_job,
    register_with_hydra,
    report_errors,
    run_hydra_main,
)
from privacy_gan.commands.imports import fast_imports
from privacy_gan.config.paths import PATHS

PROGRAM = "privacy-gan"
COMPLETION_FLAGS = {"-sc", "--shell-completion"}


@dataclass(frozen=True)
class Command:
    """A command of ``privacy-gan``.

    Attributes:
        summary: one line for the help text.
        target: ``module.function`` in ``privacy_gan.commands`` that runs it.
        config: file in conf/ with its options, without suffix.
        path_options: options whose values are paths; these are quoted for Hydra.
        default_option: option to suggest for a value that was given without one.
        uses_run_config: whether it starts from the configuration in a run's folder.
        flags: Hydra flags that come before the user's arguments.
        positional: option whose value may be the first argument, without the option.
    """

    summary: str
    target: str
    config: str
    path_options: Sequence[str] = ()
    default_option: str = "OPTION"
    uses_run_config: bool = False
    flags: Sequence[str] = ()
    positional: str = ""


JUDGE_PATHS = ("classifiers.folder", "judge.inception_weights", "judge.weights")
COMMANDS = {
    "data": Command(
        "say what is in a folder of images, and how to train on it",
        "data.main",
        "data",
        ["images", "labels", "split", "person"],
        "images",
        positional="images",
    ),
    "train": Command("train a mechanism and judge it", "launch.train", "train", PATHS),
    "sweep": Command(
        "train every combination of values: epsilon=0.01,0.02 ...",
        "launch.train",
        "train",
        PATHS,
        flags=["-m"],
    ),
    "evaluate": Command(
        "judge a trained run again",
        "launch.evaluate",
        "train",
        PATHS,
        "run",
        uses_run_config=True,
    ),
    "train_classifiers": Command(
        "train the judge's fixed classifiers", "launch.train_classifiers", "train", PATHS
    ),
    "report": Command(
        "make figures, tables and an HTML page from finished runs",
        "report.main",
        "report",
        ["folder", "output"],
        "folder",
    ),
    "dashboard": Command(
        "save a Weights & Biases dashboard of a sweep",
        "report.dashboard",
        "dashboard",
        default_option="group",
    ),
    "privatize": Command(
        "censor photographs, or the faces in them",
        "privatize.main",
        "privatize",
        ["run", "input", "output", "salt", "preview"],
        "run",
    ),
    "audit": Command(
        "measure what images censored by another tool still leak",
        "audit.main",
        "audit",
        [
            *("images", "labels", "original", "split", "person", "position"),
            *("output", "cache_dir", *JUDGE_PATHS),
        ],
        "images",
    ),
    "export": Command(
        "export a run for others: weights, ONNX file, model card",
        "export.main",
        "export",
        ["run", "output"],
        "run",
    ),
    "demo": Command(
        "show censored faces and predictions on a local web page",
        "demo.main",
        "demo",
        ["run", "classifiers"],
        "run",
    ),
}


def run_command(name: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command; on an error that the user can fix, print one line and exit.

    Args:
        name: of the command.
        arguments: what follows it; None for ``sys.argv[1:]``.
    """
    command = COMMANDS[name]
    typed = list(sys.argv[1:] if arguments is None else arguments)
    if HELP_FLAGS & set(typed):
        with report_errors():
            print(help_for(name, typed), flush=True)
        return
    if command.positional and typed and (is_value(typed[0]) or Path(typed[0]).is_dir()):
        typed[0] = f"{command.positional}={typed[0]}"
    if command.config == "train":
        register_with_hydra()
    with report_errors():
        hydra_arguments = (
            arguments_for_run(typed, command.path_options, conf_folder())
            if command.uses_run_config
            else to_hydra_arguments(typed, command.path_options, command.default_option)
        )
    sys.argv[1:] = [*command.flags, *hydra_arguments]
    module, function = command.target.split(".")

    def task(config: DictConfig) -> None:  # imports torch only after the cheap checks
        with fast_imports():
            imported = importlib.import_module(f"privacy_gan.commands.{module}")
        getattr(imported, function)(config)

    # Hydra names the job after this module
    task.__module__ = f"privacy_gan.commands.{'train' if name == 'sweep' else name}"
    conf = conf_folder()
    decorator = hydra.main(version_base="1.3", config_path=str(conf), config_name=command.config)
    main = decorator(hydra_job(task, command.path_options))
    config_name = "config" if command.uses_run_config else command.config
    run_hydra_main(main, config_name, conf, hydra_arguments)


def help_for(name: str, typed: Sequence[str]) -> str:
    """Return the help text of a command.

    Args:
        name: of the command.
        typed: arguments next to ``--help``; config groups among them are listed in full.
    """
    command = COMMANDS[name]
    if command.uses_run_config:
        return run_command_help(name, command.summary, conf_folder())
    groups = [word.partition("=")[0] for word in typed]
    return command_help(name, command.summary, conf_folder(), command.config, groups)


def conf_folder() -> Path:
    """Return the folder conf/: inside the installed package, or next to it in a checkout."""
    package = Path(privacy_gan.__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def main() -> None:
    """Run ``privacy-gan COMMAND ...``."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in COMPLETION_FLAGS:
        print_completion(arguments)
    elif name in HELP_FLAGS:
        with report_errors():
            print(usage(), flush=True)
    elif name == "--version":
        print(f"{PROGRAM} {privacy_gan.__version__}")
    elif name in COMMANDS:
        run_command(name, arguments)
    else:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(COMMANDS)}"
        exit_with(f"error: {name} is not a {PROGRAM} command: {hint}", USAGE_ERROR)


def usage() -> str:
    """Return the text that ``privacy-gan --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND [OPTION=VALUE ...]",
            "",
            "commands:",
            *lines,
            "",
            f"{PROGRAM} COMMAND --help lists the options of a command and their defaults.",
            f'eval "$({PROGRAM} -sc install=bash)" turns on completion in bash (also zsh, fish).',
        ]
    )


def print_completion(arguments: Sequence[str]) -> None:
    """Print a shell's completion script, or the completions of the last word of a line."""
    action, *words = arguments or [""]
    if action == "query":
        files = {name: (command.config, command.path_options) for name, command in COMMANDS.items()}
        print("\n".join(complete(words, files, conf_folder())))
    elif (shell := action.removeprefix("install=")) in SCRIPTS:
        print(shell_script(shell, program_path()))
    else:
        exit_with(
            f"error: give a shell, -sc install=SHELL, one of {', '.join(SCRIPTS)}", USAGE_ERROR
        )
