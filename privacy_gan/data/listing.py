"""Labelled images as they were found in a folder, before splits are made."""

from __future__ import annotations

from dataclasses import dataclass

from privacy_gan.data.image_files import StoredImages
from privacy_gan.data.labels import Labels


@dataclass(frozen=True)
class Listing:
    """Images and their labels.

    Attributes:
        stored: where the images are.
        files: names of the labelled images there, [N].
        labels: their labels, in the same order.
        layout: what kind of folder it is, in words.
        person: column of the labels with the person in each image, or None.
    """

    stored: StoredImages
    files: tuple[str, ...]
    labels: Labels
    layout: str
    person: str | None = None
