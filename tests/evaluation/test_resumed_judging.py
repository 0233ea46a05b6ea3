"""Interrupted judging resumes to exactly the same result."""

import json
import os
import signal
from contextlib import nullcontext

import pytest
import torch
from planted import ChangedWithATrace, LightAndDark, adam
from presets import JUDGED

from privacy_gan.commands.evaluate import evaluate
from privacy_gan.commands.train import train
from privacy_gan.config import instantiate
from privacy_gan.errors import Interrupted
from privacy_gan.evaluation.fitting import fit_all
from privacy_gan.evaluation.halving import Limits, fit_until_done
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.models.resnet import resnet10
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.runs.artifacts import ResumeCheckpoint

CPU = Compute(torch.device("cpu"), nullcontext)
SIZE = 32
SMALL = [  # the sizes of networks and components do not matter here
    "judge.adversaries.pca_mlp.network.components=8",
    "judge.adversaries.pca_mlp.network.width=16",
    "judge.adversaries.kernel_ridge.components=8",
    "judge.adversaries.restoration.network.width=2",
    "judge.adversaries.inversion.network._target_=small_networks.classifier",
]


@pytest.fixture(scope="module")
def data():
    module = LightAndDark(train=32, valid=16, test=16, size=SIZE)
    module.setup()
    return module


def stop_at(step, monkeypatch):
    """Send this process SIGTERM during a training step; return the learners of all steps."""
    taken = []
    original = Learner.training_step

    def learn(self, *arguments):
        taken.append(self)
        if len(taken) == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *arguments)

    monkeypatch.setattr(Learner, "training_step", learn)
    return taken


def predictions(learners, source):
    return {
        name: torch.cat([learner.log_probabilities(b.images) for b in source.query("test", 0, 0)])
        for name, learner in learners.items()
    }


def test_adversaries_interrupted_at_any_step_resume_exactly(data, tiny, tmp_path, monkeypatch):
    """Interrupted in the branch of the first epoch of two steps, and in the last step."""
    shipped = tiny("judge=standard", f"image_size={SIZE}", *SMALL).judge.adversaries
    names = ["pca_mlp", "kernel_ridge", "fixed_classifier", "convnext", "inversion", "restoration"]
    # those that are left out only differ in their network, or need a file
    assert set(shipped) - set(names) == {"resnet10", "resnet18", "pretrained"}
    trained = len(names) - 1  # kernel_ridge is fitted in closed form

    def create(name):
        torch.manual_seed(0)
        fixed = resnet10(2).eval().requires_grad_(False)
        return instantiate(shipped[name])(num_classes=2, column=0, fixed=fixed)

    def learn(resume=None):
        found = fit_until_done(create, names, source, Limits(2), 16, 0, "test", resume)
        return {name: each.learner for name, each in found.items()}

    source = MechanismSource(ChangedWithATrace(), data, CPU)
    expected = predictions(learn(), source)
    for step in (2, 5):  # of 2, and 3 more from the fork after 1
        resume = ResumeCheckpoint(tmp_path / f"{step}.pt", "key", every_minutes=1e9)
        with monkeypatch.context() as patched:
            stop_at((step - 1) * trained + 1, patched)
            with pytest.raises(Interrupted):
                learn(resume)
        with monkeypatch.context() as patched:
            taken = stop_at(None, patched)
            resumed = learn(resume)
        assert len(taken) == (5 - step) * trained
        torch.testing.assert_close(predictions(resumed, source), expected, rtol=0, atol=0)


@pytest.mark.parametrize("step", [2, 3])  # of 2 + 2
def test_training_for_a_fixed_number_of_epochs_resumes_exactly(step, data, tmp_path, monkeypatch):
    def learn(resume=None):
        torch.manual_seed(0)
        learner = Learner(resnet10(2), Recipe(adam, annealed=True, augmented=True), 0)
        fit_all({"one": learner}, source, 2, 16, 0, "test", resume)
        return {"one": learner}

    source = MechanismSource(ChangedWithATrace(), data, CPU)
    expected = predictions(learn(), source)
    resume = ResumeCheckpoint(tmp_path / "resume.pt", "key", every_minutes=1e9)
    with monkeypatch.context() as patched:
        stop_at(step, patched)
        with pytest.raises(Interrupted):
            learn(resume)
    taken = stop_at(None, monkeypatch)
    resumed = learn(resume)
    assert len(taken) == 4 - step
    torch.testing.assert_close(predictions(resumed, source), expected, rtol=0, atol=0)


def test_a_signal_stops_training_without_a_checkpoint_too(data, monkeypatch):
    taken = stop_at(1, monkeypatch)
    source = MechanismSource(ChangedWithATrace(), data, CPU)
    with pytest.raises(Interrupted):
        fit_all({"one": Learner(resnet10(2), Recipe(adam), 0)}, source, 2, 16, 0, "test")
    assert len(taken) == 1


@pytest.fixture
def judged(tiny, tmp_path):
    def compose(folder, *overrides):
        folders = [
            f"output_dir={tmp_path / folder}",
            f"classifiers.folder={tmp_path / folder / 'c'}",
        ]
        return tiny(*JUDGED, "judge.max_epochs=2", "judge.resamples=2", *folders, *overrides)

    return compose


def test_a_run_resumes_in_the_middle_of_judging(judged, monkeypatch):
    """Interrupted in the training of classifiers, of adversaries and of references."""
    with monkeypatch.context() as patched:
        steps = stop_at(None, patched)
        _, expected = train(judged("uninterrupted", "baseline=true"))
    needed = len(steps)
    assert needed > 40
    taken = 0
    for step in range(2, needed, needed // 3):
        with monkeypatch.context() as patched:
            steps = stop_at(step - taken, patched)
            if taken:
                patched.setattr(AdversarialPrivatizer, "training_step", refuse)
            with pytest.raises(Interrupted):
                train(judged("resumed", "baseline=true"))
        taken += len(steps)
    steps = stop_at(None, monkeypatch)
    run, result = train(judged("resumed", "baseline=true"))
    assert taken + len(steps) == needed  # no step is repeated
    assert without_time(result) == without_time(expected)
    assert not run.judging.exists()
    assert not list(run.path.parents[4].rglob("*.begun"))


def without_time(result):
    tree = json.loads(json.dumps(result, default=vars))
    return {key: tree[key] for key in ("training", "evaluations", "baseline")}


def refuse(*args):
    raise AssertionError("trained again")


def test_another_judge_or_mechanism_does_not_resume_from_the_checkpoint(judged, monkeypatch):
    run, _ = train(judged("run"))

    def steps(*overrides, stop=None):
        with monkeypatch.context() as patched:
            taken = stop_at(stop, patched)
            with pytest.raises(Interrupted) if stop else nullcontext():
                evaluate(judged("run", f"run_dir={run.path}", *overrides))
        return len(taken)

    whole = steps()  # classifiers and references are cached
    half = steps(stop=whole // 2)
    assert steps() == whole - half
    steps(stop=whole // 2)
    assert steps("judge.queries=[1,3]") == whole
    steps(stop=whole // 2)
    checkpoint = torch.load(run.checkpoint, weights_only=True)
    next(iter(checkpoint["state_dict"].values())).add_(1e-3)
    torch.save(checkpoint, run.checkpoint)
    assert steps() == whole
