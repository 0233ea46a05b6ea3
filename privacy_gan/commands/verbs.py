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
from privacy_gan.commands.command_line import (
    MISTAKE,
    end,
    job,
    register_with_hydra,
    report_errors,
    start,
)
from privacy_gan.commands.completion import SCRIPTS, candidates, program, script
from privacy_gan.commands.help import of_run_verb, of_verb
from privacy_gan.commands.typed import HELP, as_hydra_takes, from_run
from privacy_gan.config.paths import PATHS

PROGRAM = "privacy-gan"
COMPLETION = {"-sc", "--shell-completion"}


@dataclass(frozen=True)
class Verb:
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


OF_JUDGE = ("classifiers.folder", "judge.inception_weights")
VERBS = {
    "train": Verb("train a mechanism and judge it", "launch.train", "train", PATHS),
    "sweep": Verb(
        "train a grid: epsilon=0.01,0.02 ...", "launch.train", "train", PATHS, flags=["-m"]
    ),
    "evaluate": Verb(
        "judge a trained run again", "launch.evaluate", "train", PATHS, "run", of_run=True
    ),
    "train_classifiers": Verb(
        "train the judge's fixed classifiers", "launch.train_classifiers", "train", PATHS
    ),
    "report": Verb(
        "make figures, tables and a page of what has finished",
        "report.main",
        "report",
        ["folder", "output"],
        "folder",
    ),
    "dashboard": Verb(
        "save a sweep's dashboard in Weights & Biases",
        "report.dashboard",
        "dashboard",
        first="group",
    ),
    "privatize": Verb(
        "censor a folder of photographs",
        "privatize.main",
        "privatize",
        ["run", "input", "output"],
        "run",
    ),
    "audit": Verb(
        "measure what images that somebody censored still tell",
        "audit.main",
        "audit",
        ["images", "labels", "original", "split", "person", "output", "cache_dir", *OF_JUDGE],
        "images",
    ),
    "export": Verb(
        "make a folder to hand on: weights, ONNX, model card",
        "export.main",
        "export",
        ["run", "output"],
        "run",
    ),
    "demo": Verb(
        "look at single faces in a page on this machine",
        "demo.main",
        "demo",
        ["run", "classifiers"],
        "run",
    ),
}


def run(name: str, arguments: Sequence[str] | None = None) -> None:
    """Do what a verb stands for, and exit as commands do.

    Args:
        name: of the verb.
        arguments: what was typed after it; None for the process's.
    """
    verb = VERBS[name]
    typed = list(sys.argv[1:] if arguments is None else arguments)
    if HELP & set(typed):
        with report_errors():
            print(help_for(name, typed), flush=True)
        return
    if verb.config == "train":
        register_with_hydra()
    with report_errors():
        changed = (
            from_run(typed, verb.names)
            if verb.of_run
            else as_hydra_takes(typed, verb.names, verb.first)
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
    main = on_the_command_line(job(task, verb.names))
    start(main, "config" if verb.of_run else verb.config, conf, changed)


def help_for(name: str, typed: Sequence[str]) -> str:
    """Return what a verb takes; more of the groups that were typed beside ``--help``."""
    verb = VERBS[name]
    if verb.of_run:
        return of_run_verb(name, verb.what, conf_folder())
    groups = [word.partition("=")[0] for word in typed]
    return of_verb(name, verb.what, conf_folder(), verb.config, groups)


def conf_folder() -> Path:
    """Return where the configurations are: in the package, or beside it in a checkout."""
    package = Path(privacy_gan.__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def main() -> None:
    """Do what ``privacy-gan VERB ...`` asks for."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in COMPLETION:
        complete(arguments)
    elif name in HELP:
        print(usage())
    elif name == "--version":
        print(f"{PROGRAM} {privacy_gan.__version__}")
    elif name in VERBS:
        run(name, arguments)
    else:
        near = difflib.get_close_matches(name, VERBS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(VERBS)}"
        end(f"error: {PROGRAM} does not know {name}: {meant}", MISTAKE)


def usage() -> str:
    """Return what can be typed."""
    width = max(map(len, VERBS))
    verbs = [f"  {name.ljust(width)}  {verb.what}" for name, verb in VERBS.items()]
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


def complete(arguments: Sequence[str]) -> None:
    """Print a shell's script, or what the last word on its line may become."""
    what, *words = arguments or [""]
    if what == "query":
        files = {name: (verb.config, verb.names) for name, verb in VERBS.items()}
        print("\n".join(candidates(words, files, conf_folder())))
    elif (shell := what.removeprefix("install=")) in SCRIPTS:
        print(script(shell, program()))
    else:
        end(f"error: which shell? -sc install=SHELL, one of {', '.join(SCRIPTS)}", MISTAKE)
