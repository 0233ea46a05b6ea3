"""Every command, started by Python itself: what a mistake looks like, and the way out."""

import pytest
from commands import ROOT, cli, error_line

MISTAKES = {
    "audit": (["images=nowhere", "labels=nowhere", "attribute=x"], "images=nowhere is no folder"),
    "benchmark": (["--rounds", "0"], "--rounds 0 must be 1 or more"),
    "dashboard": (["group=some"], "needs a key"),
    "demo": (["run=nowhere"], "nowhere is not a run folder"),
    "evaluate": (["run=nowhere"], "nowhere is not a run folder"),
    "export": (["run=nowhere", "output=x"], "nowhere is not a run folder"),
    "privatize": (["run=nowhere", "input=x", "output=y"], "nowhere is not a run folder"),
    "report": (["folder=nowhere"], "folder=nowhere is no folder"),
    "train": (["epsilon=0"], "epsilon=0.0 is not a distortion budget"),
    "train_classifiers": (["image_size=17"], "image_size=17 is not a multiple of 16"),
}

# what !python in a notebook sets, where the module need not be installed; and a bare locale
SURROUNDINGS = {
    "MPLBACKEND": "module://not_installed.backend",
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
}


def test_every_command_is_covered():
    assert set(MISTAKES) == {path.stem for path in (ROOT / "experiments").glob("*.py")}


@pytest.mark.parametrize("verb", MISTAKES)
def test_a_mistake_gives_one_line_and_exit_code_2(verb, tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    words, message = MISTAKES[verb]
    surroundings = {**SURROUNDINGS, "NETRC": str(tmp_path / "none")}
    process = cli(verb, *words, env=surroundings, cwd=tmp_path, real=True)
    assert message in error_line(process)
    assert process.stdout == ""
    assert not list(tmp_path.iterdir())
