"""Packages and modules import in one direction, and the guides match the tree."""

import ast
import re

import pytest
from commands import ROOT

PACKAGE = ROOT / "privacy_gan"
# each package may import from itself and from those before it
ORDER = [
    *("errors", "interruption", "randomness", "tensors", "losses", "attributes", "plural"),
    "graphs",
    *("cluster_environment", "progress"),
    "distributed",
    *("config", "hardware", "data", "detection", "models", "privatizers", "runs"),
    *("training", "evaluation"),
    *("reporting", "sweeping", "release", "commands"),
]
FILES = sorted(PACKAGE.rglob("*.py"))
# only these packages handle whole configurations: to check, store and sweep them
WHOLE_CONFIGURATION = {"config", "runs", "sweeping", "commands"}


def package_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_packages(path):
    """Return the packages that a file imports from, anywhere in the file."""
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


def test_order_lists_every_package():
    packages = {package_of(path) for path in FILES} - {"__init__", "__main__"}
    assert packages == set(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_from_earlier_packages(package):
    allowed = ORDER[: ORDER.index(package) + 1]
    for path in FILES:
        if package_of(path) == package:
            assert imported_packages(path) <= set(allowed), path


def test_check_detects_an_import_from_a_later_package(tmp_path):
    path = tmp_path / "sneaky.py"
    path.write_text("def later():\n    from privacy_gan.commands.train import train\n")
    assert imported_packages(path) == {"commands"}
    path.write_text("from privacy_gan import distributed\n")
    assert imported_packages(path) == {"distributed"}


def test_only_some_packages_use_the_whole_configuration():
    for path in FILES:
        if package_of(path) not in WHOLE_CONFIGURATION:
            assert "DictConfig" not in path.read_text(), path


def test_map_in_the_readme_matches_the_tree():
    text = (ROOT / "README.md").read_text()
    tree = text[text.index("    privacy_gan/\n") :].split("\n\n")[0]
    mapped = re.findall(r"^      (\S+?)(?:/|\.py) ", tree, re.MULTILINE)
    assert mapped == ORDER


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_paths_and_names_in_the_guides_exist(page):
    text = (ROOT / page).read_text()
    pointers = re.findall(r"^\| .* \| `(\S+)`, `(\w+)`", text, re.MULTILINE)
    assert len(pointers) >= {"README.md": 10, "CONTRIBUTING.md": 0}[page]
    for path, name in pointers:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), path
    paths = re.findall(r"`((?:privacy_gan|conf|tests)/[\w/.]+\.(?:py|yaml))`", text)
    assert len(paths) > 8
    for path in paths:
        assert "NAME" in path or (ROOT / path).exists(), path


def test_tests_named_in_the_makefile_exist():
    text = (ROOT / "Makefile").read_text()
    paths = re.findall(r"\btests/[\w/]+(?:\.py)?", text)
    assert len(paths) > 10
    for path in paths:
        assert (ROOT / path).exists(), path
