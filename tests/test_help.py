"""``--help`` of every command is short and comes from the comments in conf/."""

import os
import signal
import subprocess

import pytest
from commands import cli, command_line, start

from privacy_gan.commands.cli import COMMANDS, help_for
from privacy_gan.commands.help import Option, command_help, parse_options

FILE = """# What a command does.
defaults:
  - _self_
  - override hydra/job_logging: stdout

# How many
# there are.
count: 3
folder: ???  # where they are
plain: 0.5
name: ${hydra:runtime.choices.data}
derived: ${count}

part:
  _target_: some.where
  inner: [1, 2]  # of a part

hydra:
  output_subdir: null
"""


def test_options_are_parsed_with_their_comments():
    assert parse_options(FILE) == [
        Option("count", "3", "How many there are."),
        Option("folder", "???", "where they are"),
        Option("plain", "0.5", ""),
        Option("part.inner", "[1, 2]", "of a part"),
    ]


def test_a_commands_help_starts_with_its_own_options(tmp_path):
    (tmp_path / "do.yaml").write_text(FILE.replace("  - _self_", "  - data: drawn\n  - _self_"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "drawn.yaml").write_text("# Drawn.\nsize: 4  # of each\n")
    lines = command_help("do", "do it", tmp_path, "do").splitlines()
    assert lines[5:10] == [
        "  count=3",
        "      How many there are.",
        "  folder=FOLDER",
        "      Where they are",
        "  plain=0.5",
    ]
    assert "  data=drawn  from drawn" in lines
    details = command_help("do", "do it", tmp_path, "do", ["data"]).splitlines()
    assert details[4:] == ["data=drawn  Drawn.", "  data.size=4", "      Of each"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_text_is_short_and_hides_internals(command):
    text = help_for(command, [])
    lines = text.splitlines()
    assert lines[0].startswith(f"usage: privacy-gan {command} ")
    assert len(lines) < 90
    assert max(map(len, lines)) <= 120
    assert "_target_" not in text
    assert "hydra" not in text.lower()


def test_help_survives_a_closed_pipe():
    process = cli("train", "--help")
    assert process.returncode == 0
    assert "  epsilon=0.01\n      Distortion budget" in process.stdout
    reading, writing = os.pipe()
    os.close(reading)
    with start(command_line("train", "--help"), stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        assert process.communicate()[1] == ""
    assert process.returncode == 128 + signal.SIGPIPE
