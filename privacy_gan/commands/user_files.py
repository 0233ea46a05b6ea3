"""Locates errors in a user's own configuration files, down to the line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra.core.config_search_path import ConfigSearchPath
from yaml import MappingNode, MarkedYAMLError

from privacy_gan.config.declared_config import describe_values, unknown_option_error

HEADER = "# @package _global_"
BOM = "\ufeff"  # byte order mark, which some editors put at the beginning of a file
SETTING_MESSAGE = re.compile(r"([\w.]+)(?:=| is not an option)")


@dataclass
class UserFiles:
    """The configuration files that a user wrote and selected.

    Args:
        path: Hydra's search path.
        conf: the project's folder conf/.
        overrides: from the command line; some select files.
    """

    path: ConfigSearchPath
    conf: Path
    overrides: Sequence[str]

    def choices(self) -> list[str]:
        """Return the overrides that select one of the project's files, except experiments."""
        return [
            override
            for override in self.overrides
            if re.fullmatch(r"[a-z_]+=[a-z_0-9]+", override)
            and (self.conf / override.replace("=", "/")).with_suffix(".yaml").is_file()
            and not override.startswith("experiment=")
        ]

    def folders(self) -> list[Path]:
        """Return the search path's folders other than the project's."""
        names = [str(entry.path).removeprefix("file://") for entry in self.path.get_path()]
        folders = [Path(name) for name in names if name and "://" not in name]
        return [folder for folder in folders if folder != self.conf]

    def find(self, choice: str) -> Path | None:
        """Return the user's file of a choice such as experiment/mine, or None."""
        files = [folder / f"{choice}.yaml" for folder in self.folders()]
        return next((file for file in files if file.is_file()), None)

    def selected(self) -> Iterator[Path]:
        """Yield the user's files that the overrides select."""
        for override in self.overrides:
            group, _, names = override.lstrip("+").partition("=")
            for name in re.findall(r"[\w.-]+", names):
                if "." not in group and (file := self.find(f"{group}/{name}")) is not None:
                    yield file

    def explain_unreadable(self, error: MarkedYAMLError | UnicodeDecodeError) -> str:
        """Return a message about a file that is not valid YAML, or "" if none is found."""
        if isinstance(error, MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            if mark is None:
                return ""
            hint = ": use spaces instead of tabs" if "\\t" in str(error.problem) else ""
            return f"{mark.name}, line {mark.line + 1}: not valid YAML, {error.problem}{hint}"
        for file in self.selected():
            try:
                file.read_text("utf-8")
            except UnicodeDecodeError as cause:
                line = file.read_bytes()[: cause.start].count(b"\n") + 1
                return f"{file}, line {line}: not valid UTF-8, save the file as UTF-8"
        return ""

    def explain_bad_choice(self) -> str:
        """Return a message about a number or boolean where a file must be selected by name."""
        for override in self.overrides:
            group, _, name = override.lstrip("+").partition("=")
            names = sorted(file.stem for file in (self.conf / group).glob("*.yaml"))
            if names and name not in names:
                return f"{override}: give one of {', '.join(names)}"
        return "select the files of a config group by their names"

    def explain_misfit(self, choice: str, key: str, message: str, options: Sequence[str]) -> str:
        """Return a message about a file that does not fit into the configuration.

        Args:
            choice: the file, such as experiment/mine.
            key: the setting that does not exist or has an unsuitable value.
            message: Hydra's.
            options: all options that exist.
        """
        file = self.find(choice)
        if file is None:
            return " ".join(message.split())
        text = file.read_text("utf-8")
        if text.startswith(BOM):
            return (
                f"{file}, line 1: an invisible byte order mark (BOM) hides {HEADER}: save the "
                "file as UTF-8 without BOM"
            )
        if key == choice.partition("/")[0]:
            return f"{file}, line 1: the file must begin with the line {HEADER}"
        location = f"{file}, line {find_line(text, key)}"
        if key in options:
            return f"{location}: {key} has an unsuitable value: give {describe_values(key, None)}"
        return f"{location}: {unknown_option_error(key, 'VALUE', options)}"

    def add_location(self, message: str) -> str:
        """Prefix a message about a setting with the user's file and line that set it, if any."""
        match = SETTING_MESSAGE.match(message)
        overridden = {override.lstrip("+").partition("=")[0] for override in self.overrides}
        if match is None or match[1] in overridden:
            return message
        for file in self.selected():
            text = file.read_text("utf-8")
            within_group = match[1].partition(".")[2]
            if number := find_line(text, match[1]) or find_line(text, within_group):
                return f"{file}, line {number}: {message}"
        return message


def find_line(text: str, path: str) -> int:
    """Return the number of the line that sets a dotted path in YAML text, or 0."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return 0
    line = 0
    for name in path.split("."):
        pairs = node.value if isinstance(node, MappingNode) else []
        for key, value in pairs:
            if key.value == name:
                node, line = value, key.start_mark.line + 1
                break
        else:
            return 0
    return line
