"""A run is judged again with another file of a config group, such as judge=quick."""

import pytest
import yaml
from commands import cli, error_line
from omegaconf import OmegaConf
from presets import JUDGED


@pytest.fixture
def run_folder(tiny, tmp_path):
    config = OmegaConf.to_container(tiny(*JUDGED), resolve=True)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def config_of(*words):
    process = cli(*words, "--cfg", "job", "--resolve")
    assert process.returncode == 0, process.stderr
    return yaml.safe_load(process.stdout)


@pytest.mark.parametrize("selection", ["judge=thorough", "classifiers=quick"])
def test_a_group_has_the_content_of_its_file_and_options_change_it(selection, run_folder):
    group = selection.partition("=")[0]
    changed = f"{group}.seed=7"
    found = config_of("evaluate", f"run={run_folder}", changed, selection)
    expected = config_of("train", "image_size=16", selection, changed)
    assert found[group] == expected[group]
    assert found["image_size"] == 16


def test_a_group_without_such_a_file_is_one_line(run_folder):
    error = error_line(cli("evaluate", f"run={run_folder}", "judge=strict"))
    assert error == "error: judge=strict: give one of mlp, quick, standard, thorough"


def test_another_judge_is_accepted_before_the_run_is_read(run_folder):
    process = cli("evaluate", f"run={run_folder}", "judge=quick", "judge.max_epochs=1")
    assert "contains no result.json" in error_line(process)
