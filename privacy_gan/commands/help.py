"""What ``--help`` prints: a verb's options as the comments of its file in conf/ explain them."""

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
)  # not for users
BASE = re.compile(r"^  - /(?P<base>parts/\w+)@_here_$", re.M)
GROUP = re.compile(r" *- (?:override +/)?(?P<group>\w+): (?P<choice>\S+)")


@dataclass(frozen=True)
class Option:
    """One setting of a file in conf/.

    Attributes:
        name: by dotted path.
        value: its default as it is written; empty where there is none.
        comment: what the file says of it.
    """

    name: str
    value: str
    comment: str


def parse_options(text: str) -> list[Option]:
    """Return what can be set in a file of conf/, of its first two levels, in the file's order.

    A comment stands above a setting or behind it; the comment that a file begins with is about the
    file.
    """
    found: list[Option] = []
    above: list[str] = []
    parents: dict[int, str] = {}
    for line in text.splitlines()[len(header_lines(text)) :]:
        entry = ENTRY.match(line)
        if line.strip().startswith("# "):
            above.append(line.strip().removeprefix("# "))
            continue
        if entry is not None and len(entry["indent"]) <= 2:
            depth = len(entry["indent"])
            parents = {at: key for at, key in parents.items() if at < depth}
            name = ".".join([*parents.values(), entry["key"]])
            parents[depth] = entry["key"]
            option = Option(
                name, entry["value"] or "", " ".join([*above, entry["comment"] or ""]).strip()
            )
            if is_public(option):
                found.append(option)
        above = []
    return found


def header_lines(text: str) -> list[str]:
    """Return the comment lines that a file begins with."""
    return list(itertools.takewhile(lambda line: line.startswith("# "), text.splitlines()))


def is_public(option: Option) -> bool:
    """Tell whether an option is one to show: it is explained, or has a value of its own."""
    first, *_, last = f"{option.name}.{option.name}".split(".")
    if first in HIDDEN or last.startswith("_") or option.value.startswith("${hydra:"):
        return False
    return bool(option.comment) or bool(option.value and "${" not in option.value)


def parse_choices(text: str) -> dict[str, str]:
    """Return the groups that a file of conf/ chooses from, and what it chooses."""
    chosen = (GROUP.match(line) for line in text.splitlines())
    return {
        each["group"]: each["choice"] for each in chosen if each and each["group"] != "override"
    }


def parse_summary(text: str) -> str:
    """Return what a file says of itself at its beginning."""
    lines = (line.removeprefix("# ") for line in header_lines(text))
    return " ".join(line for line in lines if not line.startswith("@package"))


def format_option(option: Option) -> Iterator[str]:
    """Yield the lines that tell of an option."""
    value = option.value.replace("???", option.name.split(".")[-1].upper())
    yield f"  {option.name}={value or '...'}"
    sentence = option.comment[:1].upper() + option.comment[1:]
    yield from textwrap.wrap(sentence, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def command_help(name: str, what: str, conf: Path, config: str, asked: Sequence[str] = ()) -> str:
    """Return a verb's help.

    Args:
        name: of the verb.
        what: it does, in a line.
        conf: the folder of all configurations.
        config: the verb's file in it, without suffix.
        asked: groups to tell more of, as in ``privacy-gan train judge=quick --help``.
    """
    text = (conf / f"{config}.yaml").read_text(encoding="utf-8")
    chosen = {
        group: choice for group, choice in parse_choices(text).items() if (conf / group).is_dir()
    }
    lines = [f"usage: privacy-gan {name} [OPTION=VALUE ...]", "", what, ""]
    if more := [group for group in asked if group in chosen]:
        for group in more:
            lines += group_help(conf, group)
        return "\n".join(lines).rstrip()
    lines.append("Options and their defaults; a word in capitals is one that you must give:")
    for option in parse_options(text):
        lines += format_option(option)
    if chosen:
        lines += ["", "Choices, each with options of its own:"]
        for group, choice in chosen.items():
            others = ", ".join(path.stem for path in sorted((conf / group).glob("*.yaml")))
            about = f"  {group}={choice.replace('null', '...')}  of {others}"
            lines += textwrap.wrap(about, WIDTH, subsequent_indent=" " * 6)
        example = "judge" if "judge" in chosen else next(iter(chosen))
        lines += ["", f"privacy-gan {name} {example} --help tells more of {example}; so for each."]
    lines += ["", f"privacy-gan {name} --cfg job shows the whole configuration."]
    return "\n".join(lines)


def run_command_help(name: str, what: str, conf: Path) -> str:
    """Return the help of a verb that begins with the configuration of a run, and judges it."""
    run = Option("run", "???", "Folder of a trained run, whose configuration the rest changes.")
    return "\n".join(
        [
            f"usage: privacy-gan {name} run=FOLDER [OPTION=VALUE ...]",
            *(
                "",
                what,
                "",
                "Options and their defaults, which are the run's own where it has them:",
            ),
            *format_option(run),
            *choice_help(conf, conf / "judge" / "standard.yaml"),
            *("", f"privacy-gan {name} run=FOLDER --cfg job shows the whole configuration."),
        ]
    )


def group_help(conf: Path, group: str) -> list[str]:
    """Return what there is to choose from in a group, and the options that come with each."""
    lines: list[str] = []
    for path in sorted((conf / group).glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        about = f"{group}={path.stem}  {parse_summary(text)}"
        lines += textwrap.wrap(about, WIDTH, subsequent_indent=" " * 6)
        lines += [*choice_help(conf, path), ""]
    return lines


def choice_help(conf: Path, path: Path) -> list[str]:
    """Return what is told of a choice's options."""
    return [line for option in documented_options(conf, path) for line in format_option(option)]


def documented_options(conf: Path, path: Path) -> list[Option]:
    """Return the explained options of a choice, and of what it is based on."""
    text = path.read_text(encoding="utf-8")
    package = "" if text.startswith("# @package _global_") else f"{path.parent.name}."
    bases = [(conf / f"{base}.yaml").read_text(encoding="utf-8") for base in BASE.findall(text)]
    explained = (each for some in (text, *bases) for each in parse_options(some) if each.comment)
    return [replace(each, name=package + each.name) for each in explained]
