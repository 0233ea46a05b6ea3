"""Drawn faces as batches: for demonstrations and tests, and where the truth must be known."""

from __future__ import annotations

from typing import Any

from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.table_data_module import ImageDataModule


class SyntheticFacesDataModule(ImageDataModule):
    """Parametric faces whose seven attributes have CelebA's joint frequencies.

    Args:
        image_size: side of the square images.
        num_train: images in the training split; likewise num_valid and num_test.
        drawing_seed: of the faces, apart from the seed of training.
        loading: batches and cache, see ImageDataModule.
    """

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
