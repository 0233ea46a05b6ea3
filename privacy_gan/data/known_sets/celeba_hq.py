"""CelebAMask-HQ: 30,000 faces of CelebA in high resolution (Lee et al., 2020).

The images are in CelebA-HQ-img/, named by their numbers in CelebA-HQ; masks are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from privacy_gan.data.celeba_files import LAST_TEST, LAST_TRAIN, LAST_VALID
from privacy_gan.data.known_sets.files import find_file, find_files, folder_levels, require_file
from privacy_gan.data.known_sets.matched_labels import (
    list_labelled,
    splits_of,
    with_column,
    with_note,
)
from privacy_gan.data.labelled_images import find_images
from privacy_gan.data.labels import read_labels
from privacy_gan.data.listing import Listing
from privacy_gan.data.matching import number_key
from privacy_gan.data.splits import NAMES
from privacy_gan.data.text_tables import read_table
from privacy_gan.errors import UserError

TITLE = "CelebAMask-HQ"
LABELS = "CelebAMask-HQ-attribute-anno.txt"
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
IMAGES = "CelebA-HQ-img"


def matches(root: Path) -> bool:
    """Return whether a folder has the attributes of this data set."""
    return bool(find_files(root, LABELS))


def read(root: Path) -> Listing:
    """Return the faces with CelebA's attributes, and with its splits if the mapping is there.

    Raises:
        UserError: a file or folder is missing or damaged, or no image has a label.
    """
    path = require_file(root, LABELS, TITLE)
    folder = find_image_folder(root, path)
    listing = list_labelled(folder, find_images(folder, "data.images"), read_labels(path), TITLE)
    mapping = find_file(root, MAPPING, TITLE)
    if mapping is None:
        return with_note(listing, f"{root} has no {MAPPING}: the splits are not those of CelebA")
    by_number = read_splits(mapping)
    names = listing.labels.names
    found = [by_number.get(number_key(name)) for name in names]
    return with_column(listing, "split", splits_of(names, found, str(mapping)))


def find_image_folder(root: Path, path: Path) -> Path:
    """Return the folder of the images, which is next to the attributes or elsewhere.

    Raises:
        UserError: it is missing.
    """
    places = [path.parent, *(folder for level in folder_levels(root) for folder in level)]
    for place in places:
        if (place / IMAGES).is_dir():
            return place / IMAGES
    raise UserError(
        f"data.images={root} has no folder {IMAGES}, which {TITLE} needs: put the folder next to "
        f"{path}"
    )


def read_splits(path: Path) -> dict[str, str]:
    """Return the split of each image, by its number in CelebA-HQ, from its number in CelebA.

    Raises:
        UserError: the mapping is damaged.
    """
    table = read_table(path)
    columns = table.columns or ()
    for column in ("idx", "orig_file"):
        if column not in columns:
            raise UserError(f"{path} is damaged: it has no column {column}; download it again")
    new, old = columns.index("idx"), columns.index("orig_file")
    splits: dict[str, str] = {}
    for number, row in zip(table.lines, table.rows, strict=True):
        key, original = number_key(row[new]), number_key(row[old])
        if not key or not original or not 1 <= int(original) <= LAST_TEST:
            raise UserError(
                f"{path} is damaged: line {number} has {row[new]} and {row[old]} instead of the "
                "numbers of an image in CelebA-HQ and CelebA; download it again"
            )
        splits[key] = NAMES[np.searchsorted((LAST_TRAIN, LAST_VALID), int(original))]
    return splits
