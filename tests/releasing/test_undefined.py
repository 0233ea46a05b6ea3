"""Images of which a mechanism makes values that are not finite are named and never written."""

from functools import partial

import pytest
import torch
from photographs import flat

from privacy_gan.data.release_format import ReleaseFormat, rounded
from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_compute
from privacy_gan.privatizers.base import Censored, Privatizer
from privacy_gan.releasing.censoring import censor
from privacy_gan.releasing.manifest import Manifest
from privacy_gan.releasing.release import Release, release


class FailsAtBlack(Privatizer):
    """Makes one value of black images nan, and leaves others."""

    def forward(self, images, draws):
        censored = images.clone()
        censored[images.flatten(1).sum(dim=1) == 0, 0, 0, 0] = torch.nan
        return Censored(censored, None)


def test_such_an_image_is_skipped_by_name_and_the_others_are_written(tmp_path):
    (tmp_path / "in").mkdir()
    for name, shade in {"a": 90, "black": 0, "c": 30}.items():
        flat((shade,) * 3, 16, 16).save(tmp_path / "in" / f"{name}.png")
    how = Release(16, "whole", "original", ReleaseFormat.of("png"), batch_size=3)
    compute = choose_compute("cpu", "32-true")
    made = release(
        *(tmp_path / "in", tmp_path / "out", how),
        partial(censor, FailsAtBlack(), compute=compute),
        Manifest({}, {}, {}),
        overwrite=False,
    )
    assert [str(each) for each in made.skipped] == [
        "black.png: the mechanism makes values of it that are not finite"
    ]
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"a.png", "c.png"}


def test_values_that_are_not_finite_become_no_bytes():
    with pytest.raises(UserError, match="values are not finite"):
        rounded(torch.tensor([0.5, torch.nan]))
