"""Reducing images to their principal components."""

import pytest
import torch

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.privatizers.projection import Projection
from privacy_gan.runs.loading import load_mechanism

PROJECTED = ("privatizer=projection", "networks=subspace", "epsilon=0.02")


def first_value(limits=(0.0, 1.0)):
    """Return the projection of three values onto the first, with the others 0.5."""
    projection = Projection(Subspace(1), limits)
    basis = Basis(torch.full((3,), 0.5), torch.eye(3)[:, :1], torch.tensor([0.2]), 0.05)
    projection.subspace.load_basis(basis)
    return projection


def test_what_lies_outside_the_subspace_is_replaced_by_its_mean():
    images = torch.tensor([[0.1, 0.2, 0.9], [0.8, 0.3, 0.4]]).view(2, 3, 1, 1)
    projected = first_value()(images, {}).images.view(2, 3)
    torch.testing.assert_close(projected, torch.tensor([[0.1, 0.5, 0.5], [0.8, 0.5, 0.5]]))


def test_only_images_are_clipped():
    beyond = torch.tensor([3.0, 0.5, 0.5]).view(1, 3, 1, 1)
    assert float(first_value()(beyond, {}).images.max()) == 1
    assert float(first_value(limits=None)(beyond, {}).images.max()) == pytest.approx(3)


def test_a_run_keeps_the_components_of_a_filter_with_its_budget(tiny):
    run, record = train(tiny(*PROJECTED))
    assert 0.01 < record.training["truncation"] <= 0.7 * 0.02
    found = load_mechanism(run.path)
    assert found.subspace.components == record.training["components"] >= 1
    assert found.subspace.directions.shape[1] == found.subspace.components


def test_it_needs_a_subspace_and_numbers_need_no_limits(tiny):
    with pytest.raises(UserError, match="networks=subspace"):
        train(tiny("privatizer=projection"))
    with pytest.raises(UserError, match=r"set networks\.privatizer\.limits=null"):
        train(tiny(*PROJECTED, "data=gaussian", preset=[], cached=False))
