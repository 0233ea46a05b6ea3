"""Quotes names of files and folders for Hydra and expands ``~`` in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from privacy_gan.errors import UserError

# options of conf/train.yaml whose value is a path
PATHS = (
    "output_dir",
    "run_dir",
    "start_from",
    "data.root",
    "data.images",
    "data.labels",
    "data.split",
    "data.person",
    "data.cache_dir",
    "classifiers.folder",
    "judge.inception_weights",
    "judge.weights",
    "networks.filter_discriminator.weights",
    "networks.generator_discriminator.weights",
)
# those whose value is a list of paths
PATH_LISTS = ("privatizer.runs",)
QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""


def quote_paths(arguments: Sequence[str], path_options: Sequence[str]) -> list[str]:
    """Quote names of files and folders, so that they may contain any characters.

    Spaces, commas, brackets and others have a meaning in Hydra's syntax unless a value is quoted.
    Quoted values stay unchanged: several of them, separated by commas, are a sweep. References
    such as ``${image_size}`` stay unchanged, too.

    Args:
        arguments: of the command line.
        path_options: options whose values are names of files or folders.

    Raises:
        UserError: a name is empty, or begins with ``~USER`` and there is no such user.
    """
    return [quote_path_argument(argument, path_options) for argument in arguments]


def quote_path_argument(argument: str, path_options: Sequence[str]) -> str:
    """Return an argument, with its value quoted if that is a path or a list of paths."""
    option, has_value, name = argument.partition("=")
    key = option.lstrip("+")
    if not has_value or name == "null":
        return argument
    if key in PATH_LISTS:
        return f"{option}={quote_path_lists(name)}"
    if key not in path_options or re.fullmatch(rf"(?:{QUOTED})(?:,(?:{QUOTED}))*", name, re.DOTALL):
        return argument
    if not name.strip():
        raise UserError(f"{argument} is empty: give the name of a file or folder")
    if re.fullmatch(r"[\w./:+${}-]*\$\{[\w./:+${}-]*", name, re.ASCII):
        return argument  # contains references, which Hydra does not resolve in quotes
    return f"{option}={quote(expand_home(name))}"


def quote_path_lists(text: str) -> str:
    """Return a list of paths, or a sweep over such lists, with every path quoted."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    lists = text[1:-1].split("],[")
    names = [re.findall(rf"(?:{QUOTED}|[^,])+", each) for each in lists]
    return ",".join(f"[{','.join(map(quote_path, each))}]" for each in names)


def quote_path(name: str) -> str:
    """Return a path in quotes."""
    return name if re.fullmatch(QUOTED, name) else quote(expand_home(name.strip()))


def quote(value: str) -> str:
    """Return a value in quotes for Hydra, which unescapes backslashes only before a quote."""
    escaped = re.sub(
        r"(\\*)('|\Z)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), value
    )
    return f"'{escaped}'"


def unquote(name: str) -> str:
    """Return a path without Hydra's quotes."""
    if not re.fullmatch(QUOTED, name, re.DOTALL):
        return name
    return str(OverridesParser.create().parse_override(f"run={name}").value())


def expand_home(name: str) -> str:
    """Return a path with ``~`` or ``~USER`` at its beginning replaced by the home folder.

    Raises:
        UserError: there is no such user.
    """
    try:
        return str(Path(name).expanduser()) if name.startswith("~") else name
    except RuntimeError as error:
        raise UserError(f"{name}: there is no such user here; write the folder out") from error


def resolve_paths(config: DictConfig, path_options: Sequence[str]) -> None:
    """Expand ``~`` in paths that come from configuration files. Changes ``config``.

    Raises:
        UserError: a path is empty, or there is no such user.
    """
    for option in path_options:
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
