"""Names of files and folders, as people have them: a blank, a comma, ~ and all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from privacy_gan.errors import UserError

# options of conf/train.yaml that are one
PATHS = (
    "output_dir",
    "run_dir",
    "start_from",
    "data.root",
    "data.cache_dir",
    "classifiers.folder",
    "judge.inception_weights",
    "networks.filter_discriminator.weights",
    "networks.generator_discriminator.weights",
)
# and those that list several
PATH_LISTS = ("privatizer.runs",)
QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""


def quote_paths(arguments: Sequence[str], options: Sequence[str]) -> list[str]:
    """Let names of files and folders mean what they say, whatever characters they hold.

    To Hydra blanks, commas, brackets and more have meanings, unless a value is quoted. What is
    quoted already stays so: several quoted names, with commas between them, are swept over.
    ``${image_size}`` stays a reference.

    Args:
        arguments: of the command line.
        options: whose values are names.

    Raises:
        UserError: a name is empty, or begins with the home of nobody.
    """
    return [quote_path_argument(argument, options) for argument in arguments]


def quote_path_argument(argument: str, options: Sequence[str]) -> str:
    """Return one argument, quoted where it is a name or a list of names."""
    option, is_given, name = argument.partition("=")
    plain = option.lstrip("+")
    if not is_given or name == "null":
        return argument
    if plain in PATH_LISTS:
        return f"{option}={quote_path_lists(name)}"
    if plain not in options or re.fullmatch(rf"(?:{QUOTED})(?:,(?:{QUOTED}))*", name, re.DOTALL):
        return argument
    if not name.strip():
        raise UserError(f"{argument} is empty: give the name of a file or folder")
    if re.fullmatch(r"[\w./:+${}-]*\$\{[\w./:+${}-]*", name, re.ASCII):
        return argument  # references, which Hydra reads as they are
    return f"{option}={quote(expand_home(name))}"


def quote_path_lists(text: str) -> str:
    """Return a list of names, or several with commas between them, quoted name by name."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    lists = text[1:-1].split("],[")
    names = [re.findall(rf"(?:{QUOTED}|[^,])+", each) for each in lists]
    return ",".join(f"[{','.join(map(quote_path, each))}]" for each in names)


def quote_path(name: str) -> str:
    """Return a name, quoted unless it is."""
    return name if re.fullmatch(QUOTED, name) else quote(expand_home(name.strip()))


def quote(value: str) -> str:
    """Return a value as Hydra takes it literally: it reads backslashes before quotes alone."""
    escaped = re.sub(
        r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value
    )
    return f"'{escaped}'"


def unquote(name: str) -> str:
    """Return a name without the quotes that Hydra would take away."""
    if not re.fullmatch(QUOTED, name, re.DOTALL):
        return name
    return str(OverridesParser.create().parse_override(f"run={name}").value())


def expand_home(name: str) -> str:
    """Return a name with the home folder in place of a ~ at its beginning.

    Raises:
        UserError: nobody has such a home.
    """
    try:
        return str(Path(name).expanduser()) if name.startswith("~") else name
    except RuntimeError as error:
        raise UserError(f"{name}: there is no such user here; write the folder out") from error


def resolve_paths(config: DictConfig, options: Sequence[str]) -> None:
    """Expand ~ in names that a file of the configuration gives.

    Raises:
        UserError: a name is empty, or no name.
    """
    for option in options:
        parent, _, key = option.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        if not isinstance(node, DictConfig) or key not in node.keys():  # noqa: SIM118 - also ???
            continue
        if OmegaConf.is_interpolation(node, key) or OmegaConf.is_missing(node, key):
            continue
        name = node[key]
        if isinstance(name, str) and not name.strip():
            raise UserError(f"{option}= is empty: give the name of a file or folder")
        if isinstance(name, str) and name.startswith("~"):
            node[key] = expand_home(name)
