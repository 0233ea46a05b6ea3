"""Every command in a fresh interpreter: a mistake gives one line and exit code 2."""

import pytest
from commands import ROOT, cli, error_line

MISTAKES = {
    "audit": (
        ["images=nowhere", "labels=nowhere", "attribute=x"],
        "images=nowhere is not a folder",
    ),
    "benchmark": (["--rounds", "0"], "--rounds 0 must be 1 or more"),
    "data": (["nowhere"], "images=nowhere is not a folder"),
    "dashboard": (["group=some"], "needs an API key"),
    "demo": (["run=nowhere"], "nowhere is not a run folder"),
    "evaluate": (["run=nowhere"], "nowhere is not a run folder"),
    "export": (["run=nowhere", "output=x"], "nowhere is not a run folder"),
    "photographs": (["x", "--images", "nowhere"], "--images nowhere is not a folder with images"),
    "privatize": (["run=nowhere", "input=x", "output=y"], "nowhere is not a run folder"),
    "report": (["folder=nowhere"], "folder=nowhere is not a folder"),
    "train": (["epsilon=0"], "epsilon=0.0 is not a distortion budget"),
    "train_classifiers": (["image_size=17"], "image_size=17 is not a multiple of 16"),
}

# a notebook's environment, whose matplotlib backend may not be installed, and a bare locale
ENVIRONMENT = {
    "MPLBACKEND": "module://not_installed.backend",
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
}


def test_every_command_is_covered():
    assert set(MISTAKES) == {path.stem for path in (ROOT / "experiments").glob("*.py")}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_gives_one_line_and_exit_code_2(command, tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    words, message = MISTAKES[command]
    environment = {**ENVIRONMENT, "NETRC": str(tmp_path / "none")}
    process = cli(command, *words, env=environment, cwd=tmp_path, real=True)
    assert message in error_line(process)
    assert process.stdout == ""
    assert not list(tmp_path.iterdir())
