"""Finished mechanisms one after the other."""

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
    """Return a filter against Male and a filter with generator against Young, the test's own."""
    choices = {"Male": "filter", "Young": "filter_generator"}

    def make(folder):
        for name, choice in choices.items():
            process = run_train(folder, f"attribute={name}", f"privatizer={choice}")
            assert process.returncode == 0, process.stderr

    shutil.copytree(once("parts_of_a_stack", make), tmp_path, dirs_exist_ok=True)
    return [
        next((tmp_path / "outputs").glob(f"**/{name}/**/result.json")).parent for name in choices
    ]


def stacked(runs):
    listed = ",".join(f"'{run}'" for run in runs)
    return ["privatizer=stack", f"privatizer.runs=[{listed}]"]


def rng():
    return torch.Generator().manual_seed(0)


def built(runs):
    """Return a stack as a run has it after its training."""
    parts = OmegaConf.create(stacked_parts([str(run) for run in runs]))
    stack = Stack(instantiate(parts), image_size=16, read_weights=read_weights)
    stack.fit(list)
    return stack.eval().to(memory_format=torch.channels_last)


def test_a_stack_is_its_mechanisms_in_their_order(runs):
    stack = built(runs)
    first, second = map(load_mechanism, runs)
    noise = rng()
    expected = second.privatize(first.privatize(IMAGES, noise).images, noise)
    found = stack.for_attribute("Young").privatize(IMAGES, rng())
    assert torch.equal(found.images, expected.images)
    assert torch.equal(found.synthetic, expected.synthetic)
    assert stack.for_attribute("Male").privatize(IMAGES, rng()).synthetic is None  # a filter's


def test_a_stack_is_judged_for_every_attribute_that_it_hides(runs, tiny, tmp_path):
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    judged = [*TINY, *JUDGED, "judge.attributes=[Smiling,Male,Young]"]
    config = tiny(where, *stacked(runs), preset=judged)
    run, record = train(config)
    assert run.path.parts[-4].startswith("stack-")
    assert run.path.parts[-3] == "Male"
    assert list(record.evaluations) == ["Male", "Young"]
    for attribute, utility in [("Male", "Young"), ("Young", "Male")]:
        found = record.evaluations[attribute]
        assert found.attribute == attribute
        assert f"utility/{utility}" in found.measures
    shown = full_summary(run, record)
    assert shown.startswith("Male and Young censored with epsilon 0.01 ")
    assert run.faces.exists()


def test_a_stack_is_its_own_folder_alone(runs, tiny):
    config = tiny(*stacked(runs))
    run, _ = train(config)
    stored = torch.load(run.checkpoint, weights_only=True)["state_dict"]
    of_first = load_mechanism(runs[0]).state_dict()
    assert all(torch.equal(stored[f"parts.0.{name}"], value) for name, value in of_first.items())


def test_a_finished_stack_needs_its_parts_no_more(runs, tiny, tmp_path, monkeypatch):
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    judged = [*TINY, *JUDGED, "judge.attributes=[Smiling,Male,Young]"]
    run, record = train(tiny(where, *stacked(runs), preset=judged))
    before = load_mechanism(run.path).privatize(IMAGES, rng())
    for part in runs:
        shutil.rmtree(part)
    monkeypatch.chdir(tmp_path)  # where the parts' folders were, if relative, is forgotten, too
    again = load_mechanism(run.path).privatize(IMAGES, rng())
    assert torch.equal(again.images, before.images)
    config = open_folder(run.path).config()
    assert evaluate(config)[1] == record


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: (run / "result.json").unlink(), "training is not finished"),
        (lambda run: (run / "last.ckpt").unlink(), "has no checkpoint last.ckpt"),
        (lambda run: (run / "last.ckpt").write_bytes(b"PK"), "last.ckpt is damaged"),
        (lambda run: (run / "config.yaml").unlink(), "contains no config.yaml"),
        (lambda run: (run / "config.yaml").write_text("- a"), "is not the configuration of a run"),
    ],
)
def test_what_is_no_finished_run_is_refused(damage, said, runs):
    damage(runs[1])
    with pytest.raises(UserError, match=said):
        load_mechanism(runs[1])


def test_runs_of_another_size_are_refused(runs, tiny):
    with pytest.raises(UserError, match=r"on images of 16 pixels, which cannot be stacked with i"):
        train(tiny(*stacked(runs), "image_size=32"))


def test_a_stack_of_nothing_is_refused(tiny):
    with pytest.raises(UserError, match=r"privatizer\.runs is empty"):
        train(tiny("privatizer=stack"))


def test_a_categorical_attribute_is_not_stacked(tiny):
    group = ["attribute=[Male,Young]", "group_rule=other", "privatizer=filter"]
    run, _ = train(tiny(*group))
    with pytest.raises(UserError, match=r"Male\+Young-other, which is not a binary attribute"):
        train(tiny(*stacked([run.path])))


def test_a_planted_pickle_is_not_executed(runs, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"state_dict": Hostile()}, runs[0] / "last.ckpt")
    with pytest.raises(UserError, match=r"last.ckpt is damaged"):
        load_mechanism(runs[0])
    assert not (tmp_path / "executed").exists()


def test_the_order_of_a_stack_is_part_of_what_it_is(runs, tiny):
    one, _ = train(tiny(*stacked(runs)))
    other, _ = train(tiny(*stacked(runs[::-1]), "attribute=Male"))
    assert one.path != other.path
    assert one.path.parts[-3] == other.path.parts[-3] == "Male"


def test_a_stack_whose_part_was_trained_again_is_not_taken_for_finished(runs, tiny):
    config = tiny(*stacked(runs))
    _, record = train(config)
    assert train(tiny(*stacked(runs)))[1] == record
    # the same command, the same folder, another outcome: as on another machine
    result = runs[1] / "result.json"
    other = json.loads(result.read_text())
    other["training"]["valid/filter/distortion"] += 1e-9
    result.write_text(json.dumps(other))
    with pytest.raises(UserError, match=r"belongs to a run with privatizer.parts.1.training="):
        train(tiny(*stacked(runs)))


def test_judging_a_part_again_leaves_its_stack_finished(runs, tiny, tmp_path):
    _, record = train(tiny(*stacked(runs)))
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    part = tiny(where, "attribute=Male", "privatizer=filter", preset=[*TINY, *JUDGED])
    assert evaluate(part)[0].path == runs[0]
    assert train(tiny(*stacked(runs)))[1] == record
