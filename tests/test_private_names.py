"""Names that other libraries keep to themselves, which may go with any upgrade: few, and known."""

import ast
import re

import hydra
import hydra._internal.utils
import pytest
import torch
from commands import ROOT

PACKAGE = ROOT / "privacy_gan"
# documented in spite of their underscores
PUBLIC = {"_replace", "_fields", "_exit", "_target_"}
KNOWN = {
    ("commands/hydra_app.py", "_internal"),
    ("hardware.py", "_is_avx512_bf16_supported"),
    ("hardware.py", "_is_amx_tile_supported"),
}


def private_names(source):
    """Return what a module takes from others whose names begin with an underscore."""
    names, own = [], set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.FunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            own.add(node.attr)
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
    parts = {part for name in names for part in name.split(".")}
    return {part for part in parts - own - PUBLIC if re.match("_[^_]", part)}


def test_no_other_is_used():
    found = {
        (str(path.relative_to(PACKAGE)), name)
        for path in PACKAGE.rglob("*.py")
        for name in private_names(path.read_text())
    }
    assert found == KNOWN


@pytest.mark.parametrize(
    "source", ["from hydra._internal import utils", "import a._b", "self._bar.close()"]
)
def test_the_check_would_see_one(source):
    assert private_names(source)


class Reached(Exception):
    pass


def test_hydra_still_runs_everything_by_a_function_that_can_be_replaced(monkeypatch):
    def replacement(step):
        raise Reached

    monkeypatch.setattr(hydra._internal.utils, "run_and_report", replacement)
    monkeypatch.setattr("sys.argv", ["report.py"])
    main = hydra.main(config_path=str(ROOT / "conf"), config_name="report", version_base="1.3")
    with pytest.raises(Reached):
        main(print)()


def test_torch_still_tells_which_instructions_a_cpu_has():
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        assert callable(getattr(torch.cpu, name)), f"torch.cpu.{name} is gone"
