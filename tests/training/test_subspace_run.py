"""Runs whose filter works in a subspace: the number of components, the cache, messages."""

import pytest
import torch
from presets import SUBSPACE

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.models.fit_basis import fit_basis
from privacy_gan.models.subspace import Basis
from privacy_gan.runs.loading import load_mechanism, read_weights
from privacy_gan.tensors import read_tensors
from privacy_gan.training import subspace

FILTER = ["privatizer=filter", "trainer.max_epochs=1", *SUBSPACE]


@pytest.fixture
def finished(tiny, tmp_path):
    """Return a finished run whose filter works in a subspace."""
    return train(tiny(*FILTER, f"classifiers.folder={tmp_path / 'shared'}"))[0]


def test_as_few_components_as_cut_off_seven_tenths_of_the_budget(finished, tmp_path):
    (file,) = (tmp_path / "shared").rglob("components-128-*.pt")
    basis = Basis(**read_tensors(file))
    weights = read_weights(finished.path)
    count = len(weights["filter.network.subspace.deviations"])
    assert basis.truncation(count) <= 0.7 * 0.01 < basis.truncation(count - 1)
    # network and discriminator see the same subspace
    for name in ("mean", "directions", "deviations", "truncation"):
        ours = weights[f"filter.network.subspace.{name}"]
        torch.testing.assert_close(weights[f"filter.discriminator.body.0.{name}"], ours)


def test_a_loaded_run_has_its_subspace(finished):
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    censored = load_mechanism(finished.path).privatize(images, 0).images
    weights = read_weights(finished.path)
    directions = weights["filter.network.subspace.directions"]
    outside = (censored.flatten(1) - weights["filter.network.subspace.mean"]) @ (
        torch.eye(len(directions)) - directions @ directions.T
    )
    inside = (censored > 0) & (censored < 1)
    assert inside.all(), "nothing is clipped here, so that the images stay in the subspace"
    torch.testing.assert_close(outside, torch.zeros_like(outside), rtol=0, atol=1e-4)


def test_the_components_are_fitted_once_for_all_runs(tiny, tmp_path, monkeypatch):
    fitted = []

    def watched(batches, count, seed):
        fitted.append(count)
        return fit_basis(batches, count, seed)

    monkeypatch.setattr(subspace, "fit_basis", watched)
    shared = f"classifiers.folder={tmp_path / 'shared'}"
    for change in ("seed=0", "seed=1", "epsilon=0.02"):
        train(tiny(*FILTER, shared, change))
    assert fitted == [128]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["networks.components=1", "epsilon=0.001"],
            r"networks\.components=1: .* cut off .*, which is all of epsilon=0\.001",
        ),
        (["networks.components=60"], r"these images have only 31 principal components"),
        (
            ["networks.max_truncation=0"],
            r"epsilon=0\.01 is too small for networks=subspace: even 31 principal components",
        ),
    ],
)
def test_a_budget_or_number_that_does_not_fit_the_data_is_one_line(changes, message, tiny):
    with pytest.raises(UserError, match=f"^.*{message}.*$"):
        train(tiny(*FILTER, *changes))
