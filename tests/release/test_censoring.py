"""Each image has its own random numbers, and images that are not finite are never written."""

from functools import partial

import numpy as np
import pytest
import torch
from photographs import flat

from privacy_gan.data.release_format import ReleaseFormat, to_uint8
from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_compute
from privacy_gan.privatizers.base import Censored, Privatizer
from privacy_gan.release.censoring import censor_images
from privacy_gan.release.folder_censoring import censor_folder
from privacy_gan.release.output_folder import Manifest
from privacy_gan.release.release_settings import ReleaseSettings
from privacy_gan.release.square_censoring import SquareCensor


class FailsAtBlack(Privatizer):
    """Sets one value of black images to nan and does not change others."""

    def forward(self, images, draws):
        censored = images.clone()
        censored[images.flatten(1).sum(dim=1) == 0, 0, 0, 0] = torch.nan
        return Censored(censored, None)


def test_an_image_that_is_not_finite_is_skipped_and_the_others_are_written(tmp_path):
    (tmp_path / "in").mkdir()
    for name, shade in {"a": 90, "black": 0, "c": 30}.items():
        flat((shade,) * 3, 16, 16).save(tmp_path / "in" / f"{name}.png")
    settings = ReleaseSettings(16, "whole", "original", ReleaseFormat.parse("png"), batch_size=3)
    compute = choose_compute("cpu", "32-true")
    report = censor_folder(
        *(tmp_path / "in", tmp_path / "out", settings),
        SquareCensor(settings, partial(censor_images, FailsAtBlack(), compute=compute)),
        Manifest({}, {}, {}),
        overwrite=False,
    )
    assert [str(each) for each in report.skipped] == [
        "black.png: the mechanism returned values that are not finite"
    ]
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"a.png", "c.png"}


def test_values_that_are_not_finite_are_not_converted_to_bytes():
    with pytest.raises(UserError, match="values that are not finite"):
        to_uint8(torch.tensor([0.5, torch.nan]))


class RandomShade(Privatizer):
    """Returns a random uniform grey."""

    def draw(self, images, rng):
        return {"synthetic": torch.rand(len(images), generator=rng)}

    def forward(self, images, draws):
        shade = draws["synthetic"][:, None, None, None]
        return Censored(shade.expand_as(images), draws["synthetic"])


def test_every_image_and_every_call_has_new_random_numbers():
    images = [np.zeros((16, 16, 3), np.uint8)] * 64
    compute = choose_compute("cpu", "32-true")
    shades = [
        [int(pixels[0, 0, 0]) for pixels in censor_images(RandomShade(), images, compute)]
        for _ in range(2)
    ]
    assert len(set(shades[0])) > 40  # of 256 shades
    assert shades[0] != shades[1]
    seeds = iter(range(64))
    seeded = censor_images(RandomShade(), images, compute, lambda _: next(seeds))
    single = censor_images(RandomShade(), images[:1], compute, lambda _: 63)
    np.testing.assert_array_equal(seeded[63], single[0])
