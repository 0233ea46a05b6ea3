"""Reducing images to their principal components."""

import pytest
import torch

from privacy_gan.commands.train import train
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.projection import Projection

# values (a, b, c) around (0.5, 0.5, 0.5): a has deviation 0.2, b 0.1, c 0.04; uncorrelated
CORNERS = torch.tensor([[i, j, k] for i in (-1.0, 1) for j in (-1.0, 1) for k in (-1.0, 1)])
BOX = (0.5 + CORNERS * torch.tensor([0.2, 0.1, 0.04])).view(8, 3, 1, 1)


def fitted(*args, images=BOX):
    projection = Projection(*args)
    measured = projection.fit(lambda: [Batch(images, torch.zeros(len(images), 1).long())])
    return projection, measured


@pytest.mark.parametrize(
    ("epsilon", "components", "cut_off"),
    [
        (0.001, 2, 0.04**2 / 3),
        (0.004, 1, (0.04**2 + 0.1**2) / 3),
        (1e-5, 3, 0),
    ],
)
def test_as_few_components_are_kept_as_the_budget_allows(epsilon, components, cut_off):
    projection, measured = fitted(epsilon)
    assert measured == pytest.approx(
        {"components": components, "train/distortion": cut_off}, abs=1e-7
    )
    censored = projection(BOX, {}).images
    assert float((censored - BOX).square().mean()) == pytest.approx(cut_off, abs=1e-7)
    torch.testing.assert_close(censored[:, :components], BOX[:, :components], rtol=0, atol=1e-5)


def test_a_number_of_components_replaces_the_budget():
    projection, measured = fitted(0.001, 1)
    assert measured["components"] == projection.arguments()["components"] == 1
    assert measured["train/distortion"] > 0.001


def test_images_are_clipped():
    images = torch.stack([torch.zeros(3, 1, 1), torch.ones(3, 1, 1), torch.rand(3, 1, 1)])
    projection, _ = fitted(0.001, 1, images=images)
    beyond = projection(torch.full((1, 3, 1, 1), 3.0), {}).images
    assert beyond.max() == 1
    projection.limits = None
    assert projection(torch.full((1, 3, 1, 1), 3.0), {}).images.max() > 1


def test_too_many_components_and_equal_images_are_named():
    with pytest.raises(UserError, match="have only 3 principal components"):
        fitted(0.001, 4)
    with pytest.raises(UserError, match="all training images are equal"):
        fitted(0.001, images=BOX[:1].expand(8, -1, -1, -1))
    with pytest.raises(UserError, match="must be 1 or more"):
        Projection(0.001, 0)


def test_a_run_is_saved_with_its_components(tiny):
    run, record = train(tiny("privatizer=projection", "epsilon=0.02"))
    assert 0.01 < record.training["train/distortion"] <= 0.02
    saved = torch.load(run.checkpoint, weights_only=True)["state_dict"]
    assert saved["subspace.directions"].shape[1] == record.training["components"] >= 1
