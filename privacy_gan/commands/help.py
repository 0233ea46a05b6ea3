"""The text of ``--help``: a command's options, explained by the comments in conf/."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

WIDTH = 80
ENTRY = re.compile(
    r"(?P<indent> *)(?P<key>\w+):(?: +(?P<value>[^#\s].*?))?(?: +# (?P<comment>.*))?$"
)
HIDDEN = (
    "defaults",
    "hydra",
    "start_key",
    "data_name",
    "mechanism",
    "overrides",
)  # internal settings
BASE = re.compile(r"^  - /(?P<base>parts/\w+)@_here_$", re.M)
GROUP = re.compile(r" *- (?:override +/)?(?P<group>\w+): (?P<choice>\S+)")


@dataclass(frozen=True)
class Option:
    """A setting of a file in conf/.

    Attributes:
        name: dotted path.
        value: default, as written in the file; empty if there is none.
        comment: explanation from the file.
    """

    name: str
    value: str
    comment: str


def parse_options(text: str) -> list[Option]:
    """Return the options in the first two levels of a file of conf/, in the file's order.

    A comment explains the setting below it or on its line. The comment at the top of a file
    describes the file.
    """
    options: list[Option] = []
    above: list[str] = []
    parents: dict[int, str] = {}
    for line in text.splitlines()[len(header_lines(text)) :]:
        entry = ENTRY.match(line)
        if line.strip().startswith("# "):
            above.append(line.strip().removeprefix("# "))
            continue
        if entry is not None and len(entry["indent"]) <= 2:
            depth = len(entry["indent"])
            parents = {level: key for level, key in parents.items() if level < depth}
            name = ".".join([*parents.values(), entry["key"]])
            parents[depth] = entry["key"]
            option = Option(
                name, entry["value"] or "", " ".join([*above, entry["comment"] or ""]).strip()
            )
            if is_public(option):
                options.append(option)
        above = []
    return options


def header_lines(text: str) -> list[str]:
    """Return the comment lines at the top of a file."""
    return list(itertools.takewhile(lambda line: line.startswith("# "), text.splitlines()))


def is_public(option: Option) -> bool:
    """Return whether to show an option: it has a comment, or a value that is not a reference."""
    first, *_, last = f"{option.name}.{option.name}".split(".")
    if first in HIDDEN or last.startswith("_") or option.value.startswith("${hydra:"):
        return False
    return bool(option.comment) or bool(option.value and "${" not in option.value)


def parse_choices(text: str) -> dict[str, str]:
    """Return the config groups in a file's defaults list, each with its default choice."""
    matches = (GROUP.match(line) for line in text.splitlines())
    return {
        match["group"]: match["choice"]
        for match in matches
        if match and match["group"] != "override"
    }


def parse_summary(text: str) -> str:
    """Return the comment at the top of a file."""
    lines = (line.removeprefix("# ") for line in header_lines(text))
    return " ".join(line for line in lines if not line.startswith("@package"))


def format_option(option: Option) -> Iterator[str]:
    """Yield the help lines of an option."""
    value = option.value.replace("???", option.name.split(".")[-1].upper())
    yield f"  {option.name}={value or '...'}"
    sentence = option.comment[:1].upper() + option.comment[1:]
    yield from textwrap.wrap(sentence, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def command_help(
    name: str, summary: str, conf: Path, config: str, groups: Sequence[str] = ()
) -> str:
    """Return a command's help text.

    Args:
        name: of the command.
        summary: what it does, in one line.
        conf: the folder conf/.
        config: the command's file in it, without suffix.
        groups: config groups to list in full, as in ``privacy-gan train judge=quick --help``.
    """
    text = (conf / f"{config}.yaml").read_text(encoding="utf-8")
    choices = {
        group: choice for group, choice in parse_choices(text).items() if (conf / group).is_dir()
    }
    lines = [f"usage: privacy-gan {name} [OPTION=VALUE ...]", "", summary, ""]
    if requested := [group for group in groups if group in choices]:
        for group in requested:
            lines += group_help(conf, group)
        return "\n".join(lines).rstrip()
    lines.append("Options and their defaults (you must give a value in capitals):")
    for option in parse_options(text):
        lines += format_option(option)
    if choices:
        lines += ["", "Groups of options, their defaults and choices:"]
        for group, choice in choices.items():
            names = ", ".join(path.stem for path in sorted((conf / group).glob("*.yaml")))
            entry = f"  {group}={choice.replace('null', '...')}  from {names}"
            lines += textwrap.wrap(entry, WIDTH, subsequent_indent=" " * 6)
        example = "judge" if "judge" in choices else next(iter(choices))
        hint = f"lists the options of the group {example}; the same works for every group."
        lines += ["", f"privacy-gan {name} {example} --help {hint}"]
    lines += ["", f"privacy-gan {name} --cfg job prints the whole configuration."]
    return "\n".join(lines)


def run_command_help(name: str, summary: str, conf: Path) -> str:
    """Return the help text of a command that starts from a run's configuration and judges it."""
    run = Option("run", "???", "Folder of a trained run; the other options change its settings.")
    return "\n".join(
        [
            f"usage: privacy-gan {name} run=FOLDER [OPTION=VALUE ...]",
            *("", summary, ""),
            "Options and their defaults; values in the run's configuration take precedence:",
            *format_option(run),
            *choice_help(conf, conf / "judge" / "standard.yaml"),
            *("", f"privacy-gan {name} run=FOLDER --cfg job prints the whole configuration."),
        ]
    )


def group_help(conf: Path, group: str) -> list[str]:
    """Return the choices of a config group, each with its options."""
    lines: list[str] = []
    for path in sorted((conf / group).glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        heading = f"{group}={path.stem}  {parse_summary(text)}"
        lines += textwrap.wrap(heading, WIDTH, subsequent_indent=" " * 6)
        lines += [*choice_help(conf, path), ""]
    return lines


def choice_help(conf: Path, path: Path) -> list[str]:
    """Return the help lines of a choice's options."""
    return [line for option in documented_options(conf, path) for line in format_option(option)]


def documented_options(conf: Path, path: Path) -> list[Option]:
    """Return the options of a choice, and of the parts it includes, that have a comment."""
    text = path.read_text(encoding="utf-8")
    package = "" if text.startswith("# @package _global_") else f"{path.parent.name}."
    bases = [(conf / f"{base}.yaml").read_text(encoding="utf-8") for base in BASE.findall(text)]
    options = (option for each in (text, *bases) for option in parse_options(each))
    return [replace(each, name=package + each.name) for each in options if each.comment]
