"""The tests that a change affects."""

import re

import pytest
from changed import ROOT, affected_files, affected_tests, load_dependents

from privacy_gan.commands.cli import COMMANDS

STARTED = re.compile(r'\b(?:cli|command_line)\(\s*"(\w+)"')


@pytest.fixture(scope="module")
def graph():
    return load_dependents()


def test_direct_and_indirect_importers_are_affected():
    graph = {
        "privacy_gan/a.py": ["privacy_gan/b.py"],
        "privacy_gan/b.py": ["privacy_gan/a.py", "tests/help.py"],
        "tests/help.py": ["tests/package/test_b.py"],
        "tests/package/test_b.py": [],
        "tests/package/conftest.py": [],
        "tests/package/test_c.py": [],
        "tests/test_d.py": [],
    }
    assert affected_tests({"privacy_gan/a.py"}, graph) == ["tests/package/test_b.py"]
    assert affected_tests({"tests/help.py"}, graph) == ["tests/package/test_b.py"]
    below = ["tests/package/test_b.py", "tests/package/test_c.py"]
    assert affected_tests({"tests/package/conftest.py"}, graph) == below
    assert affected_tests({"tests/test_d.py", "LICENSE"}, graph) == ["tests/test_d.py"]
    assert affected_tests({"tests/test_deleted.py"}, graph) == []
    assert affected_tests({"pyproject.toml"}, graph) == ["tests"]


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
def test_dependencies_without_an_import_are_known(changed, test, graph):
    assert test in affected_tests({changed}, graph)


def test_a_change_does_not_affect_everything(graph):
    assert "tests/data/test_labels.py" not in affected_tests(
        {"privacy_gan/reporting/tables.py"}, graph
    )
    assert "tests/sweeping/test_sweep.py" not in affected_tests(
        {"privacy_gan/release/demo_server.py"}, graph
    )


def test_commands_that_tests_start_are_in_the_graph(graph):
    for path in (ROOT / "tests").rglob("*.py"):
        for verb in STARTED.findall(path.read_text()):
            command = f"experiments/{verb}.py"  # has its own code, such as benchmark.py
            if verb in COMMANDS:
                command = f"privacy_gan/commands/{COMMANDS[verb].target.partition('.')[0]}.py"
            assert str(path.relative_to(ROOT)) in affected_files({command}, graph), (path, verb)
