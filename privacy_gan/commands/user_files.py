"""A user's own files of configuration: what is wrong with one, and in which line."""

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
BOM = "\ufeff"  # which some editors begin a file with
SETTING_MESSAGE = re.compile(r"([\w.]+)(?:=| is no option)")


@dataclass
class UserFiles:
    """Files that a user wrote, and chose.

    Args:
        path: where Hydra looks for files.
        conf: the folder of those that are ours.
        typed: overrides, among them choices of files.
    """

    path: ConfigSearchPath
    conf: Path
    typed: Sequence[str]

    def choices(self) -> list[str]:
        """Return the overrides that choose a single file, but for experiments."""
        return [
            word
            for word in self.typed
            if re.fullmatch(r"[a-z_]+=[a-z_0-9]+", word)
            and (self.conf / word.replace("=", "/")).with_suffix(".yaml").is_file()
            and not word.startswith("experiment=")
        ]

    def folders(self) -> list[Path]:
        """Return the folders of files that are not ours."""
        named = [str(entry.path).removeprefix("file://") for entry in self.path.get_path()]
        folders = [Path(name) for name in named if name and "://" not in name]
        return [folder for folder in folders if folder != self.conf]

    def find(self, choice: str) -> Path | None:
        """Return the file of a choice, as experiment/mine, or None where it is ours."""
        files = [folder / f"{choice}.yaml" for folder in self.folders()]
        return next((file for file in files if file.is_file()), None)

    def chosen(self) -> Iterator[Path]:
        """Yield those that were chosen."""
        for word in self.typed:
            group, _, names = word.lstrip("+").partition("=")
            for name in re.findall(r"[\w.-]+", names):
                if "." not in group and (file := self.find(f"{group}/{name}")) is not None:
                    yield file

    def unreadable(self, error: MarkedYAMLError | UnicodeDecodeError) -> str:
        """Return what to tell of a file that is no YAML, or "" where none is found."""
        if isinstance(error, MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            if mark is None:
                return ""
            tabs = ": write blanks in place of tabs" if "\\t" in str(error.problem) else ""
            return f"{mark.name}, line {mark.line + 1}: this is no YAML, {error.problem}{tabs}"
        for file in self.chosen():
            try:
                file.read_text("utf-8")
            except UnicodeDecodeError as cause:
                line = file.read_bytes()[: cause.start].count(b"\n") + 1
                return f"{file}, line {line}: this is no UTF-8, save the file as such"
        return ""

    def no_choice(self) -> str:
        """Return what to tell of a number, or true, in place of the name of a file."""
        for word in self.typed:
            group, _, name = word.lstrip("+").partition("=")
            names = sorted(file.stem for file in (self.conf / group).glob("*.yaml"))
            if names and name not in names:
                return f"{word}: give one of {', '.join(names)}"
        return "the files of a group are chosen by their names"

    def misfit(self, choice: str, key: str, said: str, options: Sequence[str]) -> str:
        """Return what to tell of a file that has what the configuration has no place for.

        Args:
            choice: the file, as experiment/mine.
            key: for which there is no place, or whose value does not fit.
            said: by Hydra.
            options: that there are.
        """
        file = self.find(choice)
        if file is None:
            return " ".join(said.split())
        text = file.read_text("utf-8")
        if text.startswith(BOM):
            return (
                f"{file}, line 1: an invisible mark (BOM) comes before {HEADER}, which then does "
                "not count: save the file as UTF-8 without BOM"
            )
        if key == choice.partition("/")[0]:
            return f"{file}, line 1: the file must begin with the line {HEADER}"
        where = f"{file}, line {find_line(text, key)}"
        if key in options:
            return f"{where}: {key} does not fit: give {describe_values(key, None)}"
        return f"{where}: {unknown_option_error(key, 'VALUE', options)}"

    def placed(self, message: str) -> str:
        """Return a message with the line that gave a setting, where it was none of the typed."""
        found = SETTING_MESSAGE.match(message)
        typed = {word.lstrip("+").partition("=")[0] for word in self.typed}
        if found is None or found[1] in typed:
            return message
        for file in self.chosen():
            text = file.read_text("utf-8")
            inside = found[1].partition(".")[2]
            if number := find_line(text, found[1]) or find_line(text, inside):
                return f"{file}, line {number}: {message}"
        return message


def find_line(text: str, path: str) -> int:
    """Return the number of the line that gives a setting in a YAML file, 0 where none does."""
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
