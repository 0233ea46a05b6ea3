"""The command line's verbs: what each is called, reads, and does.

``privacy-gan VERB ...`` and ``python experiments/VERB.py ...`` are the same.
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
from privacy_gan.commands.arguments import HELP_FLAGS, arguments_for_run, to_hydra_arguments
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
from privacy_gan.config.paths import PATHS

PROGRAM = "privacy-gan"
COMPLETION_FLAGS = {"-sc", "--shell-completion"}


@dataclass(frozen=True)
class Command:
    """One thing that the command line does.

    Attributes:
        what: it does, in a line.
        does: what does it: module, and function in it, in ``privacy_gan.commands``.
        config: the file in conf/ that it reads.
        names: options whose values are names of files, taken as they are typed.
        first: the option that a value without one most likely belongs to.
        of_run: whether it begins with the configuration in the folder of a run.
        flags: that Hydra gets before what was typed.
    """

    what: str
    does: str
    config: str
    names: Sequence[str] = ()
    first: str = "OPTION"
    of_run: bool = False
    flags: Sequence[str] = ()


JUDGE_PATHS = ("classifiers.folder", "judge.inception_weights")
COMMANDS = {
    "train": Command("train a mechanism and judge it", "launch.train", "train", PATHS),
    "sweep": Command(
        "train a grid: epsilon=0.01,0.02 ...", "launch.train", "train", PATHS, flags=["-m"]
    ),
    "evaluate": Command(
        "judge a trained run again", "launch.evaluate", "train", PATHS, "run", of_run=True
    ),
    "train_classifiers": Command(
        "train the judge's fixed classifiers", "launch.train_classifiers", "train", PATHS
    ),
    "report": Command(
        "make figures, tables and a page of what has finished",
        "report.main",
        "report",
        ["folder", "output"],
        "folder",
    ),
    "dashboard": Command(
        "save a sweep's dashboard in Weights & Biases",
        "report.dashboard",
        "dashboard",
        first="group",
    ),
    "privatize": Command(
        "censor a folder of photographs",
        "privatize.main",
        "privatize",
        ["run", "input", "output"],
        "run",
    ),
    "audit": Command(
        "measure what images that somebody censored still tell",
        "audit.main",
        "audit",
        ["images", "labels", "original", "split", "person", "output", "cache_dir", *JUDGE_PATHS],
        "images",
    ),
    "export": Command(
        "make a folder to hand on: weights, ONNX, model card",
        "export.main",
        "export",
        ["run", "output"],
        "run",
    ),
    "demo": Command(
        "look at single faces in a page on this machine",
        "demo.main",
        "demo",
        ["run", "classifiers"],
        "run",
    ),
}


def run_command(name: str, arguments: Sequence[str] | None = None) -> None:
    """Do what a verb stands for, and exit as commands do.

    Args:
        name: of the verb.
        arguments: what was typed after it; None for the process's.
    """
    verb = COMMANDS[name]
    typed = list(sys.argv[1:] if arguments is None else arguments)
    if HELP_FLAGS & set(typed):
        with report_errors():
            print(help_for(name, typed), flush=True)
        return
    if verb.config == "train":
        register_with_hydra()
    with report_errors():
        changed = (
            arguments_for_run(typed, verb.names)
            if verb.of_run
            else to_hydra_arguments(typed, verb.names, verb.first)
        )
    sys.argv[1:] = [*verb.flags, *changed]
    module, function = verb.does.split(".")

    def task(config: DictConfig) -> None:  # imports torch after mistakes that need none
        getattr(importlib.import_module(f"privacy_gan.commands.{module}"), function)(config)

    # Hydra names the job after it
    task.__module__ = f"privacy_gan.commands.{'train' if name == 'sweep' else name}"
    conf = conf_folder()
    on_the_command_line = hydra.main(
        version_base="1.3", config_path=str(conf), config_name=verb.config
    )
    main = on_the_command_line(hydra_job(task, verb.names))
    run_hydra_main(main, "config" if verb.of_run else verb.config, conf, changed)


def help_for(name: str, typed: Sequence[str]) -> str:
    """Return what a verb takes; more of the groups that were typed beside ``--help``."""
    verb = COMMANDS[name]
    if verb.of_run:
        return run_command_help(name, verb.what, conf_folder())
    groups = [word.partition("=")[0] for word in typed]
    return command_help(name, verb.what, conf_folder(), verb.config, groups)


def conf_folder() -> Path:
    """Return where the configurations are: in the package, or beside it in a checkout."""
    package = Path(privacy_gan.__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def main() -> None:
    """Do what ``privacy-gan VERB ...`` asks for."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in COMPLETION_FLAGS:
        print_completion(arguments)
    elif name in HELP_FLAGS:
        print(usage())
    elif name == "--version":
        print(f"{PROGRAM} {privacy_gan.__version__}")
    elif name in COMMANDS:
        run_command(name, arguments)
    else:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        exit_with(f"error: {PROGRAM} does not know {name}: {meant}", USAGE_ERROR)


def usage() -> str:
    """Return what can be typed."""
    width = max(map(len, COMMANDS))
    verbs = [f"  {name.ljust(width)}  {verb.what}" for name, verb in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} VERB [OPTION=VALUE ...]",
            "",
            *verbs,
            "",
            f"{PROGRAM} VERB --help shows all options of a verb, and their values.",
            f'eval "$({PROGRAM} -sc install=bash)" lets bash complete them (also zsh, fish).',
        ]
    )


def print_completion(arguments: Sequence[str]) -> None:
    """Print a shell's script, or what the last word on its line may become."""
    what, *words = arguments or [""]
    if what == "query":
        files = {name: (verb.config, verb.names) for name, verb in COMMANDS.items()}
        print("\n".join(complete(words, files, conf_folder())))
    elif (shell := what.removeprefix("install=")) in SCRIPTS:
        print(shell_script(shell, program_path()))
    else:
        exit_with(f"error: which shell? -sc install=SHELL, one of {', '.join(SCRIPTS)}", USAGE_ERROR)
