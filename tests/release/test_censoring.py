"""Squares are drawn for one by one, and what is not finite is named and never written."""

from functools import partial

import numpy as np
import pytest
import torch
from photographs import flat

from privacy_gan.data.release_format import ReleaseFormat, to_uint8
from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_compute
from privacy_gan.privatizers.base import Censored, Privatizer
from privacy_gan.release.censoring import censor
from privacy_gan.release.folder_censoring import ReleaseSettings, release
from privacy_gan.release.output_folder import Manifest


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
    how = ReleaseSettings(16, "whole", "original", ReleaseFormat.of("png"), batch_size=3)
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
        to_uint8(torch.tensor([0.5, torch.nan]))


class RandomShade(Privatizer):
    """Shows nothing but its randomness."""

    def draw(self, images, rng):
        return {"synthetic": torch.rand(len(images), generator=rng)}

    def forward(self, images, draws):
        shade = draws["synthetic"][:, None, None, None]
        return Censored(shade.expand_as(images), draws["synthetic"])


def test_each_image_is_drawn_for_by_itself_and_never_alike_again():
    squares = [np.zeros((16, 16, 3), np.uint8)] * 64
    compute = choose_compute("cpu", "32-true")
    shades = [
        [int(pixels[0, 0, 0]) for pixels in censor(RandomShade(), squares, compute)]
        for _ in range(2)
    ]
    assert len(set(shades[0])) > 40  # of 256 shades
    assert shades[0] != shades[1]
    seeds = iter(range(64))
    known = censor(RandomShade(), squares, compute, lambda: next(seeds))
    alone = censor(RandomShade(), squares[:1], compute, lambda: 63)
    np.testing.assert_array_equal(known[63], alone[0])
