"""Shell completion for bash, zsh and fish: commands, options, choices and paths."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from privacy_gan.commands.help import documented_options, parse_choices, parse_options

# Each script asks the program for completions of the last word, one per line, and quotes them.
SCRIPTS = {
    "bash": """
_privacy_gan() {{
  local IFS=$'\\n' each
  COMPREPLY=()
  for each in $({program} -sc query "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null); do
    COMPREPLY+=("$(printf '%q' "$each")")
  done
}}
COMP_WORDBREAKS=${{COMP_WORDBREAKS//=}}
complete -o nospace -F _privacy_gan privacy-gan
""",
    "zsh": """
_privacy_gan() {{
  local -a found
  found=("${{(@f)$({program} -sc query "${{(@)words[2,CURRENT]}}" 2>/dev/null)}}")
  compadd -S '' -- $found
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit; compinit; }}
compdef _privacy_gan privacy-gan
""",
    "fish": """
function _privacy_gan
  {program} -sc query (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c privacy-gan -f -a '(_privacy_gan)'
""",
}


def shell_script(shell: str, program: str) -> str:
    """Return the script that a shell evaluates to turn completion on.

    Args:
        shell: a key of SCRIPTS.
        program: path of ``privacy-gan``; may contain spaces.
    """
    return SCRIPTS[shell].format(program=shlex.quote(program)).strip()


def complete(
    typed: Sequence[str], commands: Mapping[str, tuple[str, Collection[str]]], conf: Path
) -> list[str]:
    """Return the completions of the last word.

    Args:
        typed: words after the program's name, quoted as on the line; the last may be incomplete.
        commands: for each command, its file in conf/ and those of its options that are paths.
        conf: the folder conf/.
    """
    *before, word = [unquote_word(each) for each in typed] or [""]
    if not before:
        return filter_by_prefix(word, commands)
    if before[0] not in commands:
        return []
    config, paths = commands[before[0]]
    text = (conf / f"{config}.yaml").read_text(encoding="utf-8")
    groups = [group for group in parse_choices(text) if (conf / group).is_dir()]
    name, has_value, value = word.partition("=")
    if has_value and name in paths:
        return [f"{name}={path}" for path in complete_path(value)]
    if has_value and name in groups:
        choices = [path.stem for path in sorted((conf / name).glob("*.yaml"))]
        return filter_by_prefix(word, [f"{name}={choice}" for choice in choices])
    files = (path for group in groups for path in sorted((conf / group).glob("*.yaml")))
    options = [
        *parse_options(text),
        *(each for path in files for each in documented_options(conf, path)),
    ]
    if has_value:
        switches = [each.name for each in options if each.value in ("true", "false")]
        return filter_by_prefix(
            word, [f"{name}={x}" for name in switches for x in ("true", "false")]
        )
    names = [f"{each.name}=" for each in options if "." not in each.name or "." in word]
    stems = [f"{group}{sign}" for group in groups for sign in "=."]
    return sorted(set(filter_by_prefix(word, [*names, *stems])))


def filter_by_prefix(word: str, candidates: Iterable[str]) -> list[str]:
    """Return the candidates that start with a word."""
    return [each for each in candidates if each.startswith(word)]


def complete_path(start: str) -> list[str]:
    """Return the existing paths that start with a given one; folders end in a slash."""
    folder, name = os.path.split(start)
    try:
        entries = sorted(os.scandir(Path(folder or ".").expanduser()), key=lambda each: each.name)
    except OSError:
        return []
    return [
        start.removesuffix(name) + entry.name + "/" * entry.is_dir()
        for entry in entries
        if entry.name.startswith(name) and (name or not entry.name.startswith("."))
    ]


def unquote_word(word: str) -> str:
    """Return a word without shell quoting; its last quote may still be open."""
    for closing in ("", "'", '"'):
        try:
            return "".join(shlex.split(word + closing))
        except ValueError:
            continue
    return word


def program_path() -> str:
    """Return the absolute path of the running program."""
    return str(Path(sys.argv[0]).absolute())
