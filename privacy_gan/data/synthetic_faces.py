"""Data module for drawn faces, for demonstrations and tests."""

from __future__ import annotations

from typing import Any

from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.image_data_module import ImageDataModule


class SyntheticFacesDataModule(ImageDataModule):
    """Parametric faces with seven attributes that have CelebA's joint frequencies.

    Args:
        image_size: side of the square images in pixels, a multiple of 16.
        num_train: number of training images.
        num_valid: number of validation images.
        num_test: number of test images.
        drawing_seed: seed of the faces, independent of the seed of training.
        loading: batch and cache options, see ImageDataModule.
    """

    independent_images = True

    def __init__(
        self,
        image_size: int,
        num_train: int,
        num_valid: int,
        num_test: int,
        drawing_seed: int,
        **loading: Any,
    ) -> None:
        source = SyntheticFacesSource(image_size, num_train, num_valid, num_test, drawing_seed)
        super().__init__(source, **loading)
