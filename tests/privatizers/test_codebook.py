"""The codebook: fitted to drawn faces, balanced, certified; its options and its errors."""

import json

import pytest
import torch
from presets import JUDGED

from privacy_gan.commands.train import train
from privacy_gan.data.synthetic_faces import SyntheticFacesDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.certificate import HeldOut, certify
from privacy_gan.privatizers.codebook import CodebookPrivatizer
from privacy_gan.runs.certificate import Certificate
from privacy_gan.runs.loading import load_mechanism

CODEBOOK = ("privatizer=codebook", "privatizer.principal_components=20", "privatizer.width=32")
UTILITIES = ["Smiling", "Male", "Young"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def faces(once):
    folder = once("faces for a codebook", lambda _: None)
    data = SyntheticFacesDataModule(
        image_size=16,
        num_train=4000,
        num_valid=1000,
        num_test=1000,
        drawing_seed=0,
        cache_dir=folder,
        batch_size=64,
        seed=0,
    )
    data.setup()
    return data


def fitted(faces, **changed):
    """Return a codebook that hides Male, fitted to drawn faces, and what was measured."""
    settings = {
        "seed": 0,
        "principal_components": 20,
        "num_classes": 2,
        "codewords": 16,
        "epsilon": 0.025,
        "budget_share": 1.0,
        "temperature": 0.002,
        "utilities": UTILITIES,
        "utility_weight": 0.03,
        "width": 64,
        "dropout": 0.3,
    }
    codebook = CodebookPrivatizer(**settings | changed).eval()
    measured = codebook.fit_data(faces, faces.column("Male"), CPU)
    return codebook, measured


def held_out(codebook, faces):
    rows = torch.from_numpy(faces.rows("test"))
    batch = faces.gather(rows)
    labels = batch.attributes[:, faces.column("Male")]
    with torch.no_grad():
        channel = codebook.channel(batch.images)
    return batch, HeldOut(channel, labels, torch.arange(len(labels)), 2)


def test_outcomes_hardly_depend_on_the_attribute_unless_the_balance_is_removed(faces):
    accuracies = {}
    for balance in (1.0, 0.0):
        codebook, measured = fitted(faces, balance=balance)
        assert (measured["train/imbalance"] < 1e-3) == (balance == 1.0)
        _, images = held_out(codebook, faces)
        joint = images.one_hot.T @ images.channel / len(images.labels)
        accuracies[balance] = float(joint.amax(dim=0).sum())
        bounds = certify(images, codebook.frequencies, 0.05)
        assert bounds["accuracy"].value >= accuracies[balance]
    majority = float(images.counts.max()) / len(images.labels)
    assert accuracies[1.0] < majority + 0.02
    assert accuracies[0.0] > majority + 0.05


def test_an_image_has_the_same_codeword_in_every_batch(faces):
    codebook, _ = fitted(faces)
    batch, images = held_out(codebook, faces)
    draws = codebook.draw(batch.images, torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = codebook(batch.images, draws).images
        alone = codebook(batch.images[7:8], {"level": draws["level"][7:8]}).images
    torch.testing.assert_close(whole[7:8], alone)
    words = whole.flatten(1).unique(dim=0)
    assert 1 < len(words) <= 16
    assert float(images.channel.sum(dim=1).sub(1).abs().max()) < 1e-9


def test_the_distortion_is_the_one_that_was_measured_in_fitting(faces):
    codebook, measured = fitted(faces)
    rows = torch.from_numpy(faces.rows("train"))
    images = faces.gather(rows).images
    with torch.no_grad():
        released = codebook.privatize(images, 0).images
    assert float((released - images).square().mean()) == pytest.approx(
        measured["train/distortion"], rel=0.05
    )
    assert float(codebook.frequencies.sum()) == pytest.approx(1)


def test_the_hidden_attribute_is_not_kept_as_utility(faces):
    codebook, _ = fitted(faces)
    assert codebook.used.tolist() == [1.0, 0.0, 1.0]


def test_the_budget_decides_the_number_of_codewords(faces):
    sizes = []
    for epsilon in (0.015, 0.0138):
        codebook, measured = fitted(faces, codewords=None, epsilon=epsilon)
        assert measured["train/distortion"] <= epsilon
        assert measured["codewords"] == len(codebook.codebook.centres)
        sizes.append(measured["codewords"])
    assert sizes[0] < sizes[1]
    with pytest.raises(
        UserError, match=r"a budget of 5e-05 is less than a codebook reaches: with 32"
    ):
        fitted(faces, codewords=None, epsilon=1e-4, budget_share=0.5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"codewords": 1}, r"privatizer\.\[filter\.\]codewords=1 must be at least 2"),
        ({"codewords": 5000}, "4,000 training images are too few for a codebook of 5000"),
        ({"temperature": 0.0}, r"privatizer\.\[filter\.\]temperature=0\.0 must be at least 1e-09"),
        ({"utility_weight": -1.0}, r"\[filter\.\]utility_weight=-1\.0 must be at least 0"),
        ({"balance": 1.5}, r"privatizer\.\[filter\.\]balance=1\.5 must be between 0 and 1"),
        ({"utilities": ["Smilling"]}, "did you mean Smiling"),
    ],
)
def test_errors_say_what_to_set(faces, changed, message):
    with pytest.raises(UserError, match=message):
        fitted(faces, **changed)


def test_a_run_is_certified(tiny):
    run, result = train(
        tiny(
            *(*JUDGED, *CODEBOOK, "judge.queries=[1,2]", "privatizer.codewords=4"),
            *("data.num_train=600", "data.num_valid=200", "data.num_test=200"),
            "data.certify=0.25",
        )
    )
    evaluation = result.evaluations["Smiling"]
    assert evaluation.images == {"train": 450, "valid": 200, "test": 200}
    certificate = evaluation.certificate
    assert certificate.num_outcomes == 4
    assert certificate.images == 200 + 200 + 150
    assert certificate.max_images_per_person is None
    assert certificate.persons is None
    assert certificate.independent_images
    tree = json.loads((run.path / "result.json").read_text())
    assert Certificate.from_json(tree["evaluations"]["Smiling"]["certificate"]) == certificate
    for level, by_score in certificate.bounds.items():
        assert by_score["accuracy"].value <= certificate.bounds["0.99"]["accuracy"].value, level
    # an image is released once, so that adversaries see one version
    assert {each.queries for each in result.evaluations["Smiling"].adversaries} == {1}
    found = load_mechanism(run.path)
    assert found.codebook.images.shape == (4, 3 * 16**2)


def test_an_attribute_with_five_values_is_hidden(tiny):
    _, result = train(
        tiny(
            *CODEBOOK,
            "attribute=[Smiling,Male,Young,Heavy_Makeup]",
            "group_rule=other",
            *("data.num_train=2000", "privatizer.codewords=8", "privatizer.temperature=0.01"),
        )
    )
    assert result.training["train/imbalance"] < 1e-3
