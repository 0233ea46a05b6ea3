"""Finished runs are found without importing torch."""

import pytest
from celeba_layouts import make_fake, official_zip
from commands import run, run_train, train_command
from presets import NUMBERS

from privacy_gan.commands.finished import UNSET, describe_differences
from privacy_gan.config import config_to_dict, instantiate
from privacy_gan.data.image_source import data_key

# runs the script given as its first argument, then checks what was imported
WITHOUT_TORCH = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert "torch" not in sys.modules
"""


def test_a_finished_run_is_found_without_torch_and_other_data_are_refused(tmp_path):
    command = train_command(tmp_path)
    first = run(command)
    assert first.returncode == 0, first.stderr
    python, *words = command
    again = run([python, "-c", WITHOUT_TORCH, *words], real=True)
    assert again.returncode == 0, again.stderr
    assert "already finished" in again.stdout
    assert again.stdout.splitlines()[-5:] == first.stdout.splitlines()[-5:]
    other = run([*command, "data.num_train=40"])
    assert other.returncode == 2
    assert "belongs to a run with other images, labels or splits" in other.stderr


def test_finished_runs_are_found_if_the_data_key_needs_torch(tmp_path):
    run_on_numbers = {"preset": NUMBERS, "cached": False}
    assert run_train(tmp_path, "evaluate=false", **run_on_numbers).returncode == 0
    again = run_train(tmp_path, "evaluate=false", **run_on_numbers)
    assert again.returncode == 0, again.stderr
    assert "already finished" in again.stdout


@pytest.mark.parametrize("certify", [0.0, 0.5])
@pytest.mark.parametrize("data", ["synthetic_faces", "celeba"])
def test_the_data_key_equals_the_data_modules(data, certify, tiny, tmp_path):
    overrides = [f"data={data}", f"data.certify={certify}"]
    if data == "celeba":
        official_zip(tmp_path / "faces", make_fake(20))
        overrides += [f"data.root={tmp_path / 'faces'}"]
    preset = ["image_size=16"]
    config = tiny(*overrides, preset=preset)
    assert data_key(config_to_dict(config.data)) == instantiate(config.data).data_key()


def test_unknown_data_have_no_data_key():
    assert data_key({"_target_": "my.DataModule"}) is None


def test_only_the_first_differences_of_a_judge_are_listed_and_no_adversary_before_the_judge():
    changes = {"judge.adversaries.mlp.depth": (1, 2), "judge.epochs": (5, UNSET)}
    changes["judge.max_epochs"] = (UNSET, 64)
    differences = [(path, *values) for path, values in changes.items()]
    text = "judge.epochs=5, not unset, judge.max_epochs=unset, not 64, "
    assert describe_differences(differences) == f"{text}judge.adversaries.mlp.depth=1, not 2"
    differences.append(("judge.retrained.network.width", 8, 16))
    assert describe_differences(differences) == (
        f"{text}judge.adversaries.mlp.depth=1, not 2 and 1 more difference"
    )
