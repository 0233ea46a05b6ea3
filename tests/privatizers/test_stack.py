"""Stacks of finished runs."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from commands import run_train
from omegaconf import OmegaConf
from presets import JUDGED, TINY

from privacy_gan.commands.evaluate import evaluate
from privacy_gan.commands.train import train
from privacy_gan.config import instantiate
from privacy_gan.errors import UserError
from privacy_gan.privatizers.stack import Stack
from privacy_gan.reporting.run_summary import full_summary
from privacy_gan.runs.folder import open_folder
from privacy_gan.runs.loading import load_mechanism, read_weights
from privacy_gan.runs.resolvers import stacked_parts

IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def runs(once, tmp_path):
    """Return copies of two runs: a filter hiding Male, and filter and generator hiding Young."""
    choices = {"Male": "filter", "Young": "filter_generator"}

    def make(folder):
        for name, choice in choices.items():
            process = run_train(folder, f"attribute={name}", f"privatizer={choice}")
            assert process.returncode == 0, process.stderr

    shutil.copytree(once("parts_of_a_stack", make), tmp_path, dirs_exist_ok=True)
    return [
        next((tmp_path / "outputs").glob(f"**/{name}/**/result.json")).parent for name in choices
    ]


def stack_options(runs):
    folders = ",".join(f"'{run}'" for run in runs)
    return ["privatizer=stack", f"privatizer.runs=[{folders}]"]


def rng():
    return torch.Generator().manual_seed(0)


def make_stack(runs):
    """Return a stack as it is after the training of its run."""
    parts = OmegaConf.create(stacked_parts([str(run) for run in runs]))
    stack = Stack(instantiate(parts), image_size=16, read_weights=read_weights)
    stack.fit(list)
    return stack.eval().to(memory_format=torch.channels_last)


def test_a_stack_applies_its_mechanisms_in_order(runs):
    stack = make_stack(runs)
    first, second = map(load_mechanism, runs)
    noise = rng()
    expected = second.privatize(first.privatize(IMAGES, noise).images, noise)
    censored = stack.for_attribute("Young").privatize(IMAGES, rng())
    assert torch.equal(censored.images, expected.images)
    assert torch.equal(censored.synthetic, expected.synthetic)
    assert stack.for_attribute("Male").privatize(IMAGES, rng()).synthetic is None  # of a filter


def test_a_stack_is_evaluated_for_every_attribute_that_it_hides(runs, tiny, tmp_path):
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    judged = [*TINY, *JUDGED, "judge.attributes=[Smiling,Male,Young]"]
    config = tiny(where, *stack_options(runs), preset=judged)
    run, record = train(config)
    assert run.path.parts[-4].startswith("stack-")
    assert run.path.parts[-3] == "Male"
    assert list(record.evaluations) == ["Male", "Young"]
    for attribute, utility in [("Male", "Young"), ("Young", "Male")]:
        evaluation = record.evaluations[attribute]
        assert evaluation.attribute == attribute
        assert f"utility/{utility}" in evaluation.measures
    text = full_summary(run, record)
    assert text.startswith("Male and Young censored with epsilon 0.01 ")
    assert run.faces.exists()


def test_the_checkpoint_of_a_stack_contains_the_weights_of_its_parts(runs, tiny):
    config = tiny(*stack_options(runs))
    run, _ = train(config)
    saved = torch.load(run.checkpoint, weights_only=True)["state_dict"]
    first_weights = load_mechanism(runs[0]).state_dict()
    for name, value in first_weights.items():
        assert torch.equal(saved[f"parts.0.{name}"], value)


def test_a_finished_stack_does_not_need_the_folders_of_its_parts(runs, tiny, tmp_path, monkeypatch):
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    judged = [*TINY, *JUDGED, "judge.attributes=[Smiling,Male,Young]"]
    run, record = train(tiny(where, *stack_options(runs), preset=judged))
    before = load_mechanism(run.path).privatize(IMAGES, rng())
    for part in runs:
        shutil.rmtree(part)
    monkeypatch.chdir(tmp_path)  # relative paths of the parts' folders are invalid, too
    loaded = load_mechanism(run.path).privatize(IMAGES, rng())
    assert torch.equal(loaded.images, before.images)
    config = open_folder(run.path).config()
    assert evaluate(config)[1] == record


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "result.json").unlink(), "training is not finished"),
        (lambda run: (run / "last.ckpt").unlink(), "has no checkpoint last.ckpt"),
        (lambda run: (run / "last.ckpt").write_bytes(b"PK"), "last.ckpt is damaged"),
        (lambda run: (run / "config.yaml").unlink(), "contains no config.yaml"),
        (lambda run: (run / "config.yaml").write_text("- a"), "is not the configuration of a run"),
    ],
)
def test_an_unfinished_or_damaged_run_is_rejected(damage, message, runs):
    damage(runs[1])
    with pytest.raises(UserError, match=message):
        load_mechanism(runs[1])


def test_runs_of_another_image_size_are_rejected(runs, tiny):
    with pytest.raises(UserError, match=r"on images of 16 pixels, which cannot be stacked with i"):
        train(tiny(*stack_options(runs), "image_size=32"))


def test_a_stack_of_no_runs_is_rejected(tiny):
    with pytest.raises(UserError, match=r"privatizer\.runs is empty"):
        train(tiny("privatizer=stack"))


def test_a_run_on_a_categorical_attribute_is_rejected(tiny):
    group = ["attribute=[Male,Young]", "group_rule=other", "privatizer=filter"]
    run, _ = train(tiny(*group))
    with pytest.raises(UserError, match=r"Male\+Young-other, which is not a binary attribute"):
        train(tiny(*stack_options([run.path])))


def test_a_planted_pickle_is_not_executed(runs, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"state_dict": Hostile()}, runs[0] / "last.ckpt")
    with pytest.raises(UserError, match=r"last.ckpt is damaged"):
        load_mechanism(runs[0])
    assert not (tmp_path / "executed").exists()


def test_stacks_in_another_order_are_other_runs(runs, tiny):
    first, _ = train(tiny(*stack_options(runs)))
    second, _ = train(tiny(*stack_options(runs[::-1]), "attribute=Male"))
    assert first.path != second.path
    assert first.path.parts[-3] == second.path.parts[-3] == "Male"


def test_a_stack_whose_part_was_trained_again_is_another_run(runs, tiny):
    config = tiny(*stack_options(runs))
    _, record = train(config)
    assert train(tiny(*stack_options(runs)))[1] == record
    # as if the same command gave another result on another machine
    result = runs[1] / "result.json"
    other = json.loads(result.read_text())
    other["training"]["valid/filter/distortion"] += 1e-9
    result.write_text(json.dumps(other))
    with pytest.raises(UserError, match=r"belongs to a run with privatizer.parts.1.training="):
        train(tiny(*stack_options(runs)))


def test_a_stack_stays_finished_when_a_part_is_evaluated_again(runs, tiny, tmp_path):
    _, record = train(tiny(*stack_options(runs)))
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    part = tiny(where, "attribute=Male", "privatizer=filter", preset=[*TINY, *JUDGED])
    assert evaluate(part)[0].path == runs[0]
    assert train(tiny(*stack_options(runs)))[1] == record
