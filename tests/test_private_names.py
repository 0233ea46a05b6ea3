"""The code uses only a few, listed private names of other libraries, which upgrades may remove."""

import ast
import re

import hydra
import hydra._internal.utils
import pytest
import torch
from commands import ROOT

PACKAGE = ROOT / "privacy_gan"
# public despite the underscore
PUBLIC = {"_replace", "_asdict", "_fields", "_exit", "_target_"}
KNOWN = {
    ("commands/hydra_app.py", "_internal"),
    ("hardware.py", "_is_avx512_bf16_supported"),
    ("hardware.py", "_is_amx_tile_supported"),
}


def private_names(source):
    """Return the names with a leading underscore that a module uses but does not define."""
    names, defined = [], set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.FunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            defined.add(node.attr)
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
    parts = {part for name in names for part in name.split(".")}
    return {part for part in parts - defined - PUBLIC if re.match("_[^_]", part)}


def test_no_other_private_name_is_used():
    found = {
        (str(path.relative_to(PACKAGE)), name)
        for path in PACKAGE.rglob("*.py")
        for name in private_names(path.read_text())
    }
    assert found == KNOWN


@pytest.mark.parametrize(
    "source", ["from hydra._internal import utils", "import a._b", "self._bar.close()"]
)
def test_check_detects_private_names(source):
    assert private_names(source)


class Reached(Exception):
    pass


def test_hydra_still_runs_everything_through_run_and_report(monkeypatch):
    def replacement(step):
        raise Reached

    monkeypatch.setattr(hydra._internal.utils, "run_and_report", replacement)
    monkeypatch.setattr("sys.argv", ["report.py"])
    main = hydra.main(config_path=str(ROOT / "conf"), config_name="report", version_base="1.3")
    with pytest.raises(Reached):
        main(print)()


def test_torch_still_reports_cpu_instruction_sets():
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        assert callable(getattr(torch.cpu, name)), f"torch.cpu.{name} is gone"
