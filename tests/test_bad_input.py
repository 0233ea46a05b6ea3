"""Mistakes on the command line give one clear line before any training, and an exit code."""

import pytest
from celeba_layouts import make_fake, official_zip
from commands import error_line, run_train
from hydra._internal import utils
from presets import SHIPPED_DISCRIMINATORS, TINY

MISTAKES = {
    "misspelt attribute": (["attribute=Smilling"], "did you mean Smiling"),
    "attribute of other data": (["attribute=Bald"], "have no attribute 'Bald'"),
    "no budget": (["epsilon=0"], "epsilon=0.0 is not a distortion budget: it must be above 0"),
    "negative budget": (["epsilon=-0.01"], "must be above 0"),
    "infinite budget": (["epsilon=inf"], "must be above 0"),
    "third class": (
        ["loss=cross_entropy", "attribute=[Male,Young,Smiling]", "group_rule=other"],
        "use loss=entropy",
    ),
    "other number of classes": (["num_classes=3"], "num_classes=3, but Smiling has 2 classes"),
    "group of one": (["attribute=[Male,gender]"], "must list two or more different attributes"),
    "group without a rule": (["attribute=[Male,Young]"], "set group_rule=RULE to one of these"),
    "unknown rule": (["attribute=[Male,Young]", "group_rule=any"], "choose one of other, drop"),
    "unknown distribution": (["synthetic=normal"], "choose uniform or empirical"),
    "odd size": (["image_size=70"], "image_size=70 is not a multiple of 16"),
    "negative seed": (["seed=-1"], "seed=-1 must be between"),
    "no root": (["data=celeba"], "data.root has no value: give one, data.root="),
    "no epochs": (["trainer.max_epochs=0"], "trainer.max_epochs=0 must be a whole number"),
    "unknown precision": (["trainer.precision=17"], "choose auto, 32-true or bf16-mixed"),
    "large batch": (["data.batch_size=64"], "32 training images"),
    "no such weights": (
        [*SHIPPED_DISCRIMINATORS, "networks.filter_discriminator.weights=none.pth"],
        "none.pth does not exist",
    ),
}


@pytest.mark.parametrize(("overrides", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_reported_in_one_line_before_anything_is_written(
    overrides, expected, tmp_path
):
    preset = ["trainer=cpu"] if "data=celeba" in overrides else TINY
    process = run_train(tmp_path, *overrides, preset=preset)
    assert expected in error_line(process)
    assert not list(tmp_path.rglob("config.yaml"))


def test_a_download_page_instead_of_the_zip_is_recognized(tmp_path):
    root = tmp_path / "celeba"
    official_zip(root, make_fake())
    (root / "img_align_celeba.zip").write_text("<!DOCTYPE html><title>Quota exceeded</title>")
    process = run_train(tmp_path, "data=celeba", f"data.root={root}", preset=["trainer=cpu"])
    line = error_line(process)
    assert "img_align_celeba.zip" in line
    assert "mmlab.ie.cuhk.edu.hk/projects/CelebA.html" in line


@pytest.mark.parametrize("group", ["privatizer", "data", "loss", "trainer"])
def test_an_unknown_choice_is_reported_with_the_available_ones(group, tmp_path):
    line = error_line(run_train(tmp_path, f"{group}=unheard_of"))
    assert f"'{group}/unheard_of'" in line
    known = {
        "privatizer": "blur, codebook,",
        "data": "celeba, celeba_hq, chest_xray, fairface, folder, gaussian",
        "loss": "cross_entropy, entropy",
    }
    assert f"available options in '{group}': {known.get(group, '')}" in line


def test_a_misspelt_override_is_reported_in_one_line(tmp_path):
    assert "epsylon" in error_line(run_train(tmp_path, "epsylon=0.1"))


def test_a_missing_gpu_is_reported(tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    process = run_train(tmp_path, "trainer=gpu")
    assert "error: this machine has no GPU" in error_line(process)


def test_hydra_calls_the_function_that_run_hydra_main_replaces():
    replaced = utils.run_and_report.__name__  # private: if it changes, adapt run_hydra_main
    assert replaced in utils._run_hydra.__code__.co_names
    assert replaced in utils._run_app.__code__.co_names
