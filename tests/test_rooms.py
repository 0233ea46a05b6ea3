"""The order of the rooms, and that the README's map is the tree."""

import ast
import re

import pytest
from commands import ROOT

PACKAGE = ROOT / "privacy_gan"
# each may import from those before it
ORDER = [
    *("errors", "interruption", "randomness", "tensors", "losses", "attributes"),
    *("cluster_environment", "progress"),
    "distributed",
    *("config", "hardware", "data", "models", "privatizers", "runs"),
    *("training", "evaluation"),
    *("reporting", "sweeping", "release", "commands"),
]
FILES = sorted(PACKAGE.rglob("*.py"))
# configurations are checked, stored, and swept over as wholes; nobody else sees more than a part
WHOLE_CONFIGURATION = {"config", "runs", "sweeping", "commands"}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Return the rooms that a file imports from, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "privacy_gan":
                names = [f"privacy_gan.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("privacy_gan.")}
    return found


def test_every_room_has_its_place_in_the_order():
    rooms = {room_of(path) for path in FILES} - {"__init__", "__main__"}
    assert rooms == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_from_those_before_it_alone(room):
    allowed = ORDER[: ORDER.index(room) + 1]
    for path in FILES:
        if room_of(path) == room:
            assert imported(path) <= set(allowed), path


def test_the_check_would_see_an_import_that_runs_back(tmp_path):
    path = tmp_path / "sneaky.py"
    path.write_text("def later():\n    from privacy_gan.commands.train import train\n")
    assert imported(path) == {"commands"}
    path.write_text("from privacy_gan import distributed\n")
    assert imported(path) == {"distributed"}


def test_no_function_below_the_commands_takes_a_whole_configuration():
    for path in FILES:
        if room_of(path) not in WHOLE_CONFIGURATION:
            assert "DictConfig" not in path.read_text(), path


def test_the_readmes_map_is_the_tree():
    text = (ROOT / "README.md").read_text()
    drawn = text[text.index("    privacy_gan/\n") :].split("\n\n")[0]
    mapped = re.findall(r"^      (\S+?)(?:/|\.py) ", drawn, re.MULTILINE)
    assert mapped == ORDER


def test_what_contributing_points_at_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    pointers = re.findall(r"^\| .* \| `(\S+)`, `(\w+)`", text, re.MULTILINE)
    assert len(pointers) == 3
    for path, name in pointers:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), path
    for path in re.findall(r"`((?:privacy_gan|conf|tests)/[\w/.]+\.(?:py|yaml))`", text):
        assert "NAME" in path or (ROOT / path).exists(), path


def test_the_tests_that_the_makefile_names_are_there():
    text = (ROOT / "Makefile").read_text()
    named = re.findall(r"\btests/[\w/]+(?:\.py)?", text)
    assert len(named) > 10
    for path in named:
        assert (ROOT / path).exists(), path
