"""The strongest adversary is saved with a judged run and predicts the same when loaded."""

from contextlib import nullcontext

import pytest
import torch
from planted import observations_of
from presets import JUDGED, TINY

from privacy_gan.commands.evaluate import evaluate
from privacy_gan.commands.train import train
from privacy_gan.config import instantiate
from privacy_gan.errors import UserError
from privacy_gan.evaluation.saved_adversary import describe_strongest, load_adversary
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.models.resnet import resnet10
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.runs.checkpoint import save_atomically
from privacy_gan.runs.evaluation import RETRAINED
from privacy_gan.runs.fingerprint import flatten, unflatten
from privacy_gan.runs.learning_curve import LearningCurve
from privacy_gan.runs.loading import load_mechanism

CPU = Compute(torch.device("cpu"), nullcontext)


def confident(*classes):
    return torch.nn.functional.one_hot(torch.tensor(classes), 2).double() * 0.8 + 0.1


def test_the_adversary_with_the_best_one_query_accuracy_is_saved():
    labels = torch.tensor([0, 0, 1, 1])
    correct, half, unsure = confident(0, 0, 1, 1), confident(0, 1, 1, 1), torch.full((4, 2), 0.5)
    probabilities = {
        "patient": {split: torch.stack([unsure, correct, correct]) for split in ("valid", "test")},
        "quick": {split: torch.stack([half, unsure, unsure]) for split in ("valid", "test")},
    }
    found = describe_strongest(observations_of(probabilities, labels), labels, {}, probabilities)
    assert found["adversary"] == "quick"
    assert found["accuracy"][0] == 0.75
    assert found["accuracy"][1] <= 0.75 <= found["accuracy"][2]


def test_whether_the_adversaries_were_done_is_saved():
    labels = torch.tensor([0, 0, 1, 1])
    probabilities = {
        name: dict.fromkeys(("valid", "test"), confident(*classes)[None])
        for name, classes in (("best", (0, 0, 1, 1)), ("other", (0, 1, 1, 1)))
    }
    observations = observations_of(probabilities, labels)
    for endings, done in (
        ({}, False),  # unknown
        ({"best": "done", "other": "dropped"}, True),
        ({"best": "done", "other": "max_epochs"}, False),
        ({"best": "dropped", "other": "done"}, False),
        ({"best": "done", "other": "dropped", RETRAINED: "max_minutes"}, True),
    ):
        curves = {name: LearningCurve((), ending) for name, ending in endings.items()}
        found = describe_strongest(observations, labels, curves, probabilities)
        assert found["done"] == done, endings


def test_a_calibration_that_helps_is_saved():
    labels = torch.tensor([0, 1] * 40)
    leaning = confident(*labels.tolist()) ** 0.1  # in the right order, but all predict class 1
    leaning[:, 1] += 0.3
    leaning /= leaning.sum(dim=1, keepdim=True)
    assert (leaning.argmax(dim=1) == 1).all()
    probabilities = {"leaning": dict.fromkeys(("valid", "test"), leaning[None])}
    found = describe_strongest(observations_of(probabilities, labels), labels, {}, probabilities)
    assert found["accuracy"][0] == 1
    _, bias = found["calibration"]
    assert bias[0] > bias[1]


@pytest.mark.parametrize(
    "name", ["resnet10", "resnet18", "fixed_classifier", "convnext", "inversion", "restoration"]
)
def test_every_shipped_adversary_predicts_the_same_after_loading(name, tiny, tmp_path):
    config = tiny("judge=standard", "image_size=32")
    factory = instantiate(config.judge.adversaries[name])
    torch.manual_seed(0)
    learner = factory(num_classes=2, column=3, fixed=resnet10(2).eval())
    learner.network.eval()
    if name == "inversion":
        learner.changed_counts = torch.tensor([[0.0, 3.0], [2.0, 0.0]])
    content = {"adversary": name, "calibration": [2.0, [0.1, -0.1]], "accuracy": [0.7, 0.6, 0.8]}
    save_atomically(tmp_path / "adversary.pt", {**content, "learned": learner.export_weights()})
    images = torch.rand(4, 3, 32, 32)
    torch.manual_seed(1)
    again = load_adversary(
        read_artifact(tmp_path / "adversary.pt"), factory, resnet10(2), num_classes=2
    )
    assert torch.equal(again.learner.log_probabilities(images), learner.log_probabilities(images))
    calibrated = again.calibration.apply(learner.log_probabilities(images).double().exp())
    assert torch.equal(again.probabilities(images, CPU), calibrated)
    assert not again.done  # this file does not say so
    other = instantiate(config.judge.adversaries["convnext" if name == "resnet18" else "resnet18"])
    with pytest.raises(UserError, match="the saved adversary does not match"):
        load_adversary(read_artifact(tmp_path / "adversary.pt"), other, resnet10(2), num_classes=2)


def test_a_judged_run_saves_its_adversary_and_judging_again_replaces_it(tiny, tmp_path):
    def judged(*overrides):
        where = f"classifiers.folder={tmp_path / 'classifiers'}"
        return tiny(where, *overrides, preset=[*TINY, *JUDGED])

    config = judged("baseline=true")
    run, result = train(config)
    assert [path.name for path in (run.path / "adversaries").iterdir()] == ["Smiling.pt"]
    content, evaluation = read_artifact(run.adversary("Smiling")), result.evaluations["Smiling"]
    assert content["settings"] == evaluation.settings
    settings = unflatten(evaluation.settings)
    assert flatten(settings) == evaluation.settings
    factory = instantiate(settings["judge"]["adversaries"][content["adversary"]])
    saved = load_adversary(content, factory, resnet10(2), num_classes=2)
    (scores,) = (
        each for each in evaluation.adversaries if (each.adversary, each.queries) == (saved.name, 1)
    )
    assert saved.accuracy == scores.test["accuracy"]
    assert saved.done == evaluation.adversaries_done()
    assert compute_accuracy(saved, run, config) == saved.accuracy.value

    evaluate(judged(f"run_dir={run.path}", "judge.queries=[2]", "judge.adversaries.inversion=null"))
    again = read_artifact(run.adversary("Smiling"))
    assert again["settings"]["judge.queries"] == [2]
    assert again["adversary"] == "resnet10"


def compute_accuracy(saved, run, config):
    """Return its accuracy on the test images, censored as the judge censored them."""
    data = instantiate(config.data)
    data.setup()
    source, column = MechanismSource(load_mechanism(run.path), data, CPU), data.column("Smiling")
    (batch,) = source.query("test", 0, seed=0)
    predicted = saved.probabilities(batch.images, CPU).argmax(dim=1)
    return (predicted == batch.attributes[:, column]).double().mean().item()
