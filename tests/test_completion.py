"""Shell completion of an incomplete command."""

import os
import subprocess

import pytest
from commands import ROOT

from privacy_gan.commands.completion import complete, shell_script

CONF = ROOT / "conf"
COMMANDS = {"train": ("train", ()), "privatize": ("privatize", ("run", "input", "output"))}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my photos" / "a b.jpg").touch()
    (tmp_path / "other").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["pri"], ["privatize"]),
        (["nothing", "da"], []),
        (["train", "data=sy"], ["data=synthetic_faces"]),
        (["train", "epsi"], ["epsilon="]),
        (["train", "judge.max_e"], ["judge.max_epochs="]),
        (["train", "evaluate="], ["evaluate=true", "evaluate=false"]),
        (["privatize", "ov"], ["overwrite="]),
        (["privatize", "da"], []),  # privatize has no data option
        (["privatize", "input=m"], ["input=my photos/"]),
        (["privatize", r"input=my\ photos/"], ["input=my photos/a b.jpg"]),
        (["privatize", "input='my photos/a"], ["input=my photos/a b.jpg"]),
        (["privatize", "input=nowhere/"], []),
    ],
)
@pytest.mark.usefixtures("folder")
def test_completions_of_the_last_word(typed, expected):
    assert complete(typed, COMMANDS, CONF) == expected


def test_bash_quotes_completions(folder):
    program = folder / "my photos" / "program"  # the program's path may contain spaces, too
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"got $4\" 'a b'\n")
    program.chmod(0o755)
    words = 'COMP_WORDS=(privacy-gan privatize "run=x y"); COMP_CWORD=2'
    show = "_privacy_gan; printf '<%s>' \"${COMPREPLY[@]}\""
    process = subprocess.run(
        ["bash", "-c", f"{shell_script('bash', str(program))}\n{words}\n{show}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    )
    assert process.stdout == r"<got\ run=x\ y><a\ b>"
