"""Which tests a change affects."""

import re

import pytest
from changed import ROOT, affected, dependents, reached

from privacy_gan.commands.cli import COMMANDS

STARTED = re.compile(r'\b(?:cli|command_line)\(\s*"(\w+)"')


@pytest.fixture(scope="module")
def graph():
    return dependents()


def test_what_imports_what_changed_is_affected_however_far_away():
    graph = {
        "privacy_gan/a.py": ["privacy_gan/b.py"],
        "privacy_gan/b.py": ["privacy_gan/a.py", "tests/help.py"],
        "tests/help.py": ["tests/room/test_b.py"],
        "tests/room/test_b.py": [],
        "tests/room/conftest.py": [],
        "tests/room/test_c.py": [],
        "tests/test_d.py": [],
    }
    assert affected({"privacy_gan/a.py"}, graph) == ["tests/room/test_b.py"]
    assert affected({"tests/help.py"}, graph) == ["tests/room/test_b.py"]
    below = ["tests/room/test_b.py", "tests/room/test_c.py"]
    assert affected({"tests/room/conftest.py"}, graph) == below
    assert affected({"tests/test_d.py", "LICENSE"}, graph) == ["tests/test_d.py"]
    assert affected({"tests/test_deleted.py"}, graph) == []
    assert affected({"pyproject.toml"}, graph) == ["tests"]


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        ("privacy_gan/losses.py", "tests/test_losses.py"),
        ("privacy_gan/losses.py", "tests/training/test_distributed.py"),  # through a process
        ("privacy_gan/privatizers/stargan.py", "tests/privatizers/test_stargan_run.py"),
        ("privacy_gan/commands/worker.py", "tests/sweeping/test_processes.py"),
        ("conf/judge/quick.yaml", "tests/evaluation/test_judged_run.py"),
        ("privacy_gan/reporting/page/report.js", "tests/reporting/test_page.py"),
        ("privacy_gan/release/page/page.js", "tests/release/test_demo_page.py"),
        ("docs/mechanisms.md", "tests/test_docs.py"),
        ("tests/wandb_server.py", "tests/training/test_tracking.py"),
    ],
)
def test_ways_that_are_no_imports_are_known(changed, test, graph):
    assert test in affected({changed}, graph)


def test_a_change_does_not_affect_everything(graph):
    assert "tests/data/test_labels.py" not in affected({"privacy_gan/reporting/tables.py"}, graph)
    assert "tests/sweeping/test_sweep.py" not in affected(
        {"privacy_gan/release/demo_server.py"}, graph
    )


def test_commands_that_tests_start_are_in_the_graph(graph):
    for path in (ROOT / "tests").rglob("*.py"):
        for verb in STARTED.findall(path.read_text()):
            command = f"experiments/{verb}.py"  # of its own, as benchmark.py
            if verb in COMMANDS:
                command = f"privacy_gan/commands/{COMMANDS[verb].does.partition('.')[0]}.py"
            assert str(path.relative_to(ROOT)) in reached({command}, graph), (path, verb)
