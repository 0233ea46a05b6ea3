"""Adversaries and classifiers whose training steps are captured as graphs learn the same."""

import json
from dataclasses import replace

from presets import JUDGED
from recorded_graphs import RecordedGraphs

from privacy_gan import graphs
from privacy_gan.commands import judging
from privacy_gan.commands.train import train
from privacy_gan.evaluation.learning import Learner

# all kinds of adversaries, in two stages, between which each returns to its trunk
REPLACED = {
    "judge=quick",
    *(f"judge.adversaries.{name}=null" for name in ("fixed_classifier", "pca_mlp")),
}
PANEL = [
    *(each for each in JUDGED if each not in REPLACED),
    "judge=standard",
    "judge.adversaries.resnet18=null",
    "judge.adversaries.convnext=null",  # needs larger images
    "judge.adversaries.pca_mlp.network.components=8",
    "judge.adversaries.pca_mlp.network.width=8",
    "judge.adversaries.restoration.network.width=2",
    "judge.max_epochs=2",
    "trainer.max_epochs=1",
    "data.num_train=64",
]


def judged(tiny, folder):
    """Train and judge a run in a folder; return its result."""
    run, _ = train(tiny(*PANEL, f"output_dir={folder}", f"classifiers.folder={folder / 'fixed'}"))
    return json.loads(run.result_file.read_text("utf-8"))


def test_adversaries_with_graphs_learn_the_same(tiny, tmp_path, monkeypatch):
    expected = judged(tiny, tmp_path / "eager")
    backend, kinds = RecordedGraphs(), set()
    choose_compute, training_step = judging.choose_compute, Learner.training_step

    def choose(*hardware):
        return replace(choose_compute(*hardware), graphs=backend)

    def step(self, *arguments):
        training_step(self, *arguments)
        assert not self._captured.failed
        kinds.add(type(self).__name__)

    monkeypatch.setattr(graphs, "WARM_UP_STEPS", 1)
    monkeypatch.setattr(judging, "choose_compute", choose)
    monkeypatch.setattr(Learner, "training_step", step)
    found = judged(tiny, tmp_path / "captured")
    assert kinds == {
        *("Learner", "ComponentLearner", "Inversion", "Restoration", "RetrainedClassifier"),
    }
    assert backend.replays > 20
    assert found["evaluations"] == expected["evaluations"]
