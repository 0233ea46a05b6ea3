"""Runs that an earlier version configured can be judged with the present judge."""

import pytest
import yaml
from commands import cli, error_line
from omegaconf import OmegaConf
from presets import JUDGED


@pytest.fixture
def earlier(tiny, tmp_path):
    """Return a run folder whose config.yaml has the judge of an earlier version."""
    config = OmegaConf.to_container(tiny(*JUDGED, f"output_dir={tmp_path}"), resolve=True)
    judge = config["judge"]
    for option in ("max_epochs", "max_minutes", "paper", "controls", "power", "data_scaling"):
        judge.pop(option, None)
    judge["epochs"] = 2
    for adversary in judge["adversaries"].values():
        if adversary:
            adversary.setdefault("recipe", {})["annealed"] = True
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def judge_of(folder, *overrides):
    process = cli("evaluate", f"run={folder}", *overrides, "--cfg", "job", "--resolve")
    assert process.returncode == 0, process.stderr
    return yaml.safe_load(process.stdout)["judge"]


def test_the_judge_of_an_earlier_run_learns_until_done(earlier):
    judge = judge_of(earlier)
    assert "epochs" not in judge
    assert (judge["max_epochs"], judge["max_minutes"]) == (64, None)
    assert judge["paper"] == judge["adversaries"]["resnet10"]
    assert judge_of(earlier, "judge.max_epochs=8")["max_epochs"] == 8


def test_judge_epochs_is_refused_with_the_option_that_replaces_it(earlier, tmp_path):
    expected = (
        "error: judge.epochs is not an option any more: adversaries are trained until they are "
        "done; judge.max_epochs=N bounds that"
    )
    for command, words in (("evaluate", [f"run={earlier}"]), ("train", [f"output_dir={tmp_path}"])):
        for option in ("judge.epochs=5", "+judge.epochs=5"):
            process = cli(command, *words, option)
            assert process.returncode != 0
            assert error_line(process) == expected, process.stderr
