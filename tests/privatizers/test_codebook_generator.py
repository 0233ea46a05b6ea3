"""The generator on codewords: it paints what the codebook releases and never sees the image."""

import csv
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from presets import JUDGED

from privacy_gan.commands.train import train
from privacy_gan.data.set_aside import set_aside
from privacy_gan.data.synthetic_faces import SyntheticFacesDataModule
from privacy_gan.data.table_data_module import SPLITS
from privacy_gan.errors import Interrupted, UserError
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.codebook import CodebookPrivatizer
from privacy_gan.release.exported import FACTS, ExportedPrivatizer
from privacy_gan.runs.loading import load_mechanism

SMALL = (
    "privatizer=codebook_generator",
    "privatizer.filter.principal_components=20",
    "privatizer.filter.width=32",
    "privatizer.filter.codewords=8",
    "data.num_train=600",
    "trainer.max_epochs=2",
)


def stop_in_training(monkeypatch):
    original = AdversarialPrivatizer.training_step

    def training_step(self, batch, batch_idx):
        if (self.current_epoch, batch_idx) == (1, 1):
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(AdversarialPrivatizer, "training_step", training_step)


def refuse_to_fit(*args):
    raise AssertionError("fitted again")


def weights(run):
    return torch.load(run.checkpoint, weights_only=True)["state_dict"]


@pytest.fixture
def judged(tiny, once):
    """Return a finished run with images that are set aside, and its result."""
    folder = once("judged_codebook_generator", lambda folder: train(overrides_in(tiny, folder)))
    return train(overrides_in(tiny, folder))


def overrides_in(tiny, folder, *more):
    folders = (f"output_dir={folder}", f"classifiers.folder={folder / 'classifiers'}")
    return tiny(*SMALL, *JUDGED, "data.certify=0.25", "baseline=true", *folders, *more)


def test_a_generator_paints_codewords(judged):
    run, result = judged
    mechanism = load_mechanism(run.path).for_inference().eval()
    codebook = mechanism.filter
    assert isinstance(codebook, CodebookPrivatizer)
    assert mechanism.finite_part is codebook

    # the certificate is the codebook's, and both distortions are known
    evaluation, baseline = result.evaluations["Smiling"], result.baseline["Smiling"]
    assert evaluation.certificate.bounds == baseline.certificate.bounds
    assert evaluation.certificate.num_outcomes == 8
    distortions = [each.measures["distortion"].censored.value for each in (baseline, evaluation)]
    assert distortions[0] < distortions[1]
    assert result.training["valid/filter/distortion"] == pytest.approx(distortions[0], rel=0.2)
    assert result.training["valid/generator/distortion"] == pytest.approx(distortions[1], rel=0.2)
    assert {each.queries for each in evaluation.adversaries} == {1}
    with (run.path / "metrics.csv").open(newline="") as file:
        in_training = [row["train/filter/distortion"] for row in csv.DictReader(file)]
    logged = [float(text) for text in in_training if text]
    assert min(logged) > 0.5 * distortions[0]  # it learns from codewords

    exported = ExportedPrivatizer.from_privatizer(
        load_mechanism(run.path), 16, ["Smiling"], dict.fromkeys(FACTS, "")
    )
    images = random_images(4)
    assert torch.equal(exported.privatize(images, 3).images, mechanism.privatize(images, 3).images)
    assert exported.single_release


def test_a_codebook_is_not_fitted_again_when_training_resumes(judged, tiny, tmp_path, monkeypatch):
    config = overrides_in(tiny, tmp_path / "resumed", "evaluate=false")
    with monkeypatch.context() as patched:
        stop_in_training(patched)
        with pytest.raises(Interrupted):
            train(config)
        patched.undo()
        patched.setattr(CodebookPrivatizer, "fit_data", refuse_to_fit)
        resumed, _ = train(config)
    torch.testing.assert_close(weights(resumed), weights(judged[0]), rtol=0, atol=0)


def random_images(count):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_the_output_depends_on_the_image_through_its_codeword_alone(judged):
    mechanism = load_mechanism(judged[0].path).for_inference().eval()
    images = torch.cat([random_images(20), torch.rand(20, 3, 1, 1).expand(-1, -1, 16, 16)])
    draws = mechanism.draw(images, torch.Generator().manual_seed(1))
    draws = {name: rows[:1].expand_as(rows) for name, rows in draws.items() if name != "level"}
    draws["level"] = torch.linspace(0, 1, 40, dtype=torch.float64)
    codewords = mechanism.filter(images, draws).images.flatten(1)
    painted = mechanism(images, draws).images.flatten(1)
    same = differences(codewords) < 1e-6
    assert 40 < int(same.sum()) < 1600  # several codewords, each of several images
    assert torch.equal(differences(painted) < 1e-4, same)


def differences(rows):
    """Return the largest difference between any two rows [N, D], [N, N]."""
    return (rows[:, None] - rows).abs().amax(dim=2)


def test_nothing_sees_the_images_that_are_set_aside(judged, tiny, tmp_path, monkeypatch):
    run, result = judged
    original = SyntheticFacesDataModule.open_table

    def with_other_images(self):
        table = original(self)
        train_rows = np.flatnonzero(table.splits == SPLITS["train"])
        images = table.images.copy()
        images[set_aside(train_rows, train_rows, self.certify)] = 77
        return replace(table, images=images)

    monkeypatch.setattr(SyntheticFacesDataModule, "open_table", with_other_images)
    other, other_result = train(overrides_in(tiny, tmp_path / "other"))
    torch.testing.assert_close(weights(other), weights(run), rtol=0, atol=0)
    for one, another in (
        (result.evaluations, other_result.evaluations),
        (result.baseline, other_result.baseline),
    ):
        assert another["Smiling"].measures == one["Smiling"].measures
        assert another["Smiling"].certificate != one["Smiling"].certificate
    assert result.evaluations["Smiling"].certificate.found == {}  # codewords are not released
    assert result.baseline["Smiling"].certificate.found


def test_a_training_does_not_start_from_a_codebook_of_other_images(judged, tiny, tmp_path):
    folder = judged[0].path
    with pytest.raises(UserError, match="fitted to the training images first") as error:
        train(overrides_in(tiny, tmp_path / "other", f"start_from={folder}"))
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"belongs to a run with trainer\.max_epochs=2") as error:
        train(overrides_in(tiny, folder.parents[4], "trainer.max_epochs=3"))
    assert "start_from" not in str(error.value)
