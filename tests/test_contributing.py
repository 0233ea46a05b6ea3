"""The checklists in CONTRIBUTING.md work when they are followed in a copy of the project."""

import json
import re
import shutil
import sys
from textwrap import dedent, indent

import pytest
from commands import ROOT, run
from presets import JUDGED, TINY

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
EXAMPLE = (ROOT / "docs" / "mechanisms.md").read_text()
BLOCK = re.compile(r"^ *```(?:python|yaml)\n *# (\S+)(?:, (\w+))?\n(.*?)^ *```", re.M | re.S)
IGNORED = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def project(tmp_path):
    """Return a copy of the project with the checklists' mechanism and adversary added."""
    for folder in ("privacy_gan", "conf", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=IGNORED)
    add_adversary(tmp_path)
    add_mechanism(tmp_path)
    return tmp_path


def add_adversary(project):
    blocks = {(name, where): dedent(text) for name, where, text in BLOCK.findall(PAGE)}
    (python, _), (yaml, defaults), (_, adversaries) = blocks
    assert (defaults, adversaries) == ("defaults", "adversaries")
    code = project / python
    code.write_text(f"{code.read_text()}\n\n{blocks[python, '']}")
    judge = project / yaml
    default, entry = (indent(blocks[yaml, where], "  ") for where in (defaults, adversaries))
    text = judge.read_text().replace("  - _self_\n", f"{default}  - _self_\n")
    text = text.replace("\nadversaries:\n", f"\nadversaries:\n{entry}")
    judge.write_text(text)


def add_mechanism(project):
    code, config = (text for name, _, text in BLOCK.findall(EXAMPLE) if name.startswith("mine/"))
    (target,) = re.findall(r"`(privacy_gan\.privatizers\.patch\.\w+)`", PAGE)
    (project / "privacy_gan" / "privatizers" / "patch.py").write_text(code)
    (project / "conf" / "privatizer" / "patch.yaml").write_text(
        config.replace("_target_: patch.Patch", f"_target_: {target}")
    )


def test_a_mechanism_and_an_adversary_added_by_the_checklists_are_used(project):
    script = project / "experiments" / "train.py"
    command = [sys.executable, script, "privatizer=patch", *TINY, *JUDGED, "output_dir=out"]
    process = run(command, cwd=project, env={"PYTHONPATH": str(project)}, real=True)
    assert process.returncode == 0, process.stderr
    folder = project / "out/synthetic_faces-16/patch/Smiling/epsilon-0.01/seed-0"
    evaluation = json.loads((folder / "result.json").read_text())["evaluations"]["Smiling"]
    assert "linear" in {scores["adversary"] for scores in evaluation["adversaries"]}
