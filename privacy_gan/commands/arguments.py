"""Converts command-line arguments to Hydra's, and suggests what to type instead of invalid ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from privacy_gan.commands.run_groups import replace_groups
from privacy_gan.config.paths import expand_home, quote, quote_paths, unquote
from privacy_gan.errors import UserError

HELP_FLAGS = {"-h", "--help"}
# Hydra's flags: those that take a value, and those that do not
FOLDER_FLAGS = {"--config-dir", "-cd", "--config-path", "-cp"}
VALUE_FLAGS = FOLDER_FLAGS | {"--config-name", "-cn", "--cfg", "-c", "--package", "-p"}
VALUE_FLAGS |= {"--experimental-rerun", "--info", "-i"}
SWITCHES = {"--multirun", "-m", "--run", "-r", "--resolve", "--hydra-help", "--version"}
SWITCHES |= HELP_FLAGS
SPECIAL_CHARACTERS = re.compile(r"[^ -~]|[#&!;<>^`|]")  # Hydra reads these only in quotes
EARLIER_MAX_EPOCHS = 64  # judge.max_epochs for runs that were configured without it
STRUCTURE_CHARACTERS = re.compile(r"[][(){},'\"]")  # in lists, dictionaries and quoted values


def is_value(argument: str) -> bool:
    """Return whether an argument is neither OPTION=VALUE nor a flag."""
    return "=" not in argument and not argument.startswith("-")


def to_hydra_arguments(
    arguments: Sequence[str], path_options: Sequence[str], default_option: str
) -> list[str]:
    """Return a command line for Hydra: flags first, values quoted where Hydra needs it.

    Args:
        arguments: as typed.
        path_options: options whose values are names of files or folders.
        default_option: option to suggest for a value that was given without one.

    Raises:
        UserError: an argument is not OPTION=VALUE; the message says what to write.
    """
    flags, overrides = split_arguments(arguments, path_options, default_option)
    return [*flags, *overrides]  # argparse wants the flags together


def split_arguments(
    arguments: Sequence[str], path_options: Sequence[str], default_option: str
) -> tuple[list[str], list[str]]:
    """Return Hydra's flags and the quoted overrides; see ``to_hydra_arguments``."""
    flags: list[str] = []
    overrides: list[str] = []
    for word, is_flag in parse_arguments(arguments, default_option):
        (flags if is_flag else overrides).append(word)
    return flags, [quote_if_needed(word) for word in quote_paths(overrides, path_options)]


def parse_arguments(arguments: Sequence[str], default_option: str) -> Iterator[tuple[str, bool]]:
    """Yield each argument, and whether it is a Hydra flag or a flag's value."""
    words = list(arguments)
    while words:
        word = words.pop(0)
        flag, has_value, value = word.partition("=")
        if flag in VALUE_FLAGS and (has_value or words):
            value = value if has_value else words.pop(0)
            yield flag, True
            yield (expand_home(value) if flag in FOLDER_FLAGS else value), True
        elif word in SWITCHES | VALUE_FLAGS:
            yield word, True
        elif word.startswith("-"):
            suggestion = suggest_without_dashes(word, words)
            raise UserError(f"{word}: options have no dashes, write {suggestion}")
        elif (has_value and flag.strip()) or (word.startswith("~") and not word.startswith("~/")):
            yield word, False
        else:
            raise UserError(f"{word}: write {suggest_with_option(word, words, default_option)}")


def suggest_without_dashes(word: str, following: Sequence[str]) -> str:
    """Return how to write an option that was given as ``--option``."""
    flag, has_value, value = word.lstrip("-").partition("=")
    if not has_value:
        value = next((each for each in following[:1] if "=" not in each), "VALUE")
    return f"{flag.replace('-', '_')}={value}"


def suggest_with_option(word: str, following: Sequence[str], default_option: str) -> str:
    """Return how to write a value without an option, or one separated from its option."""
    value = next(iter(following), "")
    if re.fullmatch(r"[a-z][\w.]*", word) and value and ("=" not in value or value[0] == "="):
        return f"{word}={value.lstrip('=') or 'VALUE'}, without spaces"
    return f"{default_option}={word.lstrip('=')}"


def quote_if_needed(argument: str) -> str:
    """Return an override, its value in quotes if Hydra could not parse it otherwise."""
    option, has_value, value = argument.partition("=")
    is_word = not STRUCTURE_CHARACTERS.search(value)
    if not (has_value and is_word and SPECIAL_CHARACTERS.search(value)):
        return argument
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return f"{option}={quote(value)}"
    return argument


def arguments_for_run(
    arguments: Sequence[str], path_options: Sequence[str], conf: Path
) -> list[str]:
    """Replace ``run=FOLDER`` by the Hydra flags that load the configuration in that folder.

    The other arguments override it.

    Args:
        arguments: as typed.
        path_options: options whose values are names of files or folders.
        conf: the folder conf/.

    Raises:
        UserError: no run folder was given, or see ``to_hydra_arguments`` and ``replace_groups``.
    """
    folders = [argument.removeprefix("run=") for argument in arguments if argument[:4] == "run="]
    others = [argument for argument in arguments if argument[:4] != "run="]
    typed_flags, overrides = split_arguments(others, path_options, "run")
    if len(folders) != 1 or not folders[0].strip():
        raise UserError("which run? give its folder, run=FOLDER")
    folder = Path(expand_home(unquote(folders[0]))).absolute()
    if not (folder / "config.yaml").is_file():
        raise UserError(
            f"{folder} is not a run folder: it contains no config.yaml; give the folder of a run"
        )
    flags = [*typed_flags, "--config-path", str(folder), "--config-name", "config"]
    # the folder may have been moved since the run
    location = [f"run_dir={quote(str(folder))}", "hydra.run.dir=.", "hydra.output_subdir=null"]
    location.append("++details=false")  # applies to this call only; missing in older runs
    judge = current_judge_overrides(folder / "config.yaml")
    chosen = replace_groups(overrides, conf)
    return [*flags, *location, *judge, "hydra/job_logging=stdout", *chosen]


def current_judge_overrides(path: Path) -> list[str]:
    """Return overrides that give the judge in an earlier version's config.yaml its present options.

    Earlier judges trained adversaries for judge.epochs epochs. The adversary resnet10 was also the
    paper's.
    """
    try:
        config = OmegaConf.load(path)
    except (OSError, YAMLError):
        return []  # Hydra reports the error
    judge = (config.get("judge") if isinstance(config, DictConfig) else None) or {}
    if "epochs" not in judge:
        return []
    paper = "null"
    if judge.get("adversaries", {}).get("resnet10") is not None:
        paper = "'${judge.adversaries.resnet10}'"
    limit = f"++judge.max_epochs={EARLIER_MAX_EPOCHS}"
    return ["~judge.epochs", limit, "++judge.max_minutes=null", f"++judge.paper={paper}"]
