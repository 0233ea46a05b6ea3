"""What was typed, as Hydra takes it; and what to type where it was something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from privacy_gan.config.paths import expand_home, quote, quote_paths, unquote
from privacy_gan.errors import UserError

HELP_FLAGS = {"-h", "--help"}
# Hydra's flags; those that a value follows first
FOLDER_FLAGS = {"--config-dir", "-cd", "--config-path", "-cp"}
VALUE_FLAGS = FOLDER_FLAGS | {"--config-name", "-cn", "--cfg", "-c", "--package", "-p"}
VALUE_FLAGS |= {"--experimental-rerun", "--info", "-i"}
SWITCHES = {"--multirun", "-m", "--run", "-r", "--resolve", "--hydra-help", "--version", *HELP_FLAGS}
SPECIAL_CHARACTERS = re.compile(r"[^ -~]|[#&!;<>^`|]")  # in words that Hydra cannot read unless they are quoted
STRUCTURE_CHARACTERS = re.compile(r"[][(){},'\"]")  # in what is no single word


def to_hydra_arguments(arguments: Sequence[str], names: Sequence[str], first: str) -> list[str]:
    """Return a command line for Hydra.

    Args:
        arguments: that were typed.
        names: options whose values are names of files or folders.
        first: the option that a word without one most likely belongs to.

    Raises:
        UserError: a word is no option with a value; says what to write.
    """
    flags: list[str] = []  # which argparse wants together
    overrides: list[str] = []
    for word, is_flag in parse_arguments(arguments, first):
        (flags if is_flag else overrides).append(word)
    return [*flags, *map(quote_if_needed, quote_paths(overrides, names))]


def parse_arguments(arguments: Sequence[str], first: str) -> Iterator[tuple[str, bool]]:
    """Yield arguments, and whether each is a flag of Hydra's, or its value, or OPTION=VALUE."""
    words = list(arguments)
    while words:
        word = words.pop(0)
        flag, is_given, value = word.partition("=")
        if flag in VALUE_FLAGS and (is_given or words):
            value = value if is_given else words.pop(0)
            yield flag, True
            yield (expand_home(value) if flag in FOLDER_FLAGS else value), True
        elif word in SWITCHES | VALUE_FLAGS:
            yield word, True
        elif word.startswith("-"):
            raise UserError(f"{word}: options have no dashes, write {suggest_without_dashes(word, words)}")
        elif (is_given and flag.strip()) or (word.startswith("~") and not word.startswith("~/")):
            yield word, False
        else:
            raise UserError(f"{word}: write {suggest_with_option(word, words, first)}")


def suggest_without_dashes(word: str, following: Sequence[str]) -> str:
    """Return how an option is written that was given as other programs have it."""
    flag, is_given, value = word.lstrip("-").partition("=")
    if not is_given:
        value = next((each for each in following[:1] if "=" not in each), "VALUE")
    return f"{flag.replace('-', '_')}={value}"


def suggest_with_option(word: str, following: Sequence[str], first: str) -> str:
    """Return how a value is written that was given without its option, or apart from it."""
    value = next(iter(following), "")
    if re.fullmatch(r"[a-z][\w.]*", word) and value and ("=" not in value or value[0] == "="):
        return f"{word}={value.lstrip('=') or 'VALUE'}, without blanks"
    return f"{first}={word.lstrip('=')}"


def quote_if_needed(argument: str) -> str:
    """Return an override, its value quoted where that is a word that Hydra cannot read else."""
    option, is_given, value = argument.partition("=")
    if not is_given or not SPECIAL_CHARACTERS.search(value) or STRUCTURE_CHARACTERS.search(value):
        return argument
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return f"{option}={quote(value)}"
    return argument


def arguments_for_run(arguments: Sequence[str], names: Sequence[str]) -> list[str]:
    """Turn ``run=FOLDER`` into Hydra's way to begin with the configuration that lies there.

    The other arguments change it.

    Args:
        arguments: that were typed.
        names: options whose values are names of files or folders.

    Raises:
        UserError: there is nothing to begin with, or see ``as_hydra_takes``.
    """
    folders = [argument.removeprefix("run=") for argument in arguments if argument[:4] == "run="]
    changes = [argument for argument in arguments if argument[:4] != "run="]
    typed = to_hydra_arguments(changes, names, "run")
    if len(folders) != 1 or not folders[0].strip():
        raise UserError("which run? give its folder, run=FOLDER")
    folder = Path(expand_home(unquote(folders[0]))).absolute()
    if not (folder / "config.yaml").is_file():
        raise UserError(f"{folder} is not a run folder: it holds no config.yaml")
    begun = ["--config-path", str(folder), "--config-name", "config"]
    # where the folder lies now counts, not where it was made
    location = [f"run_dir={quote(str(folder))}", "hydra.run.dir=.", "hydra.output_subdir=null"]
    location.append("++details=false")  # for this judging; older runs know no such option
    return [*begun, *location, "hydra/job_logging=stdout", *typed]
